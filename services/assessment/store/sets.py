"""Many rows in one statement: an array for each column. On the driver itself, for every batch runs these."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.kit.database import fetch

Row = tuple[Any, ...]


class RowSet:
    """A table's columns with their PostgreSQL types, in the order of the rows that are read and written.

    `fixed`: columns that never change, and so do not travel to be written again.
    `_nested`: columns that are arrays themselves travel as text (unnest would flatten an array of arrays).
    """

    def __init__(
        self, table: str, *, key: tuple[str, ...], columns: Mapping[str, str], fixed: Collection[str] = ()
    ) -> None:
        self._nested = [index for index, kind in enumerate(columns.values()) if kind.endswith("[]")]
        self._changing = [index for index, name in enumerate(columns) if name not in fixed]
        self._by_id = f"SELECT {', '.join(columns)} FROM {table} WHERE id = ANY ($1::uuid[])"  # noqa: S608
        self._insert = _insert_of(table, columns)
        self._upsert = f"{self._insert} ON CONFLICT ({', '.join(key)}) DO UPDATE SET {_excluded(columns, key)}"
        self._update = _update_of(table, key, {name: columns[name] for name in columns if name not in fixed})

    async def by_id(self, ids: Collection[UUID], *, conn: AsyncConnection) -> list[Sequence[Any]]:
        """The rows that there are of these."""
        return await fetch(conn, self._by_id, list(ids)) if ids else []

    async def insert(self, rows: Sequence[Row], *, conn: AsyncConnection) -> None:
        """Write rows that do not exist yet."""
        if rows:
            await fetch(conn, self._insert, *self._arrays(rows))

    async def update(self, rows: Sequence[Row], *, conn: AsyncConnection) -> None:
        """Write rows that exist: where an upsert would do, this costs PostgreSQL half of it."""
        if rows:
            arrays = self._arrays(rows)
            await fetch(conn, self._update, *(arrays[index] for index in self._changing))

    async def upsert(self, rows: Sequence[Row], *, conn: AsyncConnection) -> None:
        """Insert these rows, or replace those with the same key."""
        if rows:
            await fetch(conn, self._upsert, *self._arrays(rows))

    def _arrays(self, rows: Sequence[Row]) -> list[Sequence[Any]]:
        arrays: list[Sequence[Any]] = list(zip(*rows, strict=True))
        for index in self._nested:
            arrays[index] = ["{" + ",".join(map(str, items)) + "}" for items in arrays[index]]
        return arrays


def _insert_of(table: str, columns: Mapping[str, str]) -> str:
    values = ", ".join(f"CAST({name} AS {kind})" for name, kind in columns.items())
    return f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM {_given(columns)}"  # noqa: S608


def _update_of(table: str, key: tuple[str, ...], columns: Mapping[str, str]) -> str:
    changes = ", ".join(f"{name} = CAST(new.{name} AS {kind})" for name, kind in columns.items() if name not in key)
    same = " AND ".join(f"old.{name} = new.{name}" for name in key)
    return f"UPDATE {table} AS old SET {changes} FROM {_given(columns)} WHERE {same}"  # noqa: S608


def _excluded(columns: Iterable[str], key: tuple[str, ...]) -> str:
    return ", ".join(f"{name} = excluded.{name}" for name in columns if name not in key)


def _given(columns: Mapping[str, str]) -> str:
    """The rows that are handed over."""
    arrays = ", ".join(f"${place}::{_travels_as(kind)}[]" for place, kind in enumerate(columns.values(), 1))
    return f"unnest({arrays}) AS new ({', '.join(columns)})"


def _travels_as(kind: str) -> str:
    return "text" if kind.endswith("[]") or kind == "jsonb" else kind
