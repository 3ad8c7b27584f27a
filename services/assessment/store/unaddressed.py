"""Facts that somebody should hear of, and that name nobody: where they stand in the log, and when that was looked at.

Whoever changes a row holds the head of its aggregate.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection


class Place(NamedTuple):
    """Where a fact stands in the log."""

    aggregate_id: UUID
    seq: int


class Unheard(NamedTuple):
    """A fact that names nobody; `data`: its JSON."""

    place: Place
    event_id: UUID
    data: str


_NOTE = text("""
INSERT INTO unaddressed (aggregate_id, seq, type, directory_revision, looked_on)
SELECT aggregate_id, seq, type, :revision, :on
  FROM unnest(CAST(:ids AS uuid[]), CAST(:seqs AS bigint[]), CAST(:types AS text[])) AS new (aggregate_id, seq, type)
""")
_TYPES = text("""
SELECT DISTINCT type FROM unaddressed WHERE directory_revision < :revision OR looked_on < :before
""")
_DUE = text("""
SELECT aggregate_id FROM unaddressed
 WHERE type = :type AND (directory_revision < :revision OR looked_on < :before)
 ORDER BY aggregate_id
 LIMIT :limit
""")
_OF = text("""
SELECT aggregate_id, seq, event_id, CAST(data AS text) AS data
  FROM unaddressed one JOIN event_log USING (aggregate_id, seq)
 WHERE aggregate_id = ANY (CAST(:ids AS uuid[])) AND one.type = :type
 ORDER BY aggregate_id, seq
""")
_PLACES = "(SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:seqs AS bigint[])))"
_DONE = text(f"DELETE FROM unaddressed WHERE (aggregate_id, seq) IN {_PLACES}")  # noqa: S608
_LOOKED = text(
    f"UPDATE unaddressed SET directory_revision = :revision, looked_on = :on WHERE (aggregate_id, seq) IN {_PLACES}"  # noqa: S608
)
_MOVE_COMMENDATIONS = text("""
UPDATE commendation SET version = new.version
  FROM unnest(CAST(:ids AS uuid[]), CAST(:versions AS bigint[])) AS new (id, version)
 WHERE commendation.id = new.id
""")
_WAIT = text("""
SELECT EXISTS (SELECT FROM unaddressed one, supervision WHERE one.directory_revision < supervision.directory_revision)
""")
_COUNT = text("SELECT count(*) FROM (SELECT FROM unaddressed LIMIT :most) AS counted")


async def note(places: Sequence[tuple[Place, str]], *, revision: int, on: date, conn: AsyncConnection) -> None:
    """Remember these, each with its type, as decided with the directory of this revision on this day."""
    types = {"types": [type_name for _, type_name in places]}
    await conn.execute(_NOTE, {**_columns([place for place, _ in places]), **types, "revision": revision, "on": on})


async def types_due(*, revision: int, before: date, conn: AsyncConnection) -> list[str]:
    """Of what types there are some that were last looked at with an older directory, or before this day."""
    return sorted((await conn.execute(_TYPES, {"revision": revision, "before": before})).scalars())


async def due(type_name: str, *, revision: int, before: date, limit: int, conn: AsyncConnection) -> list[UUID]:
    """The aggregates of those of one type, as far as the limit goes."""
    asked = {"type": type_name, "revision": revision, "before": before, "limit": limit}
    return list((await conn.execute(_DUE, asked)).scalars())


async def of(aggregate_ids: Sequence[UUID], type_name: str, *, conn: AsyncConnection) -> list[Unheard]:
    """Those of one type of these aggregates, whose heads are held."""
    rows = await conn.execute(_OF, {"ids": list(aggregate_ids), "type": type_name})
    return [Unheard(Place(row.aggregate_id, row.seq), row.event_id, row.data) for row in rows]


async def done(places: Sequence[Place], *, conn: AsyncConnection) -> None:
    if places:
        await conn.execute(_DONE, _columns(places))


async def looked_at(places: Sequence[Place], *, revision: int, on: date, conn: AsyncConnection) -> None:
    if places:
        await conn.execute(_LOOKED, {**_columns(places), "revision": revision, "on": on})


async def move_commendations(versions: Mapping[UUID, int], *, conn: AsyncConnection) -> None:
    """Write the versions of those of these aggregates that are commendations."""
    if versions:
        await conn.execute(_MOVE_COMMENDATIONS, {"ids": list(versions), "versions": list(versions.values())})


async def wait_for_directory(*, conn: AsyncConnection) -> bool:
    """Whether the directory has changed since some of them were looked at."""
    return bool((await conn.execute(_WAIT)).scalar_one())


async def count(*, at_most: int, conn: AsyncConnection) -> int:
    return int((await conn.execute(_COUNT, {"most": at_most})).scalar_one())


def _columns(places: Sequence[Place]) -> dict[str, list[UUID] | list[int]]:
    return {"ids": [place.aggregate_id for place in places], "seqs": [place.seq for place in places]}
