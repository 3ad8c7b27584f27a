"""Task forces (S4) and parks (S15): organisations, which answer for projects and hold events under the same id."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.api.access import Page, Reader, Registrar
from services.intake.api.answers import Shown
from services.intake.api.bodies import PRINTABLE, Body, Day, Name, Text
from services.intake.domain.errors import RecordMissing
from services.intake.domain.organisation.groups import FORCE_NAMES, Park, TaskForce
from services.intake.domain.organisation.programme import Organisation
from services.intake.domain.terms import wan_as_yi
from services.intake.handlers.organisation import groups as handlers
from services.intake.handlers.organisation.groups import ForceChanges, Group
from services.intake.store import views
from services.intake.store.organisation import groups as store
from services.intake.store.organisation import programme
from shared.contracts.programme import TaskForceKind, TaskForceMember
from shared.kit.web.http import Answer, By, page, reply

router = APIRouter()
Chains = Annotated[tuple[UUID, ...], Field(max_length=100)]
Address = Annotated[str, Field(max_length=200, pattern=PRINTABLE)]


class MemberBody(Body):
    """A unit that takes part, perhaps by a person; `role` as it is written, such as 牵头单位."""

    organisation_id: UUID
    person_id: UUID | None = None
    role: Annotated[str, Field(max_length=50, pattern=PRINTABLE)] = ""

    def member(self) -> TaskForceMember:
        return TaskForceMember(**self.model_dump())


Members = Annotated[tuple[MemberBody, ...], Field(max_length=200)]


class TaskForceBody(Body):
    """`chain_ids`: needed for a 工作专班; a 招商专班 has none, and may own projects of any chain."""

    name: Name
    kind: TaskForceKind
    chain_ids: Chains = ()
    members: Members = ()
    set_up_on: Day
    parent_id: UUID | None = None


class TaskForceChanges(Body):
    chain_ids: Chains | None = None
    members: Members | None = None


class DissolveBody(Body):
    from_day: Day
    reason: Text


class ParkBody(Body):
    name: Name
    chain_ids: Chains = ()
    address: Address = ""
    parent_id: UUID | None = None


class ParkChanges(Body):
    chain_ids: Chains | None = None
    address: Address | None = None


class ChainNamed(Shown):
    id: UUID
    name: str


class MemberShown(Shown):
    organisation_id: UUID
    organisation_name: str
    person_id: UUID | None
    person_name: str | None
    role: str


class ProjectsOfChain(Shown):
    """What the unit answers for in one chain: how many projects, and their total investment."""

    chain_id: UUID
    code: str
    name: str
    projects: int
    total_wan: int


class GroupShown(Shown):
    id: UUID
    name: str
    parent_id: UUID | None
    chains: tuple[ChainNamed, ...]
    version: int


class TaskForceShown(GroupShown):
    kind: TaskForceKind
    kind_name: str
    members: tuple[MemberShown, ...]
    set_up_on: date
    dissolved_from: date | None


class ParkShown(GroupShown):
    address: str


class WithProjects(Shown):
    """Projects for which the unit answers, none terminated or struck off; each stands once, under its own chain."""

    projects_by_chain: tuple[ProjectsOfChain, ...]
    projects: int
    total_wan: int
    total_yi: str


class TaskForceDetails(TaskForceShown, WithProjects):
    pass


class ParkDetails(ParkShown, WithProjects):
    pass


@router.get("/v1/task-forces", tags=["task forces"])
async def list_task_forces(
    conn: Reader, paging: Page, chain_id: UUID | None = None, kind: TaskForceKind | None = None, on: date | None = None
) -> dict[str, Any]:
    """Task forces by name: of a chain, of a kind, those that there were on a day."""
    after = paging.start(tuple[str])
    found = await store.list_task_forces(
        chain_id=chain_id, kind=kind, on=on, conn=conn, after=after[0] if after else None, limit=paging.limit
    )
    shown = await _forces(await _with_units(found, conn=conn), conn=conn)
    return page(shown, (shown[-1].name,) if len(shown) == paging.limit else None)


@router.post("/v1/task-forces", tags=["task forces"], status_code=201, response_model=TaskForceShown)
async def record_task_force(body: TaskForceBody, write: Registrar) -> Response:
    """Set up a 工作专班 of chains, or a 招商专班 bound to none."""

    async def work(conn: AsyncConnection, by: By) -> Answer:
        made = await handlers.record_task_force(
            body.name,
            kind=body.kind,
            chain_ids=tuple(dict.fromkeys(body.chain_ids)),
            members=tuple(member.member() for member in body.members),
            set_up_on=body.set_up_on,
            parent_id=body.parent_id,
            conn=conn,
            by=by,
        )
        return await _force_answer(made, conn=conn, status=201)

    return await write(work)


@router.get("/v1/task-forces/{force_id}", tags=["task forces"], response_model=TaskForceDetails)
async def show_task_force(force_id: UUID, conn: Reader) -> Response:
    """A task force with its members, and the projects for which it answers, by chain."""
    found = await store.task_forces([force_id], conn=conn)
    if not found:
        raise RecordMissing("专班", force_id)
    (shown,) = await _forces(await _with_units(list(found.values()), conn=conn), conn=conn)
    more = await _projects(force_id, conn=conn)
    return reply(Answer(TaskForceDetails(**shown.model_dump(), **more), version=shown.version))


@router.patch("/v1/task-forces/{force_id}", tags=["task forces"], response_model=TaskForceShown)
async def revise_task_force(force_id: UUID, body: TaskForceChanges, write: Registrar) -> Response:
    """Other chains or members, each as a whole. Needs If-Match."""
    expected = write.require_version()
    members = None if body.members is None else tuple(member.member() for member in body.members)
    chains = None if body.chain_ids is None else tuple(dict.fromkeys(body.chain_ids))

    async def work(conn: AsyncConnection, by: By) -> Answer:
        changes = ForceChanges(chains, members)
        made = await handlers.revise_task_force(force_id, changes, expected=expected, conn=conn, by=by)
        return await _force_answer(made, conn=conn)

    return await write(work)


@router.post("/v1/task-forces/{force_id}:dissolve", tags=["task forces"], response_model=TaskForceShown)
async def dissolve_task_force(force_id: UUID, body: DissolveBody, write: Registrar) -> Response:
    """There is no such task force from a day on; its projects were given to others before. Needs If-Match."""
    expected = write.require_version()

    async def work(conn: AsyncConnection, by: By) -> Answer:
        made = await handlers.dissolve_task_force(
            force_id, from_day=body.from_day, reason=body.reason, expected=expected, conn=conn, by=by
        )
        return await _force_answer(made, conn=conn)

    return await write(work)


@router.get("/v1/parks", tags=["parks"])
async def list_parks(conn: Reader, paging: Page, chain_id: UUID | None = None) -> dict[str, Any]:
    """Parks by name, of a chain or all."""
    after = paging.start(tuple[str])
    start = after[0] if after else None
    found = await store.list_parks(chain_id=chain_id, conn=conn, after=start, limit=paging.limit)
    shown = await _parks(await _with_units(found, conn=conn), conn=conn)
    return page(shown, (shown[-1].name,) if len(shown) == paging.limit else None)


@router.post("/v1/parks", tags=["parks"], status_code=201, response_model=ParkShown)
async def record_park(body: ParkBody, write: Registrar) -> Response:
    """Record a 专业园区 with its chains; as an organisation it may answer for projects and hold events."""

    async def work(conn: AsyncConnection, by: By) -> Answer:
        made = await handlers.record_park(
            body.name,
            chain_ids=tuple(dict.fromkeys(body.chain_ids)),
            address=body.address,
            parent_id=body.parent_id,
            conn=conn,
            by=by,
        )
        return await _park_answer(made, conn=conn, status=201)

    return await write(work)


@router.get("/v1/parks/{park_id}", tags=["parks"], response_model=ParkDetails)
async def show_park(park_id: UUID, conn: Reader) -> Response:
    """A park with its chains, and the projects for which it answers, by chain."""
    found = await store.parks([park_id], conn=conn)
    if not found:
        raise RecordMissing("园区", park_id)
    (shown,) = await _parks(await _with_units(list(found.values()), conn=conn), conn=conn)
    more = await _projects(park_id, conn=conn)
    return reply(Answer(ParkDetails(**shown.model_dump(), **more), version=shown.version))


@router.patch("/v1/parks/{park_id}", tags=["parks"], response_model=ParkShown)
async def revise_park(park_id: UUID, body: ParkChanges, write: Registrar) -> Response:
    """Other chains or another address. Needs If-Match."""
    expected = write.require_version()
    chains = None if body.chain_ids is None else tuple(dict.fromkeys(body.chain_ids))

    async def work(conn: AsyncConnection, by: By) -> Answer:
        made = await handlers.revise_park(
            park_id, chain_ids=chains, address=body.address, expected=expected, conn=conn, by=by
        )
        return await _park_answer(made, conn=conn)

    return await write(work)


async def _with_units(found: Sequence[TaskForce | Park], *, conn: AsyncConnection) -> list[Group]:
    units = await programme.organisations(conn=conn, ids=[one.id for one in found])
    return [Group(units[one.id], one) for one in found]


async def _force_answer(made: Group, *, conn: AsyncConnection, status: int = 200) -> Answer:
    (shown,) = await _forces([made], conn=conn)
    return Answer(shown, status=status, version=shown.version, location=f"/v1/task-forces/{shown.id}")


async def _park_answer(made: Group, *, conn: AsyncConnection, status: int = 200) -> Answer:
    (shown,) = await _parks([made], conn=conn)
    return Answer(shown, status=status, version=shown.version, location=f"/v1/parks/{shown.id}")


async def _forces(groups: Sequence[Group], *, conn: AsyncConnection) -> list[TaskForceShown]:
    pairs = [(group.organisation, group.of) for group in groups if isinstance(group.of, TaskForce)]
    wanted = {id for _, force in pairs for id in force.chain_ids}
    wanted |= {id for _, force in pairs for one in force.members for id in (one.organisation_id, one.person_id) if id}
    names = await views.names(wanted, conn=conn)
    return [
        TaskForceShown(
            **_common(unit, force.chain_ids, names),
            kind=force.kind,
            kind_name=FORCE_NAMES[force.kind],
            members=tuple(
                MemberShown(
                    organisation_id=one.organisation_id,
                    organisation_name=names[one.organisation_id],
                    person_id=one.person_id,
                    person_name=names[one.person_id] if one.person_id else None,
                    role=one.role,
                )
                for one in force.members
            ),
            set_up_on=force.set_up_on,
            dissolved_from=force.dissolved_from,
        )
        for unit, force in pairs
    ]


async def _parks(groups: Sequence[Group], *, conn: AsyncConnection) -> list[ParkShown]:
    pairs = [(group.organisation, group.of) for group in groups if isinstance(group.of, Park)]
    names = await views.names({id for _, park in pairs for id in park.chain_ids}, conn=conn)
    return [ParkShown(**_common(unit, park.chain_ids, names), address=park.address) for unit, park in pairs]


def _common(unit: Organisation, chain_ids: Sequence[UUID], names: dict[UUID, str]) -> dict[str, Any]:
    chains = tuple(ChainNamed(id=id, name=names[id]) for id in chain_ids)
    return {"id": unit.id, "name": unit.name, "parent_id": unit.parent_id, "chains": chains, "version": unit.version}


async def _projects(organisation_id: UUID, *, conn: AsyncConnection) -> dict[str, Any]:
    rows = [ProjectsOfChain(**row) for row in await store.projects_by_chain(organisation_id, conn=conn)]
    total = sum(row.total_wan for row in rows)
    projects = sum(row.projects for row in rows)
    return {"projects_by_chain": rows, "projects": projects, "total_wan": total, "total_yi": wan_as_yi(total)}
