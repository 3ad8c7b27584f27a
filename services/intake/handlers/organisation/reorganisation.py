"""Chains split and merged in mid-period (S3), each in one transaction and a constant number of statements.

What belongs to the chain is found under the register's lock, which whoever records or moves a project takes too; then
all heads are locked at once, and what is decided about is loaded.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.domain.errors import AlreadyExists, RecordMissing, UnknownReference
from services.intake.domain.organisation import enterprises, programme
from services.intake.domain.organisation import reorganisation as domain
from services.intake.domain.organisation.groups import evolve_park, evolve_task_force
from services.intake.domain.organisation.programme import Chain, Post
from services.intake.domain.organisation.reorganisation import Effective, Part
from services.intake.domain.projects import project as projects
from services.intake.domain.projects.project import Project
from services.intake.domain.projects.timetable import Lines
from services.intake.handlers.organisation.programme import require_new_chain
from services.intake.handlers.standing import require_chains
from services.intake.handlers.writing import append, lock_register, require_version, today
from services.intake.store.organisation import enterprises as enterprise_store
from services.intake.store.organisation import groups as group_store
from services.intake.store.organisation import programme as store
from services.intake.store.organisation import reorganisation as found
from services.intake.store.organisation.reorganisation import Followers
from services.intake.store.projects import projects as project_store
from shared.contracts.event import Event
from shared.contracts.ids import chain_id as id_of_chain
from shared.contracts.programme import ChainCategory, ParkRecorded, TaskForceRecorded
from shared.kit.log.eventlog import lock_heads
from shared.kit.web.http import By


@dataclass(frozen=True, slots=True)
class NewPart:
    """A chain to be made of a part of another; `category`: the same as its, where none is given."""

    code: str
    name: str
    category: ChainCategory | None = None
    project_ids: tuple[UUID, ...] = ()
    rest: bool = False


@dataclass(frozen=True, slots=True)
class Reorganised:
    """What came of it. `projects`: how many went over; `posts`: whose chains changed."""

    chain: Chain
    into: tuple[Chain, ...]
    projects: int
    posts: tuple[UUID, ...]


@dataclass(slots=True)
class Decided:
    """Events by aggregate, in order."""

    events: dict[UUID, list[Event]] = field(default_factory=dict)

    def add(self, id: UUID, events: Sequence[Event]) -> None:
        if events:
            self.events.setdefault(id, []).extend(events)


async def split_chain(
    chain_id: UUID,
    parts: Sequence[NewPart],
    *,
    from_day: date,
    reason: str,
    closing: bool,
    expected: int,
    conn: AsyncConnection,
    by: By,
) -> Reorganised:
    """Make chains of parts of one. `closing`: nothing is left of it, and every project goes over to a part.

    Raises:
        SplitNotAllowed, AlreadyExists, ChainNotOpen, DateNotAllowed.
    """
    await lock_register(conn=conn)
    new_ids = [id_of_chain(part.code) for part in parts]
    if min(len(set(new_ids)), len({part.name for part in parts})) < len(new_ids):
        raise AlreadyExists("新产业链的代码或名称重复", field="parts")
    for part in parts:
        await require_new_chain(part.code, part.name, conn=conn)
    present = await found.projects_of(chain_id, conn=conn)
    followers = await found.followers_of(chain_id, conn=conn)
    heads = [chain_id, *new_ids, *present, *(id for ids in followers for id in ids)]
    chain = await locked_chain(chain_id, heads, expected=expected, conn=conn, by=by)
    effective = Effective(from_day, reason, today(by))
    effective.require(chain)
    decided = Decided()
    opened = [_opened(chain, part, effective, decided) for part in parts]
    going = domain.destinations(chain, opened, present=present, closing=closing)
    decided.add(chain_id, domain.split(chain, opened, effective, closing=closing))
    moved = await _move(going, effective, decided, conn=conn)
    await _follow(followers, chain_id, new_ids, effective, decided, closing=closing, conn=conn)
    after = _folded(chain, decided)
    await store.save_chains([after, *(part.chain for part in opened)], conn=conn)
    await append(decided.events.items(), beside=project_store.states(moved), conn=conn, by=by)
    return Reorganised(after, tuple(part.chain for part in opened), len(moved), tuple(followers.posts))


async def merge_chain(
    chain_id: UUID, into_id: UUID, *, from_day: date, reason: str, expected: int, conn: AsyncConnection, by: By
) -> Reorganised:
    """Make a chain part of another, with its projects, posts, enterprises, parks and task forces.

    Raises:
        HandOverNotAllowed, ChainNotOpen, DateNotAllowed, NotYourChain.
    """
    await lock_register(conn=conn)
    into = (await store.chains(conn=conn, ids=[into_id])).get(into_id)
    if into is None:
        raise UnknownReference("产业链", into_id, field="into")
    present = await found.projects_of(chain_id, conn=conn)
    followers = await found.followers_of(chain_id, conn=conn)
    heads = [chain_id, *present, *(id for ids in followers for id in ids)]
    chain = await locked_chain(chain_id, heads, expected=expected, conn=conn, by=by)
    effective = Effective(from_day, reason, today(by))
    effective.require(chain)
    await require_chains([into_id], conn=conn, by=by)
    decided = Decided()
    decided.add(chain_id, domain.merge(chain, into, effective))
    moved = await _move(dict.fromkeys(present, into_id), effective, decided, conn=conn)
    await _follow(followers, chain_id, [into_id], effective, decided, closing=True, conn=conn)
    after = _folded(chain, decided)
    await store.save_chains([after], conn=conn)
    await append(decided.events.items(), beside=project_store.states(moved), conn=conn, by=by)
    return Reorganised(after, (into,), len(moved), tuple(followers.posts))


async def locked_chain(
    chain_id: UUID, heads: Sequence[UUID], *, expected: int | None, conn: AsyncConnection, by: By
) -> Chain:
    """The chain, its head locked with others. Raises RecordMissing, VersionConflict, NotYourChain."""
    await lock_heads(heads, conn=conn)
    chain = (await store.chains(conn=conn, ids=[chain_id])).get(chain_id)
    if chain is None:
        raise RecordMissing("产业链", chain_id)
    require_version(chain_id, expected=expected, actual=chain.version)
    await require_chains([chain_id], conn=conn, by=by)
    return chain


def _opened(chain: Chain, part: NewPart, effective: Effective, decided: Decided) -> Part:
    id = id_of_chain(part.code)
    events = domain.open_part(id, part.code, part.name, part.category or chain.category, effective)
    decided.add(id, events)
    return Part(programme.evolve_chain(None, events[0]), part.project_ids, part.rest)


async def _move(
    going: Mapping[UUID, UUID], effective: Effective, decided: Decided, *, conn: AsyncConnection
) -> list[tuple[Project, Project]]:
    """The projects before and after; their timetables are left as they are."""
    moved = []
    for id, project in (await project_store.lock_many(list(going), Lines(), conn=conn)).items():
        events = domain.move_project(project, going[id], effective)
        decided.add(id, events)
        moved.append((project, projects.fold(project, events)))
    return moved


async def _follow(
    followers: Followers,
    left: UUID,
    successors: Sequence[UUID],
    effective: Effective,
    decided: Decided,
    *,
    closing: bool,
    conn: AsyncConnection,
) -> None:
    """Posts answer for the successors too; where the chain closes, whatever belonged to it belongs to them."""
    posts = await store.posts(conn=conn, ids=followers.posts)
    for post in posts.values():
        chains = domain.followed(post.chain_ids, left, successors, closing=closing)
        decided.add(post.id, domain.follow_post(post, chains, effective))
    await _save_posts(list(posts.values()), decided, conn=conn)
    if closing:
        await _follow_groups(followers, left, successors, decided, conn=conn)
        await _follow_enterprises(followers, left, successors, effective, decided, conn=conn)


async def _follow_groups(
    followers: Followers, left: UUID, successors: Sequence[UUID], decided: Decided, *, conn: AsyncConnection
) -> None:
    forces = await group_store.task_forces(followers.task_forces, conn=conn)
    parks = await group_store.parks(followers.parks, conn=conn)
    for force in forces.values():
        chains = domain.followed(force.chain_ids, left, successors, closing=True)
        decided.add(force.id, domain.follow_task_force(force, chains))
    for park in parks.values():
        chains = domain.followed(park.chain_ids, left, successors, closing=True)
        decided.add(park.id, domain.follow_park(park, chains))
    units = (await store.organisations(conn=conn, ids=[*forces, *parks])).values()
    after = []
    for unit in units:
        for event in decided.events[unit.id]:
            unit = programme.evolve_organisation(unit, event)
        after.append(unit)
    await store.save_organisations(after, conn=conn)
    told = [event for unit in units for event in decided.events[unit.id]]
    forces_after = [evolve_task_force(None, event) for event in told if isinstance(event, TaskForceRecorded)]
    await group_store.save_task_forces(forces_after, conn=conn)
    await group_store.save_parks([evolve_park(event) for event in told if isinstance(event, ParkRecorded)], conn=conn)


async def _follow_enterprises(
    followers: Followers,
    left: UUID,
    successors: Sequence[UUID],
    effective: Effective,
    decided: Decided,
    *,
    conn: AsyncConnection,
) -> None:
    present = await enterprise_store.enterprises(followers.enterprises, conn=conn)
    for enterprise in present.values():
        decided.add(enterprise.id, domain.follow_enterprise(enterprise, left, successors, effective))
    after = [enterprises.fold(enterprise, decided.events[enterprise.id]) for enterprise in present.values()]
    await enterprise_store.save_enterprises(after, conn=conn)


async def _save_posts(posts: Sequence[Post], decided: Decided, *, conn: AsyncConnection) -> None:
    changed = [programme.fold_post(post, decided.events.get(post.id, ())) for post in posts]
    await store.save_posts(changed, conn=conn)


def _folded(chain: Chain, decided: Decided) -> Chain:
    for event in decided.events[chain.id]:
        chain = programme.evolve_chain(chain, event)
    return chain
