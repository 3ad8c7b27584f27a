"""Reading and writing the entries of registers, and the lists that were frozen."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Integer, Row, Text, cast, func, literal_column, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.domain.fields import FieldType
from services.intake.domain.registers.entries import LIVE, Entry, EntryStatus
from services.intake.store import search, sets, tables
from services.intake.store.projects import filters
from shared.contracts.ids import freeze_id
from shared.contracts.registers import FieldValue, FrozenEntry, Partner, RegisterFrozen
from shared.kit.database import fetch

ENTRY = tables.register_entry.c
_VALUES: ColumnElement[Any] = literal_column("'$[*].*'::jsonpath")
POSITION: ColumnElement[int] = literal_column("register_entry.position", Integer)


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """`words`: each stands in a field of `texts_in` or `partners_in`, or in the name or a code of its project."""

    register_key: str
    year: int | None = None
    chain_id: UUID | None = None
    statuses: Collection[EntryStatus] | None = None
    project_id: UUID | None = None
    words: tuple[str, ...] = ()
    texts_in: tuple[str, ...] = ()
    partners_in: tuple[str, ...] = ()

    def conditions(self) -> list[ColumnElement[bool]]:
        wanted: list[tuple[ColumnElement[Any], object]] = [
            (ENTRY.register_key, self.register_key),
            (ENTRY.year, self.year),
            (ENTRY.chain_id, self.chain_id),
        ]
        conditions = [column == value for column, value in wanted if value is not None]
        if self.project_id is not None:
            # The index of projects holds the entries that have one; it helps only who asks for those.
            conditions += [ENTRY.fields.has_key("project"), ENTRY.fields["project"].astext == str(self.project_id)]
        conditions += [self._named(word) for word in self.words]
        return conditions + ([ENTRY.status.in_(self.statuses)] if self.statuses is not None else [])

    def _named(self, word: str) -> ColumnElement[bool]:
        of = select(cast(filters.PROJECT.id, Text)).where(filters.named(word))
        texts: list[ColumnElement[Any]] = [ENTRY.fields[key].astext for key in self.texts_in]
        texts += [cast(func.jsonb_path_query_array(ENTRY.fields[key], _VALUES), Text) for key in self.partners_in]
        return or_(ENTRY.fields["project"].astext.in_(of), *search.all_in(texts, [word]))


@dataclass(frozen=True, slots=True)
class Frozen:
    """A year's list as it was decided, by whom."""

    event: RegisterFrozen
    actor: str


async def entries(ids: Collection[UUID], *, conn: AsyncConnection) -> dict[UUID, Entry]:
    query = select(tables.register_entry).where(sets.one_of(ENTRY.id, ids))
    return {row.id: _entry(row) for row in await conn.execute(query)}


async def list_entries(
    wanted: EntryFilter, *, conn: AsyncConnection, after: int | None = None, limit: int | None = None
) -> list[tuple[int, Entry]]:
    """Entries in the order in which they were recorded, each with its place in it."""
    query = select(tables.register_entry, POSITION.label("position")).where(*wanted.conditions()).order_by(POSITION)
    if after is not None:
        query = query.where(after < POSITION)
    rows = await conn.execute(query if limit is None else query.limit(limit))
    return [(row.position, _entry(row)) for row in rows]


async def count_entries(wanted: EntryFilter, *, conn: AsyncConnection) -> int:
    query = select(func.count()).select_from(tables.register_entry).where(*wanted.conditions())
    return int((await conn.execute(query)).scalar_one())


SAME = """
    SELECT id FROM register_entry
     WHERE register_key = $1 AND chain_id = $2 AND coalesce(year, 0) = coalesce($3::integer, 0)
       AND md5(identity) = md5($4::text) AND status IN ('nominated', 'standing')
"""


async def live_like(entry: Entry, identity: str, *, conn: AsyncConnection) -> UUID | None:
    """The live entry of an entry's register, chain and year that has this identity; there is at most one."""
    rows = await fetch(conn, SAME, entry.register_key, entry.chain_id, entry.year, identity)
    return rows[0]["id"] if rows else None


async def save_entries(records: Sequence[Entry], identities: Mapping[UUID, str], *, conn: AsyncConnection) -> None:
    """Write entries; `identities` by their ids."""
    rows = [{**asdict(record), "fields": plain(record.fields), "identity": identities[record.id]} for record in records]
    await sets.upsert(tables.register_entry, rows, conn=conn)


