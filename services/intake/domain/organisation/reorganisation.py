"""Chains split, merged and handed over in mid-period (S3): open work follows, past days stay as they were.

A new chain's posts are, to begin with, those of the chain it comes from: so no work is without somebody who answers.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

from services.intake.domain.errors import DateNotAllowed, FieldMissing
from services.intake.domain.organisation import enterprises, programme
from services.intake.domain.organisation.enterprises import Enterprise
from services.intake.domain.organisation.groups import Park, TaskForce
from services.intake.domain.organisation.programme import Chain, Post
from services.intake.domain.projects import project as projects
from services.intake.domain.projects import timetable
from services.intake.domain.projects.project import Changes, Project
from services.intake.domain.terms import TIER_NAMES, MilestoneStatus
from shared.contracts.event import Event
from shared.contracts.programme import (
    AnchorNamed,
    ChainCategory,
    ChainMerged,
    ChainSplit,
    EnterpriseRecorded,
    ParkRecorded,
    TaskForceRecorded,
    Tier,
)
from shared.kit.errors import Conflict, Invalid


class SplitNotAllowed(Invalid):
    """The parts do not say of each project, once, where it goes."""


class HandOverNotAllowed(Conflict):
    """The posts are of different tiers, or the first does not answer for the chain; or a 总链长 would, with no chain
    left, answer for all, or answer for all no more."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a chain that becomes one of its own. `rest`: it takes the projects that no part names."""

    chain: Chain
    project_ids: tuple[UUID, ...] = ()
    rest: bool = False


@dataclass(frozen=True, slots=True)
class Effective:
    """From which day on a change holds, and why; never from a day in the future."""

    from_day: date
    reason: str
    today: date

    def require(self, chain: Chain) -> None:
        """Raises ChainNotOpen, DateNotAllowed, FieldMissing."""
        programme.require_open_chain(chain)
        if not self.reason.strip():
            raise FieldMissing("调整原因不能为空", field="reason")
        programme.require_effective("生效日期", self.from_day, after=chain.opened_from, today=self.today)


def destinations(
    chain: Chain, parts: Sequence[Part], *, present: Mapping[UUID, str], closing: bool
) -> dict[UUID, UUID]:
    """The part to which each project goes over. `present`: the chain's projects that may change, by code.

    Raises:
        SplitNotAllowed: a project is of another chain, stands in two parts, or would be left in a chain that closes.
    """
    if sum(part.rest for part in parts) > 1:
        raise SplitNotAllowed("只能由一条新链承接其余项目", field="parts")
    found: dict[UUID, UUID] = {}
    for part in parts:
        for id in part.project_ids:
            if id not in present:
                raise SplitNotAllowed(
                    f"项目不在{chain.name}产业链中，或已终止、已剔除", project_id=str(id), field="parts"
                )
            if found.setdefault(id, part.chain.id) != part.chain.id:
                raise SplitNotAllowed(f"项目{present[id]}被分到两条链", project_id=str(id), field="parts")
    left = sorted((code, id) for id, code in present.items() if id not in found)
    rest = next((part.chain.id for part in parts if part.rest), None)
    if rest:
        found.update((id, rest) for _, id in left)
    elif closing and left:
        codes = "、".join(code for code, _ in left[:5])
        raise SplitNotAllowed(f"还有{len(left)}个项目没有指明去向（{codes}等）", field="parts", left=len(left))
    return found


def split(chain: Chain, parts: Sequence[Part], effective: Effective, *, closing: bool) -> list[Event]:
    into = tuple(part.chain.id for part in parts)
    return [
        ChainSplit(chain_id=chain.id, into=into, from_day=effective.from_day, closed=closing, reason=effective.reason)
    ]


def open_part(code_id: UUID, code: str, name: str, category: ChainCategory, effective: Effective) -> list[Event]:
    """A new chain, from the day on which the split holds."""
    wanted = Chain(code_id, code, name, category)
    return programme.record_chain(None, wanted, since=effective.from_day, today=effective.today)


