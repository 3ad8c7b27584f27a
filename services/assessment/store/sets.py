"""Many rows in one statement: an array for each column."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

Row = tuple[Any, ...]


class RowSet:
    """A table's columns with their PostgreSQL types, in the order of the rows that are written.

    `_nested`: columns that are arrays themselves travel as text (unnest would flatten an array of arrays).
    """

    def __init__(self, table: str, *, key: tuple[str, ...], columns: Mapping[str, str]) -> None:
        self.names = tuple(columns)
        self._nested = [index for index, kind in enumerate(columns.values()) if kind.endswith("[]")]
        self._upsert = _upsert_of(table, key, columns)

    async def upsert(self, rows: Sequence[Row], *, conn: AsyncConnection) -> None:
        """Insert these rows, or replace those with the same key."""
        if not rows:
            return
        arrays = [list(column) for column in zip(*rows, strict=True)]
        for index in self._nested:
            arrays[index] = ["{" + ",".join(map(str, items)) + "}" for items in arrays[index]]
        await conn.execute(self._upsert, dict(zip(self.names, arrays, strict=True)))


def _upsert_of(table: str, key: tuple[str, ...], columns: Mapping[str, str]) -> TextClause:
    arrays = ", ".join(f"CAST(:{name} AS {_travels_as(kind)}[])" for name, kind in columns.items())
    values = ", ".join(f"CAST({name} AS {kind})" for name, kind in columns.items())
    names = ", ".join(columns)
    rest = ", ".join(f"{name} = excluded.{name}" for name in columns if name not in key)
    return text(
        f"INSERT INTO {table} ({names}) SELECT {values} FROM unnest({arrays}) AS new ({names})"  # noqa: S608
        f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET {rest}"
    )


def _travels_as(kind: str) -> str:
    return "text" if kind.endswith("[]") or kind == "jsonb" else kind
