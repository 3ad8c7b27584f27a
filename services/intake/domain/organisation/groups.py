"""Organisations that are more than a unit: 工作专班 and 招商专班 (S4), 专业园区 (S15).

Each is an organisation of its kind, under the organisation's id: so it answers for projects, holds posts, sends people
to promotion events, and moves in the tree like any other unit.
"""

from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

from services.intake.domain.errors import FieldMissing
from shared.contracts.event import Event
from shared.contracts.programme import (
    ParkRecorded,
    TaskForceDissolved,
    TaskForceKind,
    TaskForceMember,
    TaskForceRecorded,
)
from shared.kit.errors import Conflict, Invalid

FORCE_NAMES = {TaskForceKind.CHAIN: "工作专班", TaskForceKind.INVESTMENT: "招商专班"}


class TaskForceNotAllowed(Invalid):
    """A 招商专班 is bound to no chain (S4), and nobody is a member twice."""


class TaskForceDissolvedBefore(Conflict):
    """The task force was dissolved."""


@dataclass(frozen=True, slots=True)
class TaskForce:
    """`id`: the organisation's. `dissolved_from`: the day from which there is none any more."""

    id: UUID
    kind: TaskForceKind
    chain_ids: tuple[UUID, ...]
    members: tuple[TaskForceMember, ...]
    set_up_on: date
    dissolved_from: date | None = None


@dataclass(frozen=True, slots=True)
class Park:
    """`id`: the organisation's."""

    id: UUID
    chain_ids: tuple[UUID, ...] = ()
    address: str = ""


def record_task_force(present: TaskForce | None, wanted: TaskForce) -> list[Event]:
    """Record a task force, or what changed of it; nothing when it stands so already.

    Raises:
        FieldMissing: a 工作专班 names no chain.
        TaskForceNotAllowed: a 招商专班 names one, a member stands twice, or the kind would change.
        TaskForceDissolvedBefore.
    """
    _require_not_dissolved(present)
    if present and present.kind is not wanted.kind:
        raise TaskForceNotAllowed(f"该专班已登记为{FORCE_NAMES[present.kind]}，不能改为另一类", field="kind")
    if wanted.kind is TaskForceKind.CHAIN and not wanted.chain_ids:
        raise FieldMissing("工作专班须指明所属产业链", field="chain_ids")
    if wanted.kind is TaskForceKind.INVESTMENT and wanted.chain_ids:
        raise TaskForceNotAllowed("招商专班不属于任何产业链，可承担各产业链的项目", field="chain_ids")
    members = [(member.organisation_id, member.person_id) for member in wanted.members]
    if len(set(members)) < len(members):
        raise TaskForceNotAllowed("同一成员重复填写", field="members")
    if present == wanted:
        return []
    return [
        TaskForceRecorded(
            organisation_id=wanted.id,
            kind=wanted.kind,
            chain_ids=wanted.chain_ids,
            members=wanted.members,
            set_up_on=wanted.set_up_on,
        )
    ]


def dissolve(force: TaskForce, *, from_day: date, reason: str) -> list[Event]:
    """There is no such task force from a day on; its open work is to be handed over before."""
    _require_not_dissolved(force)
    if not reason.strip():
        raise FieldMissing("撤销原因不能为空", field="reason")
    if from_day <= force.set_up_on:
        raise TaskForceNotAllowed(f"撤销日期须晚于成立日期{force.set_up_on}", field="from_day")
    return [TaskForceDissolved(organisation_id=force.id, from_day=from_day, reason=reason)]


def evolve_task_force(present: TaskForce | None, event: Event) -> TaskForce:
    match event:
        case TaskForceRecorded():
            return TaskForce(event.organisation_id, event.kind, event.chain_ids, event.members, event.set_up_on)
        case TaskForceDissolved(from_day=from_day) if present:
            return replace(present, dissolved_from=from_day)
    raise ValueError(f"{event.type} is no event of a task force")


def record_park(present: Park | None, wanted: Park) -> list[Event]:
    """Record a park, or what changed of it; nothing when it stands so already."""
    if present == wanted:
        return []
    return [ParkRecorded(organisation_id=wanted.id, chain_ids=wanted.chain_ids, address=wanted.address)]


def evolve_park(event: ParkRecorded) -> Park:
    return Park(event.organisation_id, event.chain_ids, event.address)


def _require_not_dissolved(force: TaskForce | None) -> None:
    if force and force.dissolved_from:
        raise TaskForceDissolvedBefore(
            f"该专班自{force.dissolved_from}起已撤销", dissolved_from=str(force.dissolved_from)
        )