def merge(chain: Chain, into: Chain, effective: Effective) -> list[Event]:
    """Make a chain part of another.

    Raises:
        HandOverNotAllowed: it would be part of itself.
        ChainNotOpen, DateNotAllowed: the other is closed, or was not there yet on that day.
    """
    if chain.id == into.id:
        raise HandOverNotAllowed("不能并入自身", field="into")
    programme.require_open_chain(into)
    day, opened = effective.from_day, into.opened_from
    if opened and day < opened:
        message = f"生效日期{day}不能早于{into.name}产业链的设立日期{opened}"
        raise DateNotAllowed(message, what="生效日期", day=day, limit=opened)
    return [ChainMerged(chain_id=chain.id, into=into.id, from_day=effective.from_day, reason=effective.reason)]


def move_project(project: Project, chain_id: UUID, effective: Effective) -> list[Event]:
    changes = Changes(chain_id=chain_id, chain_since=effective.from_day)
    return projects.revise(project, changes, today=effective.today)


def followed(
    chain_ids: Collection[UUID], left: UUID, successors: Collection[UUID], *, closing: bool
) -> tuple[UUID, ...]:
    """The chains of somebody who had this one, once it has successors."""
    kept = [id for id in chain_ids if not (closing and id == left)]
    return tuple(dict.fromkeys((*kept, *successors)))


def follow_post(post: Post, chain_ids: Collection[UUID], effective: Effective) -> list[Event]:
    return programme.assign_chains(
        post, chain_ids, from_day=effective.from_day, reason=effective.reason, today=effective.today
    )


def follow_task_force(force: TaskForce, chain_ids: tuple[UUID, ...]) -> list[Event]:
    after = replace(force, chain_ids=chain_ids)
    return [
        TaskForceRecorded(
            organisation_id=after.id,
            kind=after.kind,
            chain_ids=after.chain_ids,
            members=after.members,
            set_up_on=after.set_up_on,
        )
    ]


def follow_park(park: Park, chain_ids: tuple[UUID, ...]) -> list[Event]:
    return [ParkRecorded(organisation_id=park.id, chain_ids=chain_ids, address=park.address)]


def follow_enterprise(
    enterprise: Enterprise, left: UUID, successors: Sequence[UUID], effective: Effective
) -> list[Event]:
    """The enterprise belongs to the successors, and is their 链主企业 where it was that of the chain that closed."""
    chain_ids = followed(enterprise.chain_ids, left, successors, closing=True)
    day, reason, id = effective.from_day, effective.reason, enterprise.id
    recorded = EnterpriseRecorded(enterprise_id=id, uscc=enterprise.uscc, name=enterprise.name, chain_ids=chain_ids)
    if not any(anchor.chain_id == left and anchor.until_day is None for anchor in enterprise.anchors):
        return [recorded]
    own = {anchor.chain_id for anchor in enterprise.anchors if anchor.until_day is None}
    released = enterprises.release_anchor(enterprise, left, from_day=day, reason=reason)
    named = [AnchorNamed(enterprise_id=id, chain_id=one, from_day=day) for one in successors if one not in own]
    return [*released, recorded, *named]


def hand_over(chain: Chain, giving: Post, taking: Post, effective: Effective) -> tuple[list[Event], list[Event]]:
    """The chain goes from one post to another of the same tier (链长分工调整). What each of them is told.

    Raises:
        HandOverNotAllowed.
    """
    if chain.id not in giving.chain_ids:
        raise HandOverNotAllowed(f"“{giving.title}”不负责{chain.name}产业链", field="from_post_id")
    if giving.id == taking.id or giving.tier is not taking.tier:
        tier = TIER_NAMES[giving.tier]
        raise HandOverNotAllowed(f"须交给另一个{tier}岗位，“{taking.title}”不是", field="to_post_id")
    left = [id for id in giving.chain_ids if id != chain.id]
    if giving.tier is Tier.CHIEF_GENERAL and not (left and taking.chain_ids):
        raise HandOverNotAllowed("没有分管产业链的总链长统领全部产业链，不能这样移交", field="to_post_id")
    return follow_post(giving, left, effective), follow_post(taking, [*taking.chain_ids, chain.id], effective)


def reassign_lines(project: Project, giving: Post, taking: Post, *, today: date) -> list[Event]:
    """The open lines of a project's timetable for which the one post answered are the other's."""
    return [
        event
        for line in project.milestones.values()
        if line.status is MilestoneStatus.OPEN and line.responsible_post_id == giving.id
        for event in timetable.reassign(
            project.id, project.milestones, line.id, post_id=taking.id, person_id=taking.holder(today)
        )
    ]
