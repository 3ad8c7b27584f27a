"""The statistics of newly signed projects (S10): a period's figures, what is behind them, and published ones."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from typing import Annotated, Any, Self
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.api.access import Page, Reader
from services.intake.api.answers import Shown
from services.intake.api.bodies import Body, Text
from services.intake.api.projects.lists import TierShown
from services.intake.domain.errors import RecordMissing
from services.intake.domain.statistics.periods import Period
from services.intake.domain.statistics.publications import Issue, Publication
from services.intake.domain.statistics.statistics import (
    DIMENSION_NAMES,
    REASON_NAMES,
    Dimension,
    Figures,
    Group,
    Reason,
    Report,
    Signing,
    differences,
    explained,
    groups,
    headline,
)
from services.intake.domain.terms import KIND_NAMES, wan_as_yi
from services.intake.handlers import statistics as handlers
from services.intake.store import statistics as store
from shared.contracts.project_records import CapitalSource
from shared.contracts.projects import ProjectKind
from shared.contracts.statistics import SigningDifference
from shared.kit.web.http import Answer, By, Write, page, reply, writing
from shared.kit.web.security import Role

router = APIRouter(tags=["statistics"])
SIGNINGS = "/v1/statistics/signings"
PUBLICATIONS = "/v1/statistics/publications"
ONE = PUBLICATIONS + "/{publication_id}"

Publisher = Annotated[Write, Depends(writing(Role.SUPERVISOR))]
"""督查室 publishes figures, and corrects them."""


def period_of(
    from_on: Annotated[date, Query(alias="from", description="the first day")],
    to_on: Annotated[date, Query(alias="to", description="the last day, which is in the period")],
) -> Period:
    """Raises PeriodNotAllowed."""
    return Period(from_on, to_on)


Of = Annotated[Period, Depends(period_of)]
Dimensions = Annotated[
    tuple[Dimension, ...], Query(alias="by", max_length=len(Dimension), description="dimensions to break down by")
]


class PeriodShown(Shown):
    from_on: date
    to_on: date
    label: str
    name: str

    @classmethod
    def of(cls, period: Period) -> Self:
        return cls(from_on=period.from_on, to_on=period.to_on, label=period.label, name=period.words)


class PolicyShown(Shown):
    """By what was counted: `tiers_wan` from the least amount that counts, in whole 万元."""

    version: str
    tiers_wan: tuple[int, ...]
    count_terminated: bool


class FiguresShown(Shown):
    """`tiers`: of those projects that reach an amount; the first is the whole."""

    count: int
    total_wan: int
    total_yi: str
    tiers: tuple[TierShown, ...]

    @classmethod
    def of(cls, figures: Figures) -> Self:
        return cls(
            count=figures.count,
            total_wan=figures.total_wan,
            total_yi=wan_as_yi(figures.total_wan),
            tiers=tuple(TierShown.of(tier) for tier in figures.tiers),
        )


class GroupShown(Shown):
    key: str
    name: str
    figures: FiguresShown

    @classmethod
    def of(cls, group: Group) -> Self:
        return cls(key=group.key, name=group.name, figures=FiguresShown.of(group.figures))


class Breakdown(Shown):
    """What counts by one dimension: each project stands in one group, so that the groups add up to the whole."""

    by: Dimension
    name: str
    groups: tuple[GroupShown, ...]

    @classmethod
    def of(cls, found: Report, dimension: Dimension) -> Self:
        parts = tuple(GroupShown.of(group) for group in groups(found, dimension))
        return cls(by=dimension, name=DIMENSION_NAMES[dimension], groups=parts)


class LeftOut(Shown):
    """How many of the period's signings do not count for a reason, and what they come to."""

    reason: Reason
    name: str
    count: int
    total_wan: int


class ReportShown(Shown):
    """`undated`: projects signed on a day that nobody wrote down; they belong to no period until it is filled in."""

    period: PeriodShown
    policy: PolicyShown
    headline: str
    figures: FiguresShown
    breakdowns: tuple[Breakdown, ...]
    left_out: tuple[LeftOut, ...]
    undated: int


class SigningShown(Shown):
    """A signing with its reason, where it does not count. `amount_wan`: the increment for a 增资."""

    project_id: UUID
    code: str
    name: str
    kind: ProjectKind
    kind_name: str
    chain_id: UUID
    chain_name: str
    org_id: UUID
    org_name: str
    park_id: UUID | None
    park_name: str
    capital_source: CapitalSource | None
    signed_on: date | None
    amount_wan: int
    amount_yi: str
    reason: Reason | None = None
    reason_name: str = ""

    @classmethod
    def of(cls, signing: Signing, reason: Reason | None = None) -> Self:
        return cls(
            **{name: getattr(signing, name) for name in cls.model_fields if hasattr(signing, name)},
            kind_name=KIND_NAMES[signing.kind],
            amount_yi=wan_as_yi(signing.amount_wan),
            reason=reason,
            reason_name=REASON_NAMES[reason] if reason else "",
        )


