"""Many rows in one statement: an array for each column."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

Row = tuple[Any, ...]


class RowSet:
    """A table's columns with their PostgreSQL types, in the order of the rows that are written.

    `fixed`: columns that never change once a row is there. `_nested`: columns that are arrays themselves travel as text
    (unnest would flatten an array of arrays).
    """

    def __init__(
        self, table: str, *, key: tuple[str, ...], columns: Mapping[str, str], fixed: Collection[str] = ()
    ) -> None:
        self.names = tuple(columns)
        self._nested = [index for index, kind in enumerate(columns.values()) if kind.endswith("[]")]
        self._changing = [index for index, name in enumerate(columns) if name not in fixed]
        self._upsert = _upsert_of(table, key, columns)
        self._update = _update_of(
            table, key, {self.names[index]: columns[self.names[index]] for index in self._changing}
        )

    async def upsert(self, rows: Sequence[Row], *, conn: AsyncConnection) -> None:
        """Insert these rows, or replace those with the same key."""
        if rows:
            await conn.execute(self._upsert, dict(zip(self.names, self._arrays(rows), strict=True)))

    async def update(self, rows: Sequence[Row], *, conn: AsyncConnection) -> None:
        """Replace rows that are there; the columns that never change do not travel."""
        if rows:
            arrays = self._arrays(rows)
            await conn.execute(self._update, {self.names[index]: arrays[index] for index in self._changing})

    def _arrays(self, rows: Sequence[Row]) -> list[list[Any]]:
        arrays = [list(column) for column in zip(*rows, strict=True)]
        for index in self._nested:
            arrays[index] = ["{" + ",".join(map(str, items)) + "}" for items in arrays[index]]
        return arrays


def _upsert_of(table: str, key: tuple[str, ...], columns: Mapping[str, str]) -> TextClause:
    values = ", ".join(f"CAST({name} AS {kind})" for name, kind in columns.items())
    names = ", ".join(columns)
    rest = ", ".join(f"{name} = excluded.{name}" for name in columns if name not in key)
    return text(
        f"INSERT INTO {table} ({names}) SELECT {values} FROM {_given(columns)}"  # noqa: S608
        f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET {rest}"
    )


def _update_of(table: str, key: tuple[str, ...], columns: Mapping[str, str]) -> TextClause:
    rest = ", ".join(f"{name} = CAST(new.{name} AS {kind})" for name, kind in columns.items() if name not in key)
    same = " AND ".join(f"kept.{name} = new.{name}" for name in key)
    return text(f"UPDATE {table} AS kept SET {rest} FROM {_given(columns)} WHERE {same}")  # noqa: S608


def _given(columns: Mapping[str, str]) -> str:
    arrays = ", ".join(f"CAST(:{name} AS {_travels_as(kind)}[])" for name, kind in columns.items())
    return f"unnest({arrays}) AS new ({', '.join(columns)})"


def _travels_as(kind: str) -> str:
    return "text" if kind.endswith("[]") or kind == "jsonb" else kind
