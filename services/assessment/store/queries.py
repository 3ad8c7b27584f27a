"""Lists and views for people, by pages; and what some decisions ask of many rows."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.kit.errors import Invalid

WAITING = "waiting"

_CHAIN = "(CAST(:chain AS text) IS NULL OR chain.code = :chain OR CAST(project.chain_id AS text) = :chain)"
_OBLIGATION = """
SELECT one.id, one.version, one.kind AS obligation_kind, one.milestone_id, one.name, one.due_on,
       one.planned_on, one.post_id, one.state,
       one.inner_state, one.suspended_on, one.supervised_from, one.provisional, one.asked_on, one.expected_on,
       one.delay_reason, one.met_on, one.working_days_early, post.title AS post_title, post.organisation_id,
       project.id AS project_id, project.name AS project_name, project.code AS project_code, project.chain_id,
       project.kind, chain.code AS chain_code, chain.name AS chain_name, organisation.name AS organisation_name,
       existing.id AS case_id, existing.number AS case_number, existing.rung AS case_rung,
       extension.state AS extension_state
  FROM obligation one
  JOIN project ON project.id = one.project_id
  LEFT JOIN chain ON chain.id = project.chain_id
  LEFT JOIN organisation ON organisation.id = COALESCE(one.org_id, project.org_id)
  LEFT JOIN post ON post.id = one.post_id
  LEFT JOIN supervision_case existing ON existing.obligation_id = one.id
  LEFT JOIN extension ON extension.obligation_id = one.id AND extension.number = one.extensions
"""
_OBLIGATIONS = text(f"""{_OBLIGATION}
 WHERE (CAST(:state AS text) IS NULL OR one.state = :state)
   AND (CAST(:baseline AS boolean) IS NULL OR :baseline = (one.state = 'baseline'
        OR COALESCE(one.inner_state = 'baseline', false)))
   AND (CAST(:kind AS text) IS NULL OR one.kind = :kind)
   AND (CAST(:project AS uuid) IS NULL OR one.project_id = :project)
   AND {_CHAIN}
   AND (one.due_on, one.id) > (CAST(:after_due AS date), CAST(:after_id AS uuid))
 ORDER BY one.due_on, one.id
 LIMIT :limit
""")
_ONE_OBLIGATION = text(f"{_OBLIGATION} WHERE one.id = :id")
_EXTENSION = """
SELECT one.*, obligation.version, obligation.kind AS obligation_kind, obligation.name AS milestone_name,
       obligation.milestone_id, obligation.post_id,
       obligation.state AS obligation_state, obligation.due_on AS due_now, post.title AS post_title,
       project.id AS project_id, project.name AS project_name, project.code AS project_code, project.chain_id,
       chain.code AS chain_code, chain.name AS chain_name, organisation.name AS organisation_name
  FROM extension one
  JOIN obligation ON obligation.id = one.obligation_id
  JOIN project ON project.id = obligation.project_id
  LEFT JOIN chain ON chain.id = project.chain_id
  LEFT JOIN organisation ON organisation.id = COALESCE(obligation.org_id, project.org_id)
  LEFT JOIN post ON post.id = obligation.post_id
"""
_PAGE_OF_EXTENSIONS = f"""
   AND (CAST(:obligation AS uuid) IS NULL OR one.obligation_id = :obligation)
   AND {_CHAIN}
   AND (one.asked_at, one.obligation_id, one.number)
       > (CAST(:after_at AS timestamptz), CAST(:after_id AS uuid), CAST(:after_number AS integer))
 ORDER BY one.asked_at, one.obligation_id, one.number
 LIMIT :limit
"""
_EXTENSIONS = text(f"""{_EXTENSION}
 WHERE (CAST(:state AS text) IS NULL OR one.state = :state) {_PAGE_OF_EXTENSIONS}
""")
# The states stand in the statement, so that their index can be followed.
_WAITING_EXTENSIONS = text(f"""{_EXTENSION}
 WHERE one.state IN ('requested', 'reviewed') {_PAGE_OF_EXTENSIONS}
""")
_CASE = """
SELECT one.id, one.version, one.number, one.obligation_id, one.policy_version, one.rule_set, one.due_on, one.opened_at,
       one.state,
       one.rung, one.rung_on, one.next_at, one.acknowledged, one.held_until, one.provisional, one.closed_on,
       one.close_reason, one.ending, one.dealings,
       obligation.kind AS obligation_kind, obligation.name AS milestone_name, obligation.milestone_id,
       obligation.post_id, obligation.expected_on, obligation.delay_reason, post.title AS post_title,
       COALESCE(obligation.org_id, project.org_id) AS org_id,
       project.id AS project_id, project.name AS project_name, project.code AS project_code, project.chain_id,
       chain.code AS chain_code, chain.name AS chain_name, organisation.name AS organisation_name
  FROM supervision_case one
  JOIN obligation ON obligation.id = one.obligation_id
  JOIN project ON project.id = one.project_id
  LEFT JOIN chain ON chain.id = project.chain_id
  LEFT JOIN organisation ON organisation.id = COALESCE(obligation.org_id, project.org_id)
  LEFT JOIN post ON post.id = obligation.post_id
