"""What scores are counted from, read from the journal and the obligations; and what was published of them."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.assessment.domain.moments import china_date
from services.assessment.domain.obligation import State
from services.assessment.domain.scoring.gathering import Duty
from services.assessment.domain.scoring.ledger import (
    FACTS,
    ProjectLedger,
    TargetEntry,
    Told,
    fold_project,
    fold_targets,
)
from services.assessment.domain.scoring.publishing import Opened
from services.assessment.store.sets import RowSet
from shared.contracts.registers import REGISTERS
from shared.contracts.topics import EVENT_TYPES

# Constants of the program, written out so that the planner sees that the partial index holds them.
_TYPES = ", ".join(f"'{one.type}'" for one in FACTS)
_FACTS = text(f"""
SELECT aggregate_id, seq, type, at, CAST(data AS text) AS data
  FROM journal
 WHERE type IN ({_TYPES})
 ORDER BY position
""")  # noqa: S608
_DUTIES = text("""
SELECT id, project_id, milestone_id, name, due_on, state, inner_state, supervised_from, met_on
  FROM obligation
 WHERE state <> 'cancelled' AND kind = 'milestone'
""")
_ISSUES = text("""
SELECT number, table_version, document, issued_at, issued_by, reason
  FROM score_issue
 WHERE period = :period
 ORDER BY number
""")
_ISSUE = text("""
INSERT INTO score_issue (period, number, table_version, document, issued_at, issued_by, reason)
VALUES (:period, :number, :table_version, :document, :at, :by, :reason)
""")
_STATED = text("""
SELECT DISTINCT ON (chain_id) chain_id, number, CAST(opened AS text) AS opened
  FROM score
 WHERE period = :period
 ORDER BY chain_id, number DESC
""")
_OF_CHAIN = text("""
SELECT number, CAST(opened AS text) AS opened FROM score WHERE period = :period AND chain_id = :chain ORDER BY number
""")
_OPENED: TypeAdapter[Opened] = TypeAdapter(Opened)
_SCORES = RowSet(
    "score",
    key=("period", "number", "chain_id"),
    columns={"period": "text", "number": "integer", "chain_id": "uuid", "rank": "integer", "opened": "jsonb"},
)


@dataclass(frozen=True, slots=True)
class Issue:
    """A publication (number 0) or a correction of it. `document`: the rules by which it was worked out."""

    number: int
    table_version: str
    document: str
    issued_at: datetime
    issued_by: str
    reason: str


async def ledgers(*, conn: AsyncConnection) -> tuple[tuple[ProjectLedger, ...], tuple[TargetEntry, ...]]:
    """Every project and every chain's targets as intake's facts have left them: the journal is folded."""
    projects: dict[UUID, ProjectLedger] = {}
    targets: dict[UUID, TargetEntry] = {}
    async for aggregate_id, told in _told(conn):
        if told.event.topic != REGISTERS:
            if (ledger := fold_project(projects.get(aggregate_id), told)) is not None:
                projects[aggregate_id] = ledger
        elif (entry := fold_targets(targets.get(aggregate_id), told)) is not None:
            targets[aggregate_id] = entry
        else:
            targets.pop(aggregate_id, None)
    return tuple(projects.values()), tuple(targets.values())


async def _told(conn: AsyncConnection) -> AsyncIterator[tuple[UUID, Told]]:
    async with conn.stream(_FACTS) as rows:
        async for row in rows:
            event = EVENT_TYPES[row.type].model_validate_json(row.data)
            yield row.aggregate_id, Told(row.seq, china_date(row.at), event)


async def duties(*, conn: AsyncConnection) -> tuple[Duty, ...]:
    """The obligations that are, or were, due."""
    rows = await conn.execute(_DUTIES)
    return tuple(
        Duty(id, project, milestone, name, due_on, State(state), State(inner) if inner else None, confirmed, met_on)
        for id, project, milestone, name, due_on, state, inner, confirmed, met_on in rows
    )


async def issues(period: str, *, conn: AsyncConnection) -> list[Issue]:
    """What was published of a period, and its corrections, in order."""
    return [Issue(*row) for row in await conn.execute(_ISSUES, {"period": period})]


async def add_issue(period: str, issue: Issue, scores: Iterable[Opened], *, conn: AsyncConnection) -> None:
    await conn.execute(
        _ISSUE,
        {
            "period": period,
            "number": issue.number,
            "table_version": issue.table_version,
            "document": issue.document,
            "at": issue.issued_at,
            "by": issue.issued_by,
            "reason": issue.reason,
        },
    )
    rows = [
        (period, issue.number, one.score.chain_id, one.score.rank, _OPENED.dump_json(one).decode()) for one in scores
    ]
    await _SCORES.insert(rows, conn=conn)


async def stated(period: str, *, conn: AsyncConnection) -> Mapping[UUID, tuple[int, Opened]]:
    """Of each chain what was stated last, with the number of the issue that stated it."""
    rows = await conn.execute(_STATED, {"period": period})
    return {row.chain_id: (row.number, _OPENED.validate_json(row.opened)) for row in rows}


async def stated_of(period: str, chain_id: UUID, *, conn: AsyncConnection) -> Sequence[tuple[int, Opened]]:
    """All that was stated of a chain: as published, then each correction that concerned it."""
    rows = await conn.execute(_OF_CHAIN, {"period": period, "chain": chain_id})
    return [(row.number, _OPENED.validate_json(row.opened)) for row in rows]
