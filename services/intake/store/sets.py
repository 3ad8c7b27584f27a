"""Many rows in one statement, whatever the table."""

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import ARRAY, ColumnElement, Table, Uuid, any_, literal
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.kit.database import fetch

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
    given = {table: found for table, found in rows.items() if found}
    if given:
        await fetch(conn, _upsert_of(*given), *(orjson.dumps(found, default=str).decode() for found in given.values()))


def one_of(column: ColumnElement[Any], ids: Collection[UUID]) -> ColumnElement[bool]:
    """`column = ANY(ids)` with one parameter, however many ids."""
    return column == any_(literal(list(ids), ARRAY(Uuid)))


@cache
def _upsert_of(*tables: Table) -> str:
    parts = ", ".join(f"{table.name}_written AS ({_one(table, f'${n}')})" for n, table in enumerate(tables, start=1))
    return f"WITH {parts} SELECT"


def _one(table: Table, parameter: str) -> str:
    columns = ", ".join(column.name for column in table.columns)
    key = ", ".join(column.name for column in table.primary_key)
    changing = [column for column in table.columns if not column.primary_key and not column.info.get("fixed")]
    rest = ", ".join(f"{column.name} = excluded.{column.name}" for column in changing)
    return (
        f"INSERT INTO {table.name} ({columns}) SELECT {columns}"  # noqa: S608 - names of our own tables
        f" FROM jsonb_populate_recordset(NULL::{table.name}, {parameter}::jsonb)"
        f" ON CONFLICT ({key}) DO UPDATE SET {rest}"
    )
