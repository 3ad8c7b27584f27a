"""Published statistics: frozen under a number with the list and the policy behind them, corrected beside (S10)."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from services.intake.domain.errors import DateNotAllowed, FieldMissing
from services.intake.domain.statistics.periods import Period
from services.intake.domain.statistics.statistics import Figures, Policy, Report, Signing, differences, figures_of
from shared.contracts.statistics import (
    PublishedSigning,
    SigningDifference,
    StatisticsCorrected,
    StatisticsPublished,
    TierFigures,
)
from shared.kit.errors import Conflict


class NothingToCorrect(Conflict):
    """What was stated last is what the records say today."""

    def __init__(self, publication_id: UUID) -> None:
        message = "现有记录与最近一次公布的数据一致，无须更正"
        super().__init__(message, publication_id=str(publication_id))


@dataclass(frozen=True, slots=True)
class Issue:
    """What was stated on a day: the projects that count, by a policy. `correction` 0: the publication itself."""

    correction: int
    issued_on: date
    actor: str
    reason: str
    policy: Policy
    signings: tuple[Signing, ...]
    differences: tuple[SigningDifference, ...] = ()

    @property
    def figures(self) -> Figures:
        return figures_of((signing.amount_wan for signing in self.signings), self.policy)

    def as_report(self, period: Period) -> Report:
        """What was stated as a report of its period, to be broken down."""
        return Report(period, self.policy, self.signings, ())


@dataclass(frozen=True, slots=True)
class Publication:
    """The figures of a period under a number. `issues`: as published, then each correction; none is ever changed."""

    id: UUID
    period: Period
    number: int
    issues: tuple[Issue, ...]
    version: int

    @property
    def title(self) -> str:
        return f"{self.period.label} 第{self.number}号"

    @property
    def published(self) -> Issue:
        return self.issues[0]

    @property
    def latest(self) -> Issue:
        return self.issues[-1]


def publish(
    publication_id: UUID, number: int, report: Report, *, actor: str, today: date
) -> tuple[Publication, StatisticsPublished]:
    """Freeze a period's figures as they stand.

    Raises:
        DateNotAllowed: the period has not ended.
    """
    period = report.period
    if period.to_on > today:
        raise DateNotAllowed(
            f"统计期截止日期{period.to_on}不能晚于今天{today}", what="截止日期", day=period.to_on, limit=today
        )
    issue = Issue(0, today, actor, "", report.policy, report.counted)
    figures = issue.figures
    event = StatisticsPublished(
        publication_id=publication_id,
        period=period.label,
        number=number,
        from_on=period.from_on,
        to_on=period.to_on,
        published_on=today,
        policy_version=report.policy.version,
        count=figures.count,
        total_wan=figures.total_wan,
        tiers=_tiers(figures),
        signings=tuple(_published(signing) for signing in report.counted),
    )
    return Publication(publication_id, period, number, (issue,), 1), event


def correct(
    publication: Publication, present: Report, *, reason: str, actor: str, today: date
) -> tuple[Publication, StatisticsCorrected]:
    """State beside what was published what the records say now, and how it differs from what was stated last.

    Raises:
        NothingToCorrect: it does not differ.
        FieldMissing: without a reason.
    """
    if not reason.strip():
        raise FieldMissing("更正原因不能为空", field="reason")
    found = differences(publication.latest.signings, present)
    if not found:
        raise NothingToCorrect(publication.id)
    number = len(publication.issues)
    issue = Issue(number, today, actor, reason, present.policy, present.counted, found)
    figures = issue.figures
    event = StatisticsCorrected(
        publication_id=publication.id,
        number=number,
        corrected_on=today,
        reason=reason,
        policy_version=present.policy.version,
        count=figures.count,
        total_wan=figures.total_wan,
        tiers=_tiers(figures),
        differences=found,
    )
    issues = (*publication.issues, issue)
    return Publication(publication.id, publication.period, publication.number, issues, publication.version + 1), event


def _tiers(figures: Figures) -> tuple[TierFigures, ...]:
    return tuple(
        TierFigures(at_least_wan=tier.at_least_wan, count=tier.count, total_wan=tier.total_wan)
        for tier in figures.tiers
    )


def _published(signing: Signing) -> PublishedSigning:
    assert signing.signed_on is not None, "what counts has a day"
    return PublishedSigning(
        project_id=signing.project_id,
        code=signing.code,
        chain_id=signing.chain_id,
        signed_on=signing.signed_on,
        amount_wan=signing.amount_wan,
    )
