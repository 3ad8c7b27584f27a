"""Support given to a project, and 要素保障: its needs, who sees to them, until when."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Annotated, Any, Self
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import Field, StringConstraints
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.api.access import Clerk, Page, Reader, Today
from services.intake.api.answers import Shown
from services.intake.api.bodies import PRINTABLE, Body, CancelBody, Text
from services.intake.api.projects.showing import OneProject
from services.intake.domain.projects import support as domain
from services.intake.domain.projects.project import Project
from services.intake.domain.projects.support import NEED_STATUS_NAMES, Need, NeedStatus, NewNeed, Support
from services.intake.domain.terms import NEED_NAMES, SUPPORT_NAMES
from services.intake.handlers.projects import support as handlers
from services.intake.handlers.writing import today as day_of
from services.intake.store import views
from services.intake.store.projects import support as store
from shared.contracts.event import Event
from shared.contracts.project_records import NeedKind, SupportKind
from shared.kit.web.http import Answer, By, page

router = APIRouter(tags=["support"])
SUPPORT = "/v1/projects/{project_id}/support"
NEEDS = "/v1/projects/{project_id}/needs"
ONE = NEEDS + "/{need_id}"


class SupportBody(Body):
    """`org_ids`: who gave it, jointly."""

    kind: SupportKind
    on: date
    org_ids: Annotated[tuple[UUID, ...], Field(min_length=1, max_length=50)]
    text: Text

    def support(self, project_id: UUID) -> Support:
        return Support(UUID(int=0), project_id, self.kind, self.on, self.org_ids, self.text)


class NeedBody(Body):
    """Without `due_on` or `responsible_post_id` it is refused."""

    kind: NeedKind
    text: Text
    raised_on: date
    due_on: date | None = None
    responsible_post_id: UUID | None = None

    def need(self) -> NewNeed:
        return NewNeed(self.kind, self.text, self.raised_on, self.due_on, self.responsible_post_id)


class NeedMetBody(Body):
    met_on: date
    text: Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000, pattern=PRINTABLE)] = ""


class SupportShown(Shown):
    id: UUID
    project_id: UUID
    kind: SupportKind
    kind_name: str
    on: date
    org_ids: tuple[UUID, ...]
    org_names: tuple[str, ...]
    text: str

    @classmethod
    def of(cls, support: Support, names: Mapping[UUID, str]) -> Self:
        return cls(
            **{name: getattr(support, name) for name in cls.model_fields if hasattr(support, name)},
            kind_name=SUPPORT_NAMES[support.kind],
            on=support.given_on,
            org_names=tuple(names.get(id, "未知") for id in support.org_ids),
        )


class NeedShown(Shown):
    """`late`: open on a day after its due day, of a project that goes on; supervision has its own word for that."""

    id: UUID
    project_id: UUID
    kind: NeedKind
    kind_name: str
    text: str
    raised_on: date
    due_on: date
    responsible_post_id: UUID
    responsible_post_title: str
    responsible_person_id: UUID | None
    status: NeedStatus
    status_name: str
    met_on: date | None
    outcome: str
    late: bool

    @classmethod
    def of(cls, need: Need, names: Mapping[UUID, str], *, late: bool) -> Self:
        return cls(
            **{name: getattr(need, name) for name in cls.model_fields if hasattr(need, name)},
            kind_name=NEED_NAMES[need.kind],
            responsible_post_title=names.get(need.responsible_post_id, "未知"),
            status_name=NEED_STATUS_NAMES[need.status],
            late=late,
        )


@router.get(SUPPORT)
async def list_support(project: OneProject, conn: Reader, paging: Page) -> dict[str, Any]:
    """What a project was given, the earliest first."""
    after = paging.start(tuple[date, UUID])
    found = await store.supports(project.id, after=after, limit=paging.limit, conn=conn)
    names = await views.names({id for item in found for id in item.org_ids}, conn=conn)
    last = (found[-1].given_on, found[-1].id) if len(found) == paging.limit else None
    return page([SupportShown.of(item, names) for item in found], last)


@router.post(SUPPORT, status_code=201, response_model=SupportShown)
async def give_support(project_id: UUID, body: SupportBody, write: Clerk) -> Response:
    """Record support that was given: 原材料进口, 政策扶持, 配套服务."""

    async def work(conn: AsyncConnection, by: By) -> Answer:
        project, given = await handlers.give_support(
            body.support(project_id), expected=write.expected_version, conn=conn, by=by
        )
        shown = SupportShown.of(given, await views.names(set(given.org_ids), conn=conn))
        return Answer(shown, status=201, version=project.version, location=f"/v1/projects/{project_id}/support")

    return await write(work)


@router.get("/v1/needs")
async def list_needs(conn: Reader, paging: Page, today: Today, status: NeedStatus | None = None) -> dict[str, Any]:
    """要素保障 needs of all projects, in order of their due days."""
    return await _page(paging, today=today, conn=conn, status=status)


@router.get(NEEDS)
async def list_needs_of_project(project: OneProject, conn: Reader, paging: Page, today: Today) -> dict[str, Any]:
    return await _page(paging, today=today, conn=conn, project_id=project.id)


@router.post(NEEDS, status_code=201, response_model=NeedShown)
async def raise_need(project_id: UUID, body: NeedBody, write: Clerk) -> Response:
    """Raise a need of land, energy, environment or planning, with a due day and a responsible post."""

    async def work(conn: AsyncConnection, by: By) -> Answer:
        found = await handlers.raise_need(project_id, body.need(), expected=write.expected_version, conn=conn, by=by)
        return await _answer(*found, by=by, conn=conn, status=201)

    return await write(work)


@router.post(ONE + ":meet", response_model=NeedShown)
async def meet_need(project_id: UUID, need_id: UUID, body: NeedMetBody, write: Clerk) -> Response:
    async def work(conn: AsyncConnection, by: By) -> Answer:
        def met(need: Need) -> list[Event]:
            return domain.meet(need, on=body.met_on, text=body.text, today=day_of(by))

        found = await handlers.settle_need(project_id, need_id, met, expected=write.expected_version, conn=conn, by=by)
        return await _answer(*found, by=by, conn=conn)

    return await write(work)


@router.post(ONE + ":withdraw", response_model=NeedShown)
async def withdraw_need(project_id: UUID, need_id: UUID, body: CancelBody, write: Clerk) -> Response:
    async def work(conn: AsyncConnection, by: By) -> Answer:
        def withdrawn(need: Need) -> list[Event]:
            return domain.withdraw(need, reason=body.reason)

        found = await handlers.settle_need(
            project_id, need_id, withdrawn, expected=write.expected_version, conn=conn, by=by
        )
        return await _answer(*found, by=by, conn=conn)

    return await write(work)


async def _page(
    paging: Page,
    *,
    today: date,
    conn: AsyncConnection,
    project_id: UUID | None = None,
    status: NeedStatus | None = None,
) -> dict[str, Any]:
    after = paging.start(tuple[date, UUID])
    found = await store.needs(project_id=project_id, status=status, after=after, limit=paging.limit, conn=conn)
    last = (found[-1].due_on, found[-1].id) if len(found) == paging.limit else None
    return page(await needs_shown(found, today=today, conn=conn), last)


async def _answer(project: Project, need: Need, *, by: By, conn: AsyncConnection, status: int = 200) -> Answer:
    """The ETag is the project's version."""
    (shown,) = await needs_shown([need], today=day_of(by), conn=conn)
    location = f"/v1/projects/{project.id}/needs" if status == 201 else None
    return Answer(shown, status=status, version=project.version, location=location)


async def needs_shown(needs: Iterable[Need], *, today: date, conn: AsyncConnection) -> list[NeedShown]:
    found = list(needs)
    names = await views.names({need.responsible_post_id for need in found}, conn=conn)
    late = await store.late(found, today=today, conn=conn)
    return [NeedShown.of(need, names, late=need.id in late) for need in found]