UNKNOWN = """
    SELECT 'chain' AS kind, id FROM unnest($1::uuid[]) AS id WHERE id NOT IN (SELECT id FROM chain)
    UNION ALL SELECT 'org', id FROM unnest($2::uuid[]) AS id WHERE id NOT IN (SELECT id FROM organisation)
    UNION ALL SELECT 'post', id FROM unnest($3::uuid[]) AS id WHERE id NOT IN (SELECT id FROM post)
    UNION ALL SELECT 'project', wanted FROM unnest($4::uuid[]) AS wanted
               WHERE NOT EXISTS (SELECT FROM project WHERE project.id = wanted)
"""


async def unknown(named: Mapping[FieldType, Collection[UUID]], *, conn: AsyncConnection) -> set[tuple[FieldType, UUID]]:
    """Those of these records that do not exist."""
    kinds = (FieldType.CHAIN, FieldType.ORG, FieldType.POST, FieldType.PROJECT)
    rows = await fetch(conn, UNKNOWN, *(list(named.get(kind, ())) for kind in kinds))
    return {(FieldType(row["kind"]), row["id"]) for row in rows}


PROJECTS = """
    SELECT project.id, code, project.name, organisation.name AS responsible_org_name, total_investment_wan, stage
      FROM project JOIN organisation ON organisation.id = responsible_org_id WHERE project.id = ANY ($1::uuid[])
"""


async def projects(ids: Collection[UUID], *, conn: AsyncConnection) -> dict[UUID, Any]:
    """What a register shows of these projects."""
    return {row["id"]: row for row in await fetch(conn, PROJECTS, list(ids))} if ids else {}


NAMED = "SELECT id, code, name FROM project WHERE code = ANY ($1::text[]) OR name = ANY ($1::text[])"


async def projects_named(texts: Collection[str], *, conn: AsyncConnection) -> dict[str, tuple[UUID, ...]]:
    """The projects of these codes or names; a code counts before a name."""
    if not texts:
        return {}
    rows = await fetch(conn, NAMED, list(texts))
    by_name: dict[str, tuple[UUID, ...]] = {}
    for row in rows:
        by_name[row["name"]] = (*by_name.get(row["name"], ()), row["id"])
    return {**by_name, **{row["code"]: (row["id"],) for row in rows}}


async def frozen(register_key: str, year: int, *, conn: AsyncConnection) -> Frozen | None:
    """A year's list as it was decided; None before that."""
    of = tables.register_freeze.c
    query = select(tables.register_freeze).where(of.id == freeze_id(register_key, year))
    row = (await conn.execute(query)).first()
    if row is None:
        return None
    kept = tuple(FrozenEntry.model_validate(item) for item in row.entries)
    event = RegisterFrozen(
        freeze_id=row.id, register_key=row.register_key, year=row.year, frozen_on=row.frozen_on, entries=kept
    )
    return Frozen(event, row.actor)


async def save_frozen(frozen: Frozen, *, conn: AsyncConnection) -> None:
    event = frozen.event
    row = {
        "id": event.freeze_id,
        "version": 1,
        "register_key": event.register_key,
        "year": event.year,
        "frozen_on": event.frozen_on,
        "actor": frozen.actor,
        "entries": [entry.model_dump(mode="json") for entry in event.entries],
    }
    await sets.upsert(tables.register_freeze, [row], conn=conn)


def plain(fields: Mapping[str, FieldValue]) -> dict[str, Any]:
    """Fields as JSON has them."""
    return {
        key: [partner.model_dump() for partner in value] if isinstance(value, tuple) else value
        for key, value in fields.items()
    }


def live_of(register_key: str, *, year: int | None = None, chain_id: UUID | None = None) -> EntryFilter:
    return EntryFilter(register_key, year=year, chain_id=chain_id, statuses=LIVE)


def _entry(row: Row[Any]) -> Entry:
    return Entry(
        id=row.id,
        register_key=row.register_key,
        year=row.year,
        chain_id=row.chain_id,
        fields={key: _value(value) for key, value in row.fields.items()},
        status=EntryStatus(row.status),
        authors=tuple(row.authors),
        nominating_post_id=row.nominating_post_id,
        reviewed_on=row.reviewed_on,
        reviewed_by=row.reviewed_by,
        reason=row.reason,
        version=row.version,
    )


def _value(value: Any) -> FieldValue:
    kept: FieldValue = tuple(Partner(**item) for item in value) if isinstance(value, list) else value
    return kept