"""
_CASES = text(f"""{_CASE}
 WHERE (CAST(:state AS text) IS NULL OR one.state = :state OR one.ending = :state)
   AND (CAST(:rung AS integer) IS NULL OR one.rung = :rung)
   AND (CAST(:kind AS text) IS NULL OR obligation.kind = :kind)
   AND (CAST(:project AS uuid) IS NULL OR one.project_id = :project)
   AND {_CHAIN}
   AND (one.opened_at, char_length(one.number), one.number)
       > (CAST(:after_at AS timestamptz), char_length(CAST(:after_number AS text)), CAST(:after_number AS text))
 ORDER BY one.opened_at, char_length(one.number), one.number
 LIMIT :limit
""")
_OBLIGATION_OF = text("SELECT obligation_id FROM supervision_case WHERE id = :id")
_ONE_CASE = text(f"{_CASE} WHERE one.id = :id")
_LIGHT = """
SELECT project.id AS project_id, project.name AS project_name, project.code AS project_code, project.chain_id,
       project.stage, project.held, project.ended, chain.code AS chain_code, chain.name AS chain_name,
       one.version, one.state, one.light, one.planned_on, one.excused, one.suspended_on, one.changed_on, one.inputs,
       one.policy_version
  FROM project
  LEFT JOIN light one ON one.project_id = project.id
  LEFT JOIN chain ON chain.id = project.chain_id
"""
_LIGHTS = text(f"""{_LIGHT}
 WHERE NOT project.ended AND project.stage IS NOT NULL
   AND (CAST(:light AS text) IS NULL OR COALESCE(one.light, 'green') = :light)
   AND {_CHAIN}
   AND project.id > CAST(:after_id AS uuid)
 ORDER BY project.id
 LIMIT :limit
""")
_LIGHT_OF_PROJECT = text(f"{_LIGHT} WHERE project.id = :id")
_COMMENDATION = """
SELECT one.id, one.version, one.state, one.met_on, one.working_days_early, one.policy_version, one.proposed_at,
       one.decided_on, one.decided_by, one.decision,
       one.obligation_id, obligation.kind AS obligation_kind, obligation.name AS milestone_name,
       obligation.planned_on, obligation.post_id,
       post.title AS post_title, project.id AS project_id, project.name AS project_name, project.code AS project_code,
       project.chain_id, project.kind, chain.code AS chain_code, chain.name AS chain_name,
       organisation.name AS organisation_name
  FROM commendation one
  JOIN obligation ON obligation.id = one.obligation_id
  JOIN project ON project.id = one.project_id
  LEFT JOIN chain ON chain.id = project.chain_id
  LEFT JOIN organisation ON organisation.id = COALESCE(obligation.org_id, project.org_id)
  LEFT JOIN post ON post.id = obligation.post_id
"""
_COMMENDATIONS = text(f"""{_COMMENDATION}
 WHERE {_CHAIN}
   AND (CAST(:state AS text) IS NULL OR one.state = :state)
   AND (one.proposed_at, one.id) > (CAST(:after_at AS timestamptz), CAST(:after_id AS uuid))
 ORDER BY one.proposed_at, one.id
 LIMIT :limit
""")
_ONE_COMMENDATION = text(f"{_COMMENDATION} WHERE one.id = :id")
_HONOURS = text(f"""{_COMMENDATION}
 WHERE one.state = 'approved'
   AND {_CHAIN}
   AND one.decided_on BETWEEN CAST(:from_day AS date) AND CAST(:to_day AS date)
   AND (one.decided_on, one.id) < (CAST(:before_on AS date), CAST(:before_id AS uuid))
 ORDER BY one.decided_on DESC, one.id DESC
 LIMIT :limit
""")
_BASELINE = text(f"""
SELECT one.id FROM obligation one
  JOIN project ON project.id = one.project_id
  LEFT JOIN chain ON chain.id = project.chain_id
 WHERE (one.state = 'baseline' OR one.inner_state = 'baseline') AND {_CHAIN}
 ORDER BY one.id
 LIMIT :limit
""")  # noqa: S608 - a constant of this module
_SUPERVISED_BEFORE = text("""
SELECT count(*) FROM obligation
 WHERE due_on < :on AND (state IN ('open', 'missed') OR inner_state IN ('open', 'missed'))
""")
_COUNT_BASELINE = text("SELECT count(*) FROM obligation WHERE state = 'baseline' OR inner_state = 'baseline'")

_KNOWN_CHAIN = text("""
SELECT EXISTS (SELECT FROM chain WHERE code = :chain OR CAST(id AS text) = :chain)
    OR EXISTS (SELECT FROM project WHERE CAST(chain_id AS text) = :chain)
