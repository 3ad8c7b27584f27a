"""Many rows in one statement, whatever the table."""

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import ARRAY, ColumnElement, Table, Uuid, any_, literal
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.kit.database import fetch
from shared.kit.log.eventlog import Beside

Row = Mapping[str, Any]


async def upsert(table: Table, rows: Sequence[Row], *, conn: AsyncConnection) -> None:
    """Insert these rows, or replace those with the same primary key. One statement for any number of rows.

    The rows travel as one JSON parameter: an array for each column would need one for arrays of arrays too.

    Columns marked fixed are not set again. Setting a column of a unique index, be it to what it is, locks the row
    against everybody who refers to it: a timetable's line that names a post would wait for whoever writes the post.
    """
    await upsert_all({table: rows}, conn=conn)


async def upsert_all(rows: Mapping[Table, Sequence[Row]], *, conn: AsyncConnection) -> None:
    """`upsert` into several tables in one statement; references are looked for when all of them are written."""
    parts, arguments = upserts(rows)
    if parts:
        numbered = (part.format(f"${number}") for number, part in enumerate(parts, start=1))
        await fetch(conn, f"WITH {', '.join(numbered)} SELECT", *arguments)


def upserts(rows: Mapping[Table, Sequence[Row]]) -> Beside:
    """What `upsert_all` does, as parts of the statement that appends the facts."""
    given = {table: found for table, found in rows.items() if found}
    return Beside(
        tuple(_upsert(table) for table in given),
        [orjson.dumps(found, default=str).decode() for found in given.values()],
    )


def one_of(column: ColumnElement[Any], ids: Collection[UUID]) -> ColumnElement[bool]:
    """`column = ANY(ids)` with one parameter, however many ids."""
    return column == any_(literal(list(ids), ARRAY(Uuid)))


def having(column: ColumnElement[Any], id: UUID) -> ColumnElement[bool]:
    """`column @> ARRAY[id]`: of an array of ids, with the help of an index where there is one."""
    return column.op("@>", is_comparison=True)(literal([id], ARRAY(Uuid)))


@cache
def _upsert(table: Table) -> str:
    columns = ", ".join(column.name for column in table.columns)
    key = ", ".join(column.name for column in table.primary_key)
    changing = [column for column in table.columns if not column.primary_key and not column.info.get("fixed")]
    rest = ", ".join(f"{column.name} = excluded.{column.name}" for column in changing)
    return (
        f"{table.name}_written AS (INSERT INTO {table.name} ({columns}) SELECT {columns}"  # noqa: S608 - our own names
        f" FROM jsonb_populate_recordset(NULL::{table.name}, {{}}::jsonb)"
        f" ON CONFLICT ({key}) DO UPDATE SET {rest})"
    )
