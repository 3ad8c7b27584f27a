"""Durable timers: rows that fire when the platform's time reaches them, each in one transaction with its effects.

Firing takes the subjects' head rows first and never waits for them, as locks go here (see `eventlog.lock_heads`): what
somebody else holds is left for the next look. A timer whose origin is parked is held until the parked run was redriven.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Collection, Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import attrgetter
from typing import NamedTuple, Protocol
from uuid import UUID

import orjson
from pydantic import TypeAdapter
from sqlalchemy import event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.pool import ConnectionPoolEntry

from shared.kit import telemetry
from shared.kit.clock import Clock
from shared.kit.consuming.set_aside import PutAside, describe, put_aside
from shared.kit.database import fetch, transaction
from shared.kit.log.eventlog import lock_heads
from shared.kit.patience import Patience
from shared.kit.transient import Backoff, is_waited_out

log = telemetry.log

MOST_AT_ONCE = 500
"""Timers fired in one transaction, at most."""

LONGEST_REST = 1.0
"""Real seconds after which the runner looks again, whatever it expects."""

AT_ONCE = 2
"""Transactions in which one process fires, at most."""

COUNTED_AT_MOST = 10_000

_SOONEST = "liandu.timers.soonest"

_FIRED = telemetry.counter("liandu_timers_fired_total", "Timers fired", ["kind"])
_ASIDE = telemetry.counter("liandu_timers_put_aside_total", "Timers that failed alone and were put aside", ["kind"])
_LATENESS = telemetry.histogram(
    "liandu_timer_lateness_seconds",
    "Platform time between a timer's due time and its firing",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 600, 3600, 86400),
)


class Timer(NamedTuple):
    """One timer, unique on (subject, kind). `subject` is an aggregate of this service's own log (its head row is what
    firing locks). `origin` is the consumed aggregate whose parking holds the timer. Versions: of the rule and the
    calendar `due_at` was computed from; a new calendar recomputes only rows of an older one. What is due at one instant
    fires in the order of `turn` (by code points)."""

    subject: UUID
    kind: str
    due_at: datetime
    origin: UUID | None = None
    rule_version: str = ""
    calendar_version: str = ""
    turn: str = ""


@dataclass(frozen=True, slots=True)
class TimersState:
    """`due`: timers due now and not held (counted up to 10,000). `next_due_at`: the next due time after now."""

    due: int
    next_due_at: datetime | None


class Fire(Protocol):
    """What due timers do, inside one transaction; their rows are gone already, their subjects' heads locked.

    Given up to 500 timers in order of due_at and turn. Sets the next timers itself. When it raises, the set is halved
    until the poison timer stands alone; that one, when it fails once more, is put aside (see dead letters) and the rest
    goes on. Where the database is at fault (a column, a right, a disk), nothing is put aside: firing waits until it is
    mended. Called for the next timers before it is done with these: what must go in turn, it must see to itself.
    """

    async def __call__(self, due: Sequence[Timer], *, conn: AsyncConnection, now: datetime) -> None: ...


async def set_timers(timers: Sequence[Timer], *, conn: AsyncConnection) -> None:
    """Set timers, replacing those of the same (subject, kind); the last of several for one. One statement."""
    if not timers:
        return
    unique = {(timer.subject, timer.kind): timer for timer in timers}
    await fetch(conn, _SET, *zip(*unique.values(), strict=True))
    await _mark_set(unique.values(), conn=conn)


async def cancel_timers(subjects: Collection[UUID], *, conn: AsyncConnection, kind: str | None = None) -> None:
    """Remove the timers of these subjects, of one kind or all. One statement."""
    if subjects:
        await fetch(conn, _CANCEL, list(set(subjects)), kind)


async def set_timers_again(timers: Sequence[Timer], *, conn: AsyncConnection) -> None:
    """Set timers that were put aside, except where a newer one of the same (subject, kind) has taken the place."""
    if timers:
        await fetch(conn, _SET_AGAIN, *zip(*timers, strict=True))
        await _mark_set(timers, conn=conn)


class Timers:
    """Fires what is due, for as long as the process lives. Several processes may run it on one database at once."""

    def __init__(self, *, engine: AsyncEngine, clock: Clock, fire: Fire) -> None:
        self._engine = engine
        self._clock = clock
        self._fire = fire
        self._next_due_at: datetime | None = None
        self._sooner = asyncio.Event()
        self._in_turn = asyncio.Lock()
        event.listen(engine.sync_engine, "checkin", self._connection_returned)

    async def run(self) -> None:
        """Run until cancelled. The database's failures are waited out, those too that somebody has to mend; everything
        else about a timer puts it aside.
        """
        patience, backoff = Patience("timers"), Backoff()
        while True:
            self._sooner.clear()
            self._next_due_at = None  # unknown until the next look: whatever is set meanwhile counts as sooner
            try:
                complete = await self.fire_due()
                self._next_due_at = (await self._next_due(self._clock.now())) if complete else None
            except Exception as error:
                await patience.bear(error)
                continue
            patience.over()
            if complete:
                backoff.reset()
                await self._rest()
            else:
                await backoff.pause()

    async def fire_due(self) -> bool:
        """Fire everything that is due; False when some could not be had, because somebody else holds their subjects.

        Pages on through the index instead of starting from its beginning: neither what others hold nor the dead rows
        of what has just fired are looked at twice. While PostgreSQL works on one page, the next is decided.
        """
        complete, last = True, _BEGINNING
        firing: deque[asyncio.Task[bool]] = deque()
        try:
            while True:
                candidates = await self._candidates(after=last)
                if len(firing) == AT_ONCE or (firing and not candidates):
                    complete &= await firing.popleft()
                if candidates:
                    firing.append(asyncio.create_task(self._fire_all(candidates)))
                    last = candidates[-1]
                elif not firing:
                    return complete
        finally:
            for task in firing:
                task.cancel()
            await asyncio.gather(*firing, return_exceptions=True)

    async def state(self) -> TimersState:
        now = self._clock.now()
        async with transaction(self._engine) as conn:
            [(due,)] = await fetch(conn, _COUNT_DUE, now, COUNTED_AT_MOST)
        return TimersState(due, await self._next_due(now))

    async def _candidates(self, *, after: "_Place") -> list["_Place"]:
        async with transaction(self._engine) as conn:
            return list(map(_Place._make, await fetch(conn, _CANDIDATES, self._clock.now(), *after, MOST_AT_ONCE)))

    async def _fire_all(self, places: Sequence["_Place"]) -> bool:
        """Fire these in as few transactions as they let themselves be; whether all could be had."""
        done, parts = 0, [places]
        failed_alone: set[_Place] = set()
        while parts:
            part = parts.pop()
            try:
                done += await self._fire_together(part)
            except Exception as error:
                if is_waited_out(error):
                    raise
                if len(part) > 1:
                    half = len(part) // 2
                    parts += [part[half:], part[:half]]
                elif part[0] in failed_alone:
                    done += await self._put_aside(part[0], error)
                else:
                    failed_alone.add(part[0])
                    parts.append(part)
        return done == len(places)

    async def _fire_together(self, places: Sequence["_Place"]) -> int:
        async with AsyncExitStack() as stack:
            async with self._in_turn:
                conn = await stack.enter_async_context(transaction(self._engine))
                now = self._clock.now()
                claim = await self._claim(places, conn=conn, now=now)
            if claim.due:
                await self._fire(claim.due, conn=conn, now=now)
        for kind, count in Counter(timer.kind for timer in claim.due).items():
            _FIRED.labels(kind).inc(count)
        for timer in claim.due:
            _LATENESS.observe((now - timer.due_at).total_seconds())
        return claim.done

    async def _claim(self, places: Sequence["_Place"], *, conn: AsyncConnection, now: datetime) -> "_Claim":
        """Lock the subjects' heads and take those rows that are still due. Never waits for anybody."""
        subjects = {place.subject for place in places}
        free = set(await lock_heads(subjects, conn=conn, skip_locked=True))
        if missing := subjects - free:
            free.update(row[0] for row in await fetch(conn, _HEADLESS, sorted(missing)))
        mine = [place for place in places if place.subject in free]
        subjects_and_kinds = [place.subject for place in mine], [place.kind for place in mine]
        due = sorted(map(Timer._make, await fetch(conn, _CLAIM, *subjects_and_kinds, now)), key=_IN_TURN)
        return _Claim(due, done=len(mine))

    async def _put_aside(self, place: "_Place", error: Exception) -> int:
        async with transaction(self._engine) as conn:
            now = self._clock.now()
            claim = await self._claim([place], conn=conn, now=now)
            await put_aside([as_put_aside(timer, describe(error)) for timer in claim.due], conn=conn, now=now)
        for timer in claim.due:
            _ASIDE.labels(timer.kind).inc()
            log.error("timer put aside", subject=str(timer.subject), kind=timer.kind, exc_info=error)
        return claim.done

    async def _next_due(self, now: datetime) -> datetime | None:
        async with transaction(self._engine) as conn:
            return next((row[0] for row in await fetch(conn, _NEXT_DUE, now)), None)

    async def _rest(self) -> None:
        """Until the next is due, time moves, or this process has set a timer that is due before the next look."""
        sleeping = asyncio.ensure_future(self._clock.sleep_until(self._next_due_at, at_most=LONGEST_REST))
        waking = asyncio.ensure_future(self._sooner.wait())
        try:
            await asyncio.wait({sleeping, waking}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            waking.cancel()
            await asyncio.gather(sleeping, waking, return_exceptions=True)

    def _connection_returned(self, connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
        """A transaction that set timers is over, and they are visible (SQLAlchemy's commit event comes too early)."""
        soonest: datetime | None = entry.info.pop(_SOONEST, None)
        if soonest is not None and (self._next_due_at is None or soonest < self._next_due_at):
            self._sooner.set()


class _Place(NamedTuple):
    """A timer's place in the index of due times."""

    due_at: datetime
    turn: str
    subject: UUID
    kind: str


@dataclass(frozen=True, slots=True)
class _Claim:
    """`due`: taken, in order. `done`: how many candidates need no further look (gone meanwhile, or taken)."""

    due: list[Timer]
    done: int


_JSON = TypeAdapter(Timer)
_IN_TURN = attrgetter(*_Place._fields)
_BEGINNING = _Place(datetime.min.replace(tzinfo=UTC), "", UUID(int=0), "")


def as_put_aside(timer: Timer, error: str) -> PutAside:
    value = orjson.dumps(timer._asdict(), default=str)
    return PutAside("timer", error, aggregate_id=timer.subject, key=str(timer.subject).encode(), value=value)


def from_put_aside(value: bytes) -> Timer:
    """The timer that `as_put_aside` wrote."""
    return _JSON.validate_json(value)


async def _mark_set(timers: Iterable[Timer], *, conn: AsyncConnection) -> None:
    info = (await conn.get_raw_connection()).info
    soonest = min(timer.due_at for timer in timers)
    info[_SOONEST] = min(info.get(_SOONEST, soonest), soonest)


_INSERT = """
INSERT INTO timer (subject, kind, due_at, origin, rule_version, calendar_version, turn)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::uuid[], $5::text[], $6::text[], $7::text[])
           AS new (subject, kind)
 ORDER BY subject, kind
"""

_SET = f"""{_INSERT}
ON CONFLICT (subject, kind) DO UPDATE SET
    due_at = excluded.due_at, origin = excluded.origin,
    rule_version = excluded.rule_version, calendar_version = excluded.calendar_version, turn = excluded.turn
"""

_SET_AGAIN = f"{_INSERT} ON CONFLICT (subject, kind) DO NOTHING"

_CANCEL = """
DELETE FROM timer
WHERE subject = ANY ($1::uuid[]) AND ($2::text IS NULL OR kind = $2)
"""

_CANDIDATES = """
SELECT due_at, turn, subject, kind FROM timer
WHERE due_at <= $1
  AND (due_at, turn, subject, kind) > ($2::timestamptz, $3, $4::uuid, $5)
  AND NOT EXISTS (SELECT FROM parked_aggregate parked WHERE parked.aggregate_id = timer.origin)
ORDER BY due_at, turn, subject, kind
LIMIT $6
"""

_HEADLESS = """
SELECT subject FROM unnest($1::uuid[]) AS missing (subject)
WHERE NOT EXISTS (SELECT FROM aggregate_head head WHERE head.aggregate_id = missing.subject)
"""
"""A subject that is no aggregate here has no head to lock; its timers' own rows must do."""

_CLAIM = """
WITH claimed AS MATERIALIZED (
    SELECT timer.subject, timer.kind
    FROM timer JOIN unnest($1::uuid[], $2::text[]) AS mine (subject, kind) USING (subject, kind)
    WHERE due_at <= $3
    FOR UPDATE OF timer SKIP LOCKED
)
DELETE FROM timer USING claimed
WHERE timer.subject = claimed.subject AND timer.kind = claimed.kind
RETURNING timer.subject, timer.kind, timer.due_at, timer.origin, timer.rule_version, timer.calendar_version, timer.turn
"""

_NEXT_DUE = "SELECT due_at FROM timer WHERE due_at > $1 ORDER BY due_at LIMIT 1"

_COUNT_DUE = """
SELECT count(*) FROM (
    SELECT FROM timer
    WHERE due_at <= $1 AND NOT EXISTS (SELECT FROM parked_aggregate parked WHERE parked.aggregate_id = timer.origin)
    LIMIT $2
) AS due
"""
