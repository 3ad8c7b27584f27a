"""What a period's scores are published as, and what a correction of them changes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from uuid import UUID

from services.assessment.domain.scoring.figures import shown
from services.assessment.domain.scoring.gathering import Collected
from services.assessment.domain.scoring.league import Placed, Scored, league
from services.assessment.domain.scoring.measures import Evidence
from services.assessment.domain.scoring.opened import IndicatorScore, Input, ItemScore, Score
from services.assessment.domain.scoring.quarter import Quarter
from services.assessment.domain.scoring.rules import Table
from services.assessment.domain.scoring.score import score
from shared.contracts.ids import score_id
from shared.contracts.scores import (
    ChainScore,
    ScoreCorrected,
    ScoreIndicator,
    ScoreInput,
    ScoreItem,
    ScorePart,
    ScorePublished,
)
from shared.kit.errors import Conflict, Invalid


class PeriodNotBegun(Invalid):
    def __init__(self, quarter: Quarter) -> None:
        super().__init__(f"{quarter.words}尚未开始，还没有得分", period=quarter.label)


class NotInForce(Invalid):
    """The table is in force from a later day on."""

    def __init__(self, quarter: Quarter, table: Table) -> None:
        super().__init__(
            f"考核规则“{table.version}”自{table.in_force_from}起施行，不用于{quarter.words}",
            period=quarter.label,
            in_force_from=table.in_force_from.isoformat(),
        )


class PeriodNotOver(Conflict):
    def __init__(self, quarter: Quarter) -> None:
        super().__init__(
            f"{quarter.words}到{quarter.to_on}才结束，结束后方可公布；现在可查看截至今日的得分", period=quarter.label
        )


class AlreadyPublished(Conflict):
    def __init__(self, quarter: Quarter) -> None:
        super().__init__(f"{quarter.words}得分已经公布；如有变化，请作更正", period=quarter.label)


class NotPublished(Conflict):
    def __init__(self, quarter: Quarter) -> None:
        super().__init__(f"{quarter.words}得分尚未公布，无须更正；请先公布", period=quarter.label)


class NothingToCorrect(Conflict):
    def __init__(self, quarter: Quarter) -> None:
        super().__init__(f"{quarter.words}现在的得分与已公布的一致，没有需要更正的", period=quarter.label)


Chain = tuple[UUID, str, str]
"""A chain's id, code and name."""


@dataclass(frozen=True, slots=True)
class Record:
    """A record that counts. `kind`: project, report, obligation, light or target; `id`: as that is named elsewhere, a
    project's months as `<project_id>/2026-03`. `amount`: in the measure's unit where it has one."""

    kind: str
    id: str
    name: str
    day: date
    amount: str | None


@dataclass(frozen=True, slots=True)
class Opened:
    """A score with the records behind its figures, by measure."""

    score: ChainScore
    evidence: Mapping[str, tuple[Record, ...]]


def require_scored(quarter: Quarter, table: Table, *, today: date) -> None:
    """Raises PeriodNotBegun, NotInForce."""
    if quarter.from_on > today:
        raise PeriodNotBegun(quarter)
    if quarter.from_on < table.in_force_from:
        raise NotInForce(quarter, table)


def standings(table: Table, quarter: Quarter, chains: Iterable[Chain], gathered: Collected) -> tuple[Opened, ...]:
    """All chains in the order of the league, each opened down to its evidence."""
    scored = [
        Scored(chain_id, code, name, score(table, gathered.of(chain_id), quarter=quarter.number))
        for chain_id, code, name in chains
    ]
    return tuple(Opened(_chain(one), _evidence(one.scored.score)) for one in league(table, scored))


def publish(table: Table, quarter: Quarter, scores: Sequence[Opened], *, today: date) -> list[ScorePublished]:
    """Raises PeriodNotOver."""
    if not quarter.is_over(today):
        raise PeriodNotOver(quarter)
    return [
        ScorePublished(
            score_id=score_id(quarter.label, one.score.chain_id),
            period=quarter.label,
            from_on=quarter.from_on,
            to_on=quarter.to_on,
            published_on=today,
            table_version=table.version,
            table_name=table.name,
            score=one.score,
        )
        for one in scores
    ]