class IssueShown(Shown):
    """What was stated on a day. `number` 0: as published, else the 更正's; `text`: as it reads."""

    number: int
    issued_on: date
    actor: str
    reason: str
    text: str
    policy: PolicyShown
    figures: FiguresShown
    differences: tuple[SigningDifference, ...]

    @classmethod
    def of(cls, publication: Publication, issue: Issue) -> Self:
        return cls(
            number=issue.correction,
            issued_on=issue.issued_on,
            actor=issue.actor,
            reason=issue.reason,
            text=text_of(publication, issue),
            policy=PolicyShown.model_validate(issue.policy),
            figures=FiguresShown.of(issue.figures),
            differences=issue.differences,
        )


class PresentShown(Shown):
    """What the records say now, by the publication's policy, and how it differs from what was published."""

    figures: FiguresShown
    differences: tuple[SigningDifference, ...]


class PublicationShown(Shown):
    """`published` never changes; each correction stands beside it."""

    id: UUID
    title: str
    period: PeriodShown
    number: int
    published: IssueShown
    corrections: tuple[IssueShown, ...]
    present: PresentShown
    version: int


class ListedPublication(Shown):
    """`latest_*`: as the last correction says; the same as published where there is none."""

    id: UUID
    title: str
    period: PeriodShown
    number: int
    published_on: date
    count: int
    total_wan: int
    corrections: int
    latest_count: int
    latest_total_wan: int
    version: int


class PublishBody(Body):
    """The period's first and last day, both in it."""

    from_on: Annotated[date, Field(alias="from")]
    to_on: Annotated[date, Field(alias="to")]


class CorrectBody(Body):
    reason: Text


@router.get(SIGNINGS, response_model=ReportShown)
async def show_report(
    period: Of,
    conn: Reader,
    by: Dimensions = (),
    chain_id: UUID | None = None,
    responsible_org_id: UUID | None = None,
    park_id: UUID | None = None,
) -> ReportShown:
    """Newly signed projects of a period: count, total and tiers, broken down, by the records as they are."""
    found = await handlers.present_report(period, conn=conn)
    found = _narrowed(found, chain_id, responsible_org_id, park_id)
    return ReportShown(
        period=PeriodShown.of(period),
        policy=PolicyShown.model_validate(found.policy),
        headline=headline(period, found.figures, found.policy),
        figures=FiguresShown.of(found.figures),
        breakdowns=tuple(Breakdown.of(found, dimension) for dimension in dict.fromkeys(by)),
        left_out=_left_out(found.left_out),
        undated=await store.undated(chain_id=chain_id, org_id=responsible_org_id, park_id=park_id, conn=conn),
    )


@router.get(SIGNINGS + "/projects")
async def list_signings(
    period: Of,
    conn: Reader,
    paging: Page,
    counted: Annotated[bool, Query(description="false: what was signed in the period and does not count")] = True,
) -> dict[str, Any]:
    """The projects behind a period's figures by their days and codes, or those left out, with the reasons."""
    found = await handlers.present_report(period, conn=conn)
    judged = [(signing, None) for signing in found.counted] if counted else list(found.left_out)
    return _signings_page(judged, paging.start(tuple[int]), paging.limit)


@router.get(PUBLICATIONS)
async def list_publications(conn: Reader, paging: Page) -> dict[str, Any]:
    """What was published, the latest period first."""
    after = paging.start(tuple[date, date, int])
    found = await store.publications(conn=conn, after=after, limit=paging.limit)
    last = found[-1] if len(found) == paging.limit else None
    return page(
        [_listed(item) for item in found],
        (last.period.to_on, last.period.from_on, last.number) if last else None,
    )


@router.post(PUBLICATIONS, status_code=201, response_model=PublicationShown)
async def publish_statistics(body: PublishBody, write: Publisher) -> Response:
    """Publish a period's figures under its next number: figures, list and policy stay as they are from then on."""
    period = Period(body.from_on, body.to_on)

    async def work(conn: AsyncConnection, by: By) -> Answer:
        return await _answer(await handlers.publish(period, conn=conn, by=by), conn=conn, status=201)

    return await write(work)


@router.get(ONE, response_model=PublicationShown)
async def show_publication(publication_id: UUID, conn: Reader) -> Response:
    """A publication as it was published, its corrections, and what the records say now."""
    # Without the request, so never a 304: the present figures change without it.
    return reply(await _answer(await handlers.publication_of(publication_id, conn=conn), conn=conn))


