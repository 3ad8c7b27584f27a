"""Many rows in one statement, whatever the table."""

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import ARRAY, ColumnElement, Table, TextClause, Uuid, any_, literal, text
from sqlalchemy.ext.asyncio import AsyncConnection

Row = Mapping[str, Any]


async def upsert(table: Table, rows: Sequence[Row], *, conn: AsyncConnection) -> None:
    """Insert these rows, or replace those with the same primary key. One statement for any number of rows.

    The rows travel as one JSON parameter: an array for each column would need one for arrays of arrays too.

    Columns marked fixed are not set again. Setting a column of a unique index, be it to what it is, locks the row
    against everybody who refers to it: a timetable's line that names a post would wait for whoever writes the post.
    """
    if rows:
        await conn.execute(_upsert_of(table), {"rows": orjson.dumps(rows, default=str).decode()})


def one_of(column: ColumnElement[Any], ids: Collection[UUID]) -> ColumnElement[bool]:
    """`column = ANY(ids)` with one parameter, however many ids."""
    return column == any_(literal(list(ids), ARRAY(Uuid)))


@cache
def _upsert_of(table: Table) -> TextClause:
    columns = ", ".join(column.name for column in table.columns)
    key = ", ".join(column.name for column in table.primary_key)
    changing = [column for column in table.columns if not column.primary_key and not column.info.get("fixed")]
    rest = ", ".join(f"{column.name} = excluded.{column.name}" for column in changing)
    return text(
        f"INSERT INTO {table.name} ({columns}) SELECT {columns}"  # noqa: S608 - names of our own tables
        f" FROM jsonb_populate_recordset(CAST(NULL AS {table.name}), CAST(:rows AS jsonb))"
        f" ON CONFLICT ({key}) DO UPDATE SET {rest}"
    )