def correct(
    table: Table,
    quarter: Quarter,
    scores: Sequence[Opened],
    stated: Mapping[UUID, Opened],
    *,
    number: int,
    reason: str,
    today: date,
) -> list[ScoreCorrected]:
    """The chains whose score is another than what was stated last of them.

    Raises:
        NothingToCorrect: there are none.
    """
    changed = [one for one in scores if differs(one, stated.get(one.score.chain_id))]
    if not changed:
        raise NothingToCorrect(quarter)
    return [
        _corrected(one.score, table, quarter, stated.get(one.score.chain_id), number, reason, today) for one in changed
    ]


def differs(now: Opened, stated: Opened | None) -> bool:
    """Whether figures or what is behind them changed; another name of a project or chain is no change."""
    return stated is None or _figures(now) != _figures(stated)


def _figures(opened: Opened) -> object:
    one = opened.score
    points = [(its.key, its.points) for its in one.indicators]
    items = [(its.key, its.points) for its in (*one.bonus, *one.deductions)]
    records = {
        measure: [(its.kind, its.id, its.day, its.amount) for its in found]
        for measure, found in opened.evidence.items()
    }
    return one.rank, one.total, one.exact, points, items, records


def _corrected(
    one: ChainScore, table: Table, quarter: Quarter, before: Opened | None, number: int, reason: str, today: date
) -> ScoreCorrected:
    return ScoreCorrected(
        score_id=score_id(quarter.label, one.chain_id),
        period=quarter.label,
        number=number,
        corrected_on=today,
        reason=reason,
        table_version=table.version,
        before_total=before.score.total if before else None,
        before_rank=before.score.rank if before else None,
        score=one,
    )


def _chain(placed: Placed) -> ChainScore:
    its = placed.scored.score
    return ChainScore(
        chain_id=placed.scored.chain_id,
        chain_code=placed.scored.code,
        chain_name=placed.scored.name,
        rank=placed.rank,
        total=None if its.total is None else str(its.total),
        exact=_text(its.exact),
        tie_broken_by=placed.tie_broken_by,
        indicators=tuple(_indicator(one) for one in its.indicators),
        bonus=tuple(_item(one) for one in its.bonus.items),
        bonus_points=_text(its.bonus.points),
        deductions=tuple(_item(one) for one in its.deductions.items),
        deduction_points=_text(its.deductions.points),
    )


def _indicator(one: IndicatorScore) -> ScoreIndicator:
    return ScoreIndicator(**dict(_part(one)), parts=tuple(_part(part) for part in one.parts))


def _part(one: IndicatorScore) -> ScorePart:
    return ScorePart(
        key=one.key,
        name=one.name,
        weight=_text(one.weight),
        counted_weight=_text(one.counted_weight),
        before_cap=_text(one.before_cap),
        cap=None if one.cap is None else _text(one.cap),
        points=_text(one.points),
        formula=one.formula,
        why_not=one.why_not,
        inputs=tuple(_input(its) for its in one.inputs),
    )


def _item(one: ItemScore) -> ScoreItem:
    return ScoreItem(
        key=one.key,
        name=one.name,
        units=one.units,
        at_most=None if one.at_most is None else _text(one.at_most),
        points=_text(one.points),
        formula=one.formula,
        why_not=one.why_not,
        inputs=tuple(_input(its) for its in one.inputs),
    )


def _input(one: Input) -> ScoreInput:
    return ScoreInput(
        role=one.role,
        name=one.name,
        measure=one.measure,
        by=one.by,
        at_least=None if one.at_least is None else _text(one.at_least),
        unit=one.unit,
        records=len(one.evidence),
        raw=_text(one.raw),
        value=_text(one.value),
        times=_text(one.times),
        share_of_year=None if one.share_of_year is None else _text(one.share_of_year),
    )


def _evidence(its: Score) -> Mapping[str, tuple[Record, ...]]:
    """What each measure of the table found, once, however many figures look at it."""
    found: dict[str, set[Evidence]] = {}
    for one in _inputs(its):
        if one.measure is not None:
            found.setdefault(one.measure, set()).update(one.evidence)
    return {measure: tuple(_record(one) for one in sorted(there)) for measure, there in sorted(found.items())}


def _inputs(its: Score) -> Sequence[Input]:
    parts = [part for one in its.indicators for part in (one, *one.parts)]
    of_parts = [one for part in parts for one in part.inputs]
    of_items = [one for item in (*its.bonus.items, *its.deductions.items) for one in item.inputs]
    return [*of_parts, *of_items]


def _record(one: Evidence) -> Record:
    return Record(one.kind, one.id, one.name, one.day, None if one.amount is None else _text(one.amount))


def _text(value: Fraction | Decimal) -> str:
    return format(shown(value), "f")
