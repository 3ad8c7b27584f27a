"""All state folded again from journal and log: compared with what stands, or put in its place. Nothing is sent.

What people set up is no state and stays: policies, calendars, the day supervision began, the counters of documents.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.assessment.domain.rebuilding import Folded, alarms
from services.assessment.domain.rules import Rules
from services.assessment.handlers.desk import Desk
from services.assessment.handlers.known import Knowledge, Known
from services.assessment.store import programme, states, unaddressed
from services.assessment.store.happenings import imported, journal, log
from services.assessment.store.states import Kept
from services.assessment.store.unaddressed import Place
from shared.kit.database import fetch, open_engine
from shared.kit.timers import Timer, set_timers
from shared.kit.working_days import published

PAGE = 2000
_EVER = datetime(9999, 1, 1, tzinfo=UTC)
_LONG_AGO = date(2000, 1, 1)
_STATE = "project, obligation, extension, supervision_case, light, commendation, timer, unaddressed"


class Differs(NamedTuple):
    """One thing that stands otherwise than it follows from what was written down; None: it is not there."""

    table: str
    id: UUID
    stands: object
    follows: object


async def rebuild(database_url: str, *, now: datetime, knowledge: Knowledge, check: bool) -> list[Differs]:
    """Fold all again, and put it in place unless it is only to be compared; what stood otherwise.

    The service may run meanwhile: whoever decides waits until it is done.
    """
    engine = open_engine(database_url, application="assessment rebuild")
    try:
        async with engine.connect() as connection:
            # Whoever has the rules alone has waited for others to commit: a snapshot of before would not see it.
            isolation = "REPEATABLE READ" if check else "READ COMMITTED"
            conn = await connection.execution_options(isolation_level=isolation)
            async with conn.begin():
                if not check:
                    await knowledge.alone(conn, now)
                found = await folded(conn=conn, knowledge=knowledge)
                differ = await differences(found, conn=conn)
                if not check:
                    await put_in_place(found, conn=conn, now=now, knowledge=knowledge)
        return differ
    finally:
        await engine.dispose()


async def folded(*, conn: AsyncConnection, knowledge: Knowledge) -> Folded:
    """Everything, as it follows from journal and log. The connection's transaction should see one instant."""
    found = Folded(await _rules_at(await knowledge.read(conn), conn))
    async for heard in journal(_EVER, conn=conn):
        for one in heard:
            found.hear(one)
    async for page in log(conn=conn):
        for fact in page:
            found.take(fact)
    return found


async def differences(found: Folded, *, conn: AsyncConnection) -> list[Differs]:
    """What stands otherwise; nothing, when all is as it should be."""
    differ: list[Differs] = []
    for kind in _kinds(found):
        standing = [row["id"] for row in await fetch(conn, f"SELECT id FROM {kind.table}")]  # noqa: S608
        ids = sorted({*standing, *kind.follows})
        for at in range(0, len(ids), PAGE):
            stands = await kind.load(ids[at : at + PAGE], conn=conn)
            differ += _unlike(kind.table, ids[at : at + PAGE], stands, kind.follows)
    return differ


async def put_in_place(found: Folded, *, conn: AsyncConnection, now: datetime, knowledge: Knowledge) -> int:
    """Throw away what stands and put this in its place, with its timers; how many states it was. Have the rules alone
    (`Knowledge.alone`), so that nobody decides meanwhile."""
    await fetch(conn, f"TRUNCATE {_STATE}")
    versions = found.versions
    await states.save_projects(found.projects.values(), conn=conn)
    for page in _pages([*found.obligations.values()]):
        await states.save_obligations([Kept(one, versions[one.id], True) for one in page], conn=conn)
    await states.save_extensions(found.extended.values(), conn=conn)
    for page in _pages([*found.cases.values()]):
        await states.save_cases([Kept(one, versions[one.id], True) for one in page], conn=conn)
    for page in _pages([*found.lights.values()]):
        await states.save_lights([Kept(one, versions[one.id], True) for one in page], conn=conn)
    for page in _pages([*found.commendations.values()]):
        await states.save_commendations([Kept(one, versions[one.id], True) for one in page], conn=conn)
    await programme.save(found.directory, _ids_of(found), conn=conn)
    noted = [(Place(one.aggregate_id, one.seq), one.event.type) for one in found.unheard.values()]
    await unaddressed.note(noted, revision=0, on=_LONG_AGO, conn=conn)
    await _set_timers(found, await knowledge.read(conn), now, conn)
    kinds: tuple[Sized, ...] = (found.projects, found.obligations, found.cases, found.lights, found.commendations)
    return sum(len(kind) for kind in kinds)


@dataclass(frozen=True, slots=True)
class _Kind:
    table: str
    load: Callable[..., Awaitable[Mapping[UUID, Any]]]
    follows: Mapping[UUID, Any]


def _kinds(found: Folded) -> Iterator[_Kind]:
    yield _Kind("project", states.projects, found.projects)
    yield _Kind("obligation", states.obligations, _kept(found.obligations, found))
    yield _Kind("supervision_case", states.cases, _kept(found.cases, found))
    yield _Kind("light", states.lights, _kept(found.lights, found))
    yield _Kind("commendation", states.commendations, _kept(found.commendations, found))


def _kept(follows: Mapping[UUID, Any], found: Folded) -> Mapping[UUID, Any]:
    return {id: Kept(state, found.versions[id]) for id, state in follows.items()}


def _unlike(
    table: str, ids: Sequence[UUID], stands: Mapping[UUID, Any], follows: Mapping[UUID, Any]
) -> Iterator[Differs]:
    for id in ids:
        if stands.get(id) != follows.get(id):
            yield Differs(table, id, stands.get(id), follows.get(id))


async def _set_timers(found: Folded, known: Known, now: datetime, conn: AsyncConnection) -> None:
    desk = Desk.of(known, now)
    desk.projects, desk.cases, desk.lights = found.projects, found.cases, found.lights
    for obligation in found.obligations.values():
        desk.place(obligation)
    versions = known.current.policy.version, known.calendar.version
    timers = [
        Timer(one.subject, one.kind, one.due_at, one.project_id, *versions, one.turn) for one in alarms(found, desk)
    ]
    for page in _pages(timers):
        await set_timers(page, conn=conn)


def _ids_of(found: Folded) -> Collection[UUID]:
    known = found.directory
    return {*known.organisations, *known.people, *known.chains, *known.posts}


def _pages(items: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (items[at : at + PAGE] for at in range(0, len(items), PAGE))


async def _rules_at(known: Known, conn: AsyncConnection) -> Callable[[str, datetime], Rules]:
    """The rules as they were when something was decided: calendars come when they came."""
    notices = await imported(_EVER, conn=conn)
    calendars = [published()]
    for notice in notices:
        calendars.append(calendars[-1].with_year(notice.table))
    made: dict[tuple[str, int], Rules] = {}

    def rules_at(version: str, at: datetime) -> Rules:
        imports = sum(notice.at <= at for notice in notices)
        if (version, imports) not in made:
            made[version, imports] = replace(known.by_version[version], calendar=calendars[imports])
        return made[version, imports]

    return rules_at
