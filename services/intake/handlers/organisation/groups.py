"""Task forces (S4) and parks (S15), which are organisations: recorded, changed, dissolved."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.domain.errors import AlreadyExists, RecordMissing, UnknownReference
from services.intake.domain.organisation import groups as domain
from services.intake.domain.organisation import programme
from services.intake.domain.organisation.groups import Park, TaskForce
from services.intake.domain.organisation.programme import Organisation
from services.intake.handlers.organisation.programme import (
    record_organisation,
    require_open_chains,
    require_organisations,
)
from services.intake.handlers.standing import require_chains
from services.intake.handlers.writing import append, lock_register, require_version
from services.intake.store.organisation import groups as store
from services.intake.store.organisation import programme as programme_store
from shared.contracts.event import Event
from shared.contracts.programme import OrganisationKind, ParkRecorded, TaskForceKind, TaskForceMember
from shared.kit.errors import Conflict
from shared.kit.log.eventlog import lock_heads
from shared.kit.web.http import By


class WorkLeft(Conflict):
    """The task force still has projects to bring on."""

    def __init__(self, projects: int) -> None:
        super().__init__(f"该专班还有{projects}个未达产的项目，请先调整责任单位", projects=projects)


class KindStands(Conflict):
    """The organisation is of another kind."""


@dataclass(frozen=True, slots=True)
class Group:
    """A task force or a park with the organisation that it is."""

    organisation: Organisation
    of: TaskForce | Park


@dataclass(frozen=True, slots=True)
class ForceChanges:
    """What is to be set anew; None leaves it as it is."""

    chain_ids: tuple[UUID, ...] | None = None
    members: tuple[TaskForceMember, ...] | None = None


async def record_task_force(
    name: str,
    *,
    kind: TaskForceKind,
    chain_ids: tuple[UUID, ...],
    members: tuple[TaskForceMember, ...],
    set_up_on: date,
    parent_id: UUID | None,
    conn: AsyncConnection,
    by: By,
) -> Group:
    """Set up a task force, as an organisation of this name.

    Raises:
        AlreadyExists: there is a task force of this name.
        KindStands: the organisation of this name is something else.
    """
    unit = await _unit(name, OrganisationKind.TASK_FORCE, parent_id=parent_id, conn=conn, by=by)
    if unit.id in await store.task_forces([unit.id], conn=conn):
        raise AlreadyExists(f"已有专班“{unit.name}”", id=unit.id)
    wanted = TaskForce(unit.id, kind, chain_ids, members, set_up_on)
    await _require_known(wanted, conn=conn)
    await require_chains(chain_ids, conn=conn, by=by)
    return await _save_force(unit, None, domain.record_task_force(None, wanted), conn=conn, by=by)


async def revise_task_force(
    force_id: UUID, changes: ForceChanges, *, expected: int, conn: AsyncConnection, by: By
) -> Group:
    unit, present = await _locked_force(force_id, expected=expected, conn=conn)
    wanted = replace(
        present,
        chain_ids=present.chain_ids if changes.chain_ids is None else changes.chain_ids,
        members=present.members if changes.members is None else changes.members,
    )
    await _require_known(wanted, conn=conn)
    await require_chains({*present.chain_ids, *wanted.chain_ids}, conn=conn, by=by)
    return await _save_force(unit, present, domain.record_task_force(present, wanted), conn=conn, by=by)


async def dissolve_task_force(
    force_id: UUID, *, from_day: date, reason: str, expected: int, conn: AsyncConnection, by: By
) -> Group:
    """Raises WorkLeft where it still answers for projects."""
    unit, present = await _locked_force(force_id, expected=expected, conn=conn)
    await require_chains(present.chain_ids, conn=conn, by=by)
    events = domain.dissolve(present, from_day=from_day, reason=reason)
    if left := await store.open_projects(force_id, conn=conn):
        raise WorkLeft(left)
    return await _save_force(unit, present, events, conn=conn, by=by)


async def record_park(
    name: str, *, chain_ids: tuple[UUID, ...], address: str, parent_id: UUID | None, conn: AsyncConnection, by: By
) -> Group:
    """Record a park, as an organisation of this name; an organisation that has no kind yet becomes one.

    Raises:
        AlreadyExists, KindStands.
    """
    unit = await _unit(name, OrganisationKind.PARK, parent_id=parent_id, conn=conn, by=by)
    if unit.id in await store.parks([unit.id], conn=conn):
        raise AlreadyExists(f"已有园区“{unit.name}”", id=unit.id)
    await require_open_chains(chain_ids, conn=conn)
    await require_chains(chain_ids, conn=conn, by=by)
    return await _save_park(unit, domain.record_park(None, Park(unit.id, chain_ids, address)), conn=conn, by=by)


async def revise_park(
    park_id: UUID,
    *,
    chain_ids: tuple[UUID, ...] | None,
    address: str | None,
    expected: int,
    conn: AsyncConnection,
    by: By,
) -> Group:
    await lock_register(conn=conn)
    await lock_heads([park_id], conn=conn)
    present = (await store.parks([park_id], conn=conn)).get(park_id)
    if present is None:
        raise RecordMissing("园区", park_id)
    unit = (await programme_store.organisations(conn=conn, ids=[park_id]))[park_id]
    require_version(park_id, expected=expected, actual=unit.version)
    await require_open_chains(chain_ids or (), conn=conn)
    wanted = replace(
        present,
        chain_ids=present.chain_ids if chain_ids is None else chain_ids,
        address=present.address if address is None else address,
    )
    await require_chains(set(wanted.chain_ids) ^ set(present.chain_ids), conn=conn, by=by)
    events = domain.record_park(present, wanted)
    return await _save_park(unit, events, conn=conn, by=by) if events else Group(unit, present)


async def _unit(
    name: str, kind: OrganisationKind, *, parent_id: UUID | None, conn: AsyncConnection, by: By
) -> Organisation:
    await lock_register(conn=conn)
    present = await programme_store.organisation_called(name.strip(), conn=conn)
    if present and present.kind not in (None, kind):
        raise KindStands(f"“{present.name}”已登记为其他类别的单位", id=str(present.id), kind=present.kind)
    return (await record_organisation(name, parent_id=parent_id, kind=kind, conn=conn, by=by))[0]


async def _locked_force(force_id: UUID, *, expected: int, conn: AsyncConnection) -> tuple[Organisation, TaskForce]:
    await lock_register(conn=conn)
    await lock_heads([force_id], conn=conn)
    present = (await store.task_forces([force_id], conn=conn)).get(force_id)
    if present is None:
        raise RecordMissing("专班", force_id)
    unit = (await programme_store.organisations(conn=conn, ids=[force_id]))[force_id]
    require_version(force_id, expected=expected, actual=unit.version)
    return unit, present


async def _require_known(force: TaskForce, *, conn: AsyncConnection) -> None:
    await require_open_chains(force.chain_ids, conn=conn)
    await require_organisations({member.organisation_id for member in force.members}, conn=conn)
    people = {member.person_id for member in force.members if member.person_id}
    for missing in people - set(await programme_store.people(conn=conn, ids=people)):
        raise UnknownReference("人员", missing, field="members")


async def _save_force(
    unit: Organisation, present: TaskForce | None, events: Sequence[Event], *, conn: AsyncConnection, by: By
) -> Group:
    force = present
    for event in events:
        force, unit = domain.evolve_task_force(force, event), programme.evolve_organisation(unit, event)
    assert force is not None
    await append([(unit.id, events)], conn=conn, by=by)
    await programme_store.save_organisations([unit], conn=conn)
    await store.save_task_forces([force], conn=conn)
    return Group(unit, force)


async def _save_park(unit: Organisation, events: Sequence[Event], *, conn: AsyncConnection, by: By) -> Group:
    (event,) = events
    assert isinstance(event, ParkRecorded)
    park, unit = domain.evolve_park(event), programme.evolve_organisation(unit, event)
    await append([(unit.id, events)], conn=conn, by=by)
    await programme_store.save_organisations([unit], conn=conn)
    await store.save_parks([park], conn=conn)
    return Group(unit, park)
