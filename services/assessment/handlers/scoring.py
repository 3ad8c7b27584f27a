"""Scores of a period: as they stand now, published, corrected. Counted anew when asked; what is published is kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.assessment.domain.moments import china_date
from services.assessment.domain.policy import StartRule
from services.assessment.domain.scoring import publishing
from services.assessment.domain.scoring.gathering import Ground, gather
from services.assessment.domain.scoring.ledger import ProjectLedger
from services.assessment.domain.scoring.publishing import AlreadyPublished, Chain, NotPublished, Opened
from services.assessment.domain.scoring.quarter import Quarter
from services.assessment.domain.scoring.rules import Table
from services.assessment.handlers.known import Knowledge, Known
from services.assessment.policies.scoring import Scoring, parse_scoring
from services.assessment.store import scoring as store
from services.assessment.store.scoring import Issue
from shared.contracts.ids import score_id
from shared.contracts.scores import ScoreCorrected, ScorePublished
from shared.kit.errors import VersionConflict
from shared.kit.log.eventlog import NewFact, append, lock_heads

_REASON = ""


@dataclass(frozen=True, slots=True)
class PeriodScores:
    """`now`: as they stand, in the order of the league. `stated`: what was last published or corrected of each chain,
    with the number of that issue. `issues`: the publication and its corrections."""

    quarter: Quarter
    table: Table
    on: date
    now: tuple[Opened, ...]
    stated: Mapping[UUID, tuple[int, Opened]]
    issues: Sequence[Issue]


async def look(
    quarter: Quarter, *, conn: AsyncConnection, now: datetime, knowledge: Knowledge, scoring: Scoring
) -> PeriodScores:
    """A period's scores as they stand now, by the rules in force; once it is published, by those it was published by.

    Raises:
        PeriodNotBegun, NotInForce.
    """
    return await _look(quarter, await knowledge.read(conn), conn=conn, now=now, scoring=scoring)


@dataclass(frozen=True, slots=True)
class Tried:
    """A period by the rules that hold (`scores.now`), and by others, in the order of the league by those."""

    scores: PeriodScores
    table: Table
    otherwise: tuple[Opened, ...]


@dataclass(frozen=True, slots=True)
class UnitScores:
    """A period by responsible unit, in the order of the league; a unit stands where a chain stands in a score. They are
    for comparing, and never published."""

    quarter: Quarter
    table: Table
    on: date
    now: tuple[Opened, ...]


async def look_at_units(
    quarter: Quarter, *, conn: AsyncConnection, now: datetime, knowledge: Knowledge, scoring: Scoring
) -> UnitScores:
    """What units that are responsible for projects come to, by the rules of the period.

    Raises:
        PeriodNotBegun, NotInForce.
    """
    known, today = await knowledge.read(conn), china_date(now)
    table = _rules_of(await store.issues(quarter.label, conn=conn), scoring)
    publishing.require_scored(quarter, table, today=today)
    ground = await _ground(known, table, conn=conn)
    names = {one.id: one.name for one in known.directory.organisations.values()}
    units = {unit for project in ground.ledgers for _, unit in project.units}
    subjects = [(unit, names[unit], names[unit]) for unit in units if unit in names]
    gathered = gather(ground, quarter, today=today, whose=ProjectLedger.unit_on, with_targets=False)
    return UnitScores(quarter, table, today, publishing.standings(table, quarter, subjects, gathered))


async def try_rules(
    quarter: Quarter, table: Table, *, conn: AsyncConnection, now: datetime, knowledge: Knowledge, scoring: Scoring
) -> Tried:
    """What a period would come to by other rules, whenever these are to be in force.

    Raises:
        PeriodNotBegun, NotInForce.
    """
    known = await knowledge.read(conn)
    scores = await _look(quarter, known, conn=conn, now=now, scoring=scoring)
    otherwise = _standings(table, quarter, known, await _ground(known, table, conn=conn), today=scores.on)
    return Tried(scores, table, otherwise)


async def publish(
    quarter: Quarter,
    *,
    conn: AsyncConnection,
    now: datetime,
    by: str,
    knowledge: Knowledge,
    scoring: Scoring,
    expected_version: int | None = None,
) -> PeriodScores:
    """督查室 publishes a period that is over: what is published stays as it is, whatever becomes known later.

    Raises:
        PeriodNotBegun, NotInForce, PeriodNotOver, AlreadyPublished, VersionConflict.
    """
    known = await _alone(quarter, conn=conn, now=now, knowledge=knowledge)
    scores = await _look(quarter, known, conn=conn, now=now, scoring=scoring)
    _require_version(quarter, scores, expected_version)
    if scores.issues:
        raise AlreadyPublished(quarter)
    events = publishing.publish(scores.table, quarter, scores.now, today=scores.on)
    issue = Issue(0, scores.table.version, scoring.document, now, by, _REASON)
    await _issue(issue, events, scores, conn=conn)
    return await _look(quarter, known, conn=conn, now=now, scoring=scoring)


async def correct(
    quarter: Quarter,
    *,
    reason: str,
    conn: AsyncConnection,
    now: datetime,
    by: str,
    knowledge: Knowledge,
    scoring: Scoring,
    expected_version: int | None = None,
) -> PeriodScores:
    """更正: what became known since is published beside, under the next number; by the rules of the publication.

    Raises:
        PeriodNotBegun, NotPublished, NothingToCorrect, VersionConflict.
    """
    known = await _alone(quarter, conn=conn, now=now, knowledge=knowledge)
    scores = await _look(quarter, known, conn=conn, now=now, scoring=scoring)
    _require_version(quarter, scores, expected_version)
    if not scores.issues:
        raise NotPublished(quarter)
    last = scores.issues[-1]
    stated = {chain: one for chain, (_, one) in scores.stated.items()}
    number = last.number + 1
    events = publishing.correct(
        scores.table, quarter, scores.now, stated, number=number, reason=reason, today=scores.on
    )
    await _issue(Issue(number, last.table_version, last.document, now, by, reason), events, scores, conn=conn)
    return await _look(quarter, known, conn=conn, now=now, scoring=scoring)


async def _alone(quarter: Quarter, *, conn: AsyncConnection, now: datetime, knowledge: Knowledge) -> Known:
    """Nobody else publishes or corrects this period until the transaction ends."""
    known = await knowledge.now(conn, now)
    await lock_heads([score_id(quarter.label, one) for one in known.directory.chains], conn=conn)
    return known


async def _look(
    quarter: Quarter, known: Known, *, conn: AsyncConnection, now: datetime, scoring: Scoring
) -> PeriodScores:
    today = china_date(now)
    issues = await store.issues(quarter.label, conn=conn)
    table = _rules_of(issues, scoring)
    publishing.require_scored(quarter, table, today=today)
    ground = await _ground(known, table, conn=conn)
    return PeriodScores(
        quarter=quarter,
        table=table,
        on=today,
        now=_standings(table, quarter, known, ground, today=today),
        stated=await store.stated(quarter.label, conn=conn),
        issues=issues,
    )


def _rules_of(issues: Sequence[Issue], scoring: Scoring) -> Table:
    """Those in force; of a period that was published, those it was published by."""
    return parse_scoring(issues[-1].document) if issues else scoring.table


async def _ground(known: Known, table: Table, *, conn: AsyncConnection) -> Ground:
    projects, targets = await store.ledgers(conn=conn)
    return Ground(
        ledgers=projects,
        duties=await store.duties(conn=conn),
        targets=targets,
        start_rule_of=partial(_start_rule, known),
        began_on=known.began_on,
        report_day=table.report_day,
    )


def _start_rule(known: Known, project: ProjectLedger) -> StartRule:
    """As the policy has it for a project of this kind in its chain as of late."""
    category = known.directory.category_of(project.chains[-1][1])
    return known.current.for_(category, project.kind, None).policy.start_light


def _standings(table: Table, quarter: Quarter, known: Known, ground: Ground, *, today: date) -> tuple[Opened, ...]:
    chains: list[Chain] = [(one.id, one.code, one.name) for one in known.directory.chains.values()]
    return publishing.standings(table, quarter, chains, gather(ground, quarter, today=today))


async def _issue(
    issue: Issue, events: Sequence[ScorePublished | ScoreCorrected], scores: PeriodScores, *, conn: AsyncConnection
) -> None:
    """Write what is stated of the chains that these events are about."""
    facts = [NewFact(one.score_id, one, issue.issued_at) for one in events]
    await append(facts, conn=conn, actor=issue.issued_by)
    chains = {one.score.chain_id for one in events}
    stated = [one for one in scores.now if one.score.chain_id in chains]
    await store.add_issue(scores.quarter.label, issue, stated, conn=conn)


def _require_version(quarter: Quarter, scores: PeriodScores, expected: int | None) -> None:
    """A period's version: how often it was published and corrected."""
    if expected is not None and expected != len(scores.issues):
        chain = scores.now[0].score.chain_id if scores.now else UUID(int=0)
        raise VersionConflict(score_id(quarter.label, chain), expected=expected, actual=len(scores.issues))