@router.get(ONE + "/projects")
async def list_published(
    publication_id: UUID,
    conn: Reader,
    paging: Page,
    correction: Annotated[int, Query(ge=0, le=10_000, description="0: as published")] = 0,
) -> dict[str, Any]:
    """The list behind the published figures, or behind those of a correction."""
    issue = issue_of(await handlers.publication_of(publication_id, conn=conn), correction)
    return _signings_page([(item, None) for item in issue.signings], paging.start(tuple[int]), paging.limit)


@router.get(ONE + "/breakdowns", response_model=tuple[Breakdown, ...])
async def break_down_published(
    publication_id: UUID,
    conn: Reader,
    by: Dimensions,
    correction: Annotated[int, Query(ge=0, le=10_000, description="0: as published")] = 0,
) -> list[Breakdown]:
    """The published figures broken down, with the names that chains and units had then."""
    publication = await handlers.publication_of(publication_id, conn=conn)
    found = issue_of(publication, correction).as_report(publication.period)
    return [Breakdown.of(found, dimension) for dimension in dict.fromkeys(by)]


@router.post(ONE + ":correct", response_model=PublicationShown)
async def correct_statistics(publication_id: UUID, body: CorrectBody, write: Publisher) -> Response:
    """Put a numbered 更正 beside what was published, with the difference project by project."""

    async def work(conn: AsyncConnection, by: By) -> Answer:
        publication = await handlers.correct(
            publication_id, reason=body.reason, expected=write.expected_version, conn=conn, by=by
        )
        return await _answer(publication, conn=conn)

    return await write(work)


def text_of(publication: Publication, issue: Issue) -> str:
    """What was stated, as it reads."""
    told = headline(publication.period, issue.figures, issue.policy)
    if issue.correction == 0:
        return f"{publication.title}：{told}"
    return f"{publication.title} 更正第{issue.correction}号：更正后，{told}{explained(issue.differences)}。"


def issue_of(publication: Publication, correction: int) -> Issue:
    """As published, or a correction; raises RecordMissing."""
    if correction >= len(publication.issues):
        raise RecordMissing("更正", correction)
    return publication.issues[correction]


async def _answer(publication: Publication, *, conn: AsyncConnection, status: int = 200) -> Answer:
    present = await handlers.present_beside(publication, conn=conn)
    shown = PublicationShown(
        id=publication.id,
        title=publication.title,
        period=PeriodShown.of(publication.period),
        number=publication.number,
        published=IssueShown.of(publication, publication.published),
        corrections=tuple(IssueShown.of(publication, issue) for issue in publication.issues[1:]),
        present=PresentShown(
            figures=FiguresShown.of(present.figures),
            differences=differences(publication.published.signings, present),
        ),
        version=publication.version,
    )
    return Answer(shown, status=status, version=shown.version, location=f"{PUBLICATIONS}/{shown.id}")


def _listed(item: store.Listed) -> ListedPublication:
    return ListedPublication(
        id=item.id,
        title=f"{item.period.label} 第{item.number}号",
        period=PeriodShown.of(item.period),
        number=item.number,
        published_on=item.published_on,
        count=item.count,
        total_wan=item.total_wan,
        corrections=item.corrections,
        latest_count=item.present_count,
        latest_total_wan=item.present_total_wan,
        version=item.version,
    )


def _narrowed(found: Report, chain_id: UUID | None, org_id: UUID | None, park_id: UUID | None) -> Report:
    def wanted(signing: Signing) -> bool:
        asked = ((chain_id, signing.chain_id), (org_id, signing.org_id), (park_id, signing.park_id))
        return all(want is None or want == has for want, has in asked)

    counted = tuple(signing for signing in found.counted if wanted(signing))
    return replace(found, counted=counted, left_out=tuple(item for item in found.left_out if wanted(item[0])))


def _left_out(found: Iterable[tuple[Signing, Reason]]) -> tuple[LeftOut, ...]:
    amounts: dict[Reason, list[int]] = {}
    for signing, reason in found:
        amounts.setdefault(reason, []).append(signing.amount_wan)
    return tuple(
        LeftOut(reason=reason, name=REASON_NAMES[reason], count=len(of), total_wan=sum(of))
        for reason, of in sorted(amounts.items())
    )


def _signings_page(
    judged: Sequence[tuple[Signing, Reason | None]], after: Sequence[int] | None, limit: int
) -> dict[str, Any]:
    """The page after so many of them."""
    start = max(0, after[0]) if after else 0
    shown = [SigningShown.of(*item) for item in judged[start : start + limit]]
    return page(shown, (start + limit,) if len(shown) == limit else None)
