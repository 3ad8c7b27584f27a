"""The league table: chains by their totals, ties broken by named indicators, then by the chain's code."""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from uuid import UUID

from services.assessment.domain.scoring.opened import Score
from services.assessment.domain.scoring.rules import Table


@dataclass(frozen=True, slots=True)
class Scored:
    chain_id: UUID
    code: str
    name: str
    score: Score


@dataclass(frozen=True, slots=True)
class Placed:
    """`rank`: from 1; None for a chain without a score. `tie_broken_by`: what put it behind the one before it, where
    both have the same total: an indicator's key, or `code`."""

    rank: int | None
    scored: Scored
    tie_broken_by: str | None = None


def league(table: Table, scored: Iterable[Scored]) -> tuple[Placed, ...]:
    """All in order; those without a score at the end, by code. What is compared is the rounded total, as people see."""
    everybody = sorted(scored, key=lambda one: one.code)
    ranked = sorted((one for one in everybody if one.score.total is not None), key=lambda one: _place(one, table))
    placed: list[Placed] = []
    for rank, one in enumerate(ranked, 1):
        before = ranked[rank - 2] if rank > 1 else None
        placed.append(Placed(rank, one, _breaker(before, one, table) if before else None))
    return (*placed, *(Placed(None, one) for one in everybody if one.score.total is None))


def _place(one: Scored, table: Table) -> tuple[object, ...]:
    total = one.score.total
    assert total is not None
    return (-total, *(_points(one, key) for key in table.ties), one.code)


def _points(one: Scored, key: str) -> tuple[bool, Fraction]:
    """More points first; one that is not applicable stands behind every one that is."""
    points = one.score.points_of(key)
    return points is None, -(points or Fraction(0))


def _breaker(before: Scored, one: Scored, table: Table) -> str | None:
    if before.score.total != one.score.total:
        return None
    return next((key for key in table.ties if _points(before, key) != _points(one, key)), "code")
