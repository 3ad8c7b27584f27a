"""Durable timers: rows that fire when the platform's time reaches them, each in one transaction with its effects."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection


@dataclass(frozen=True, slots=True)
class Timer:
    """One timer, unique on (subject, kind). `subject` is an aggregate of this service's own log (its head row is what
    firing locks). `origin` is the consumed aggregate whose parking holds the timer. Versions: of the rule and the
    calendar `due_at` was computed from; a new calendar recomputes only rows of an older one."""

    subject: UUID
    kind: str
    due_at: datetime
    origin: UUID | None = None
    rule_version: str = ""
    calendar_version: str = ""


class Fire(Protocol):
    """What due timers do, inside one transaction; their rows are gone already, their subjects' heads locked.

    Given up to 500 timers in order of due_at. Sets the next timers itself. When it raises, the set is halved until the
    poison timer stands alone; that one is put aside (see dead letters) and the rest goes on.
    """

    async def __call__(self, due: Sequence[Timer], *, conn: AsyncConnection, now: datetime) -> None: ...


async def set_timers(timers: Sequence[Timer], *, conn: AsyncConnection) -> None:
    """Set timers, replacing those of the same (subject, kind). One statement."""
    raise NotImplementedError


async def cancel_timers(subjects: Collection[UUID], *, conn: AsyncConnection, kind: str | None = None) -> None:
    """Remove the timers of these subjects, of one kind or all. One statement."""
    raise NotImplementedError