""")

Found = list[Row[Any]]


class UnknownChain(Invalid):
    """A misspelt chain would otherwise look like one that has nothing due."""

    def __init__(self, chain: str) -> None:
        super().__init__("没有该产业链", place="chain", chain=chain)


async def obligations(
    *,
    conn: AsyncConnection,
    state: str | None,
    baseline: bool | None,
    kind: str | None = None,
    chain: str | None,
    project: UUID | None,
    after: tuple[date, UUID],
    limit: int,
) -> Found:
    return await _of_chain(
        conn,
        _OBLIGATIONS,
        state=state,
        baseline=baseline,
        kind=kind,
        chain=chain,
        project=project,
        after_due=after[0],
        after_id=after[1],
        limit=limit,
    )


async def obligation(obligation_id: UUID, *, conn: AsyncConnection) -> Row[Any] | None:
    return (await conn.execute(_ONE_OBLIGATION, {"id": obligation_id})).one_or_none()


async def extensions(
    *,
    conn: AsyncConnection,
    state: str | None,
    obligation: UUID | None,
    chain: str | None,
    after: tuple[datetime, UUID, int],
    limit: int,
) -> Found:
    """By the instant at which they were asked for. `state`: None for all; `waiting`: those that are not decided."""
    place = {"after_at": after[0], "after_id": after[1], "after_number": after[2]}
    asked: dict[str, Any] = {"obligation": obligation, "chain": chain, "limit": limit, **place}
    if state == WAITING:
        return await _of_chain(conn, _WAITING_EXTENSIONS, **asked)
    return await _of_chain(conn, _EXTENSIONS, state=state, **asked)


async def cases(
    *,
    conn: AsyncConnection,
    state: str | None,
    rung: int | None,
    kind: str | None,
    chain: str | None,
    project: UUID | None,
    after: tuple[datetime, str],
    limit: int,
) -> Found:
    """In the order in which they were opened; those of one instant as they are numbered (2号 before 12号)."""
    return await _of_chain(
        conn,
        _CASES,
        state=state,
        rung=rung,
        kind=kind,
        chain=chain,
        project=project,
        after_at=after[0],
        after_number=after[1],
        limit=limit,
    )


async def obligation_of(case_id: UUID, *, conn: AsyncConnection) -> UUID | None:
    """The obligation of a case: it never has another."""
    return (await conn.execute(_OBLIGATION_OF, {"id": case_id})).scalar_one_or_none()


async def case(case_id: UUID, *, conn: AsyncConnection) -> Row[Any] | None:
    return (await conn.execute(_ONE_CASE, {"id": case_id})).one_or_none()


async def lights(*, conn: AsyncConnection, light: str | None, chain: str | None, after: UUID, limit: int) -> Found:
    return await _of_chain(conn, _LIGHTS, light=light, chain=chain, after_id=after, limit=limit)


async def light_of_project(project_id: UUID, *, conn: AsyncConnection) -> Row[Any] | None:
    return (await conn.execute(_LIGHT_OF_PROJECT, {"id": project_id})).one_or_none()


async def commendations(
    *, conn: AsyncConnection, state: str | None, chain: str | None, after: tuple[datetime, UUID], limit: int
) -> Found:
    after_at, after_id = after
    return await _of_chain(
        conn, _COMMENDATIONS, state=state, chain=chain, after_at=after_at, after_id=after_id, limit=limit
    )


async def commendation(commendation_id: UUID, *, conn: AsyncConnection) -> Row[Any] | None:
    return (await conn.execute(_ONE_COMMENDATION, {"id": commendation_id})).one_or_none()


async def honours(
    *, conn: AsyncConnection, chain: str | None, days: tuple[date, date], before: tuple[date, UUID], limit: int
) -> Found:
    """What was approved on these days, both included, the newest first."""
    (from_day, to_day), (before_on, before_id) = days, before
    between = {"from_day": from_day, "to_day": to_day, "before_on": before_on, "before_id": before_id}
    return await _of_chain(conn, _HONOURS, chain=chain, limit=limit, **between)


async def baseline(chain: str | None, *, limit: int, conn: AsyncConnection) -> list[UUID]:
    """The ids of some baseline obligations that wait for confirmation, of all chains or one (its code or id)."""
    return [row.id for row in await _of_chain(conn, _BASELINE, chain=chain, limit=limit)]


async def count_baseline(*, conn: AsyncConnection) -> int:
    return int((await conn.execute(_COUNT_BASELINE)).scalar_one())


async def supervised_before(on: date, *, conn: AsyncConnection) -> int:
    """How many supervised obligations are due before this day."""
    return int((await conn.execute(_SUPERVISED_BEFORE, {"on": on})).scalar_one())


async def require_chain(chain: str | None, *, conn: AsyncConnection) -> None:
    """
    Raises:
        UnknownChain: one is named (its code or id), and there is none such.
    """
    if chain is not None and not (await conn.execute(_KNOWN_CHAIN, {"chain": chain})).scalar_one():
        raise UnknownChain(chain)


async def _of_chain(conn: AsyncConnection, statement: Any, *, chain: str | None, **parameters: object) -> Found:
    await require_chain(chain, conn=conn)
    return await _all(conn, statement, chain=chain, **parameters)


async def _all(conn: AsyncConnection, statement: Any, **parameters: object) -> Found:
    return list(await conn.execute(statement, parameters))
