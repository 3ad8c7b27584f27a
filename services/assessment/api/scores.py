"""Scores by period and chain: as they stand, as published, as corrected; down to the evidence."""

from collections.abc import Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, Self
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from services.assessment.api.access import Now, Office, Reader, Supervisor
from services.assessment.api.answers import Shown
from services.assessment.domain.scoring.publishing import Opened, Record, differs
from services.assessment.domain.scoring.quarter import Quarter
from services.assessment.handlers import scoring as handlers
from services.assessment.handlers.scoring import PeriodScores
from services.assessment.policies.scoring import Scoring, parse_scoring
from services.assessment.store import scoring as store
from services.assessment.store.scoring import Issue
from shared.contracts.scores import ChainScore, ScoreIndicator, ScoreItem
from shared.kit.errors import NotFound
from shared.kit.web.http import Answer, By, reading, reply
from shared.kit.web.security import Role

_Judge = Annotated[AsyncConnection, Depends(reading(Role.REVIEWER, Role.SUPERVISOR, Role.CHIEF, Role.OPERATOR))]


class NoSuchChain(NotFound):
    def __init__(self, chain: str) -> None:
        super().__init__("没有该产业链", chain=chain)


class NoSuchUnit(NotFound):
    def __init__(self, unit_id: UUID) -> None:
        super().__init__("没有负责项目的该单位", unit_id=str(unit_id))


class Correction(BaseModel):
    """Why what was published is corrected; goes out with the 更正."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    reason: str = Field(min_length=1, max_length=500, pattern=r"^[^\x00]*$")


class Trial(BaseModel):
    """`document`: scoring rules as YAML, as they would stand in the file."""

    model_config = ConfigDict(extra="forbid")

    document: str = Field(min_length=1, max_length=50_000)


class PeriodState(StrEnum):
    OPEN = "open"
    CLOSED = "closed"
    PUBLISHED = "published"


_STATES = {
    PeriodState.OPEN: "进行中（截至今日）",
    PeriodState.CLOSED: "已结束，待公布",
    PeriodState.PUBLISHED: "已公布",
}


class IssueShown(Shown):
    """The publication (number 0), or a correction of it."""

    number: int
    name: str
    table_version: str
    at: datetime
    by: str
    reason: str

    @classmethod
    def of(cls, issue: Issue) -> Self:
        return cls(
            number=issue.number,
            name=f"第{issue.number}号更正" if issue.number else "公布",
            table_version=issue.table_version,
            at=issue.issued_at,
            by=issue.issued_by,
            reason=issue.reason,
        )


class PointsShown(Shown):
    key: str
    name: str
    points: str
    why_not: str

    @classmethod
    def all_of(cls, one: ChainScore) -> tuple[Self, ...]:
        return tuple(cls(key=i.key, name=i.name, points=i.points, why_not=i.why_not) for i in one.indicators)


class StatedShown(Shown):
    """What was stated last of a chain, by the publication or the correction of this number."""

    number: int
    rank: int | None
    total: str | None


class StandingShown(Shown):
    """A chain in the table as it stands now. `differs`: from what was stated last, so that a 更正 is due."""

    chain_id: UUID
    chain_code: str
    chain_name: str
    rank: int | None
    total: str | None
    tie_broken_by: str | None
    indicators: tuple[PointsShown, ...]
    bonus_points: str
    deduction_points: str
    stated: StatedShown | None
    differs: bool

    @classmethod
    def of(cls, opened: Opened, stated: tuple[int, Opened] | None) -> Self:
        one = opened.score
        last = StatedShown(number=stated[0], rank=stated[1].score.rank, total=stated[1].score.total) if stated else None
        return cls(
            chain_id=one.chain_id,
            chain_code=one.chain_code,
            chain_name=one.chain_name,
            rank=one.rank,
            total=one.total,
            tie_broken_by=one.tie_broken_by,
            indicators=PointsShown.all_of(one),
            bonus_points=one.bonus_points,
            deduction_points=one.deduction_points,
            stated=last,
            differs=stated is not None and differs(opened, stated[1]),
        )


class PeriodShown(Shown):
    """`as_of`: what happened up to this day counts. `table_version`: of the rules it is worked out by."""

    period: str
    name: str
    from_on: date
    to_on: date
    as_of: date
    state: PeriodState
    state_name: str
    table_version: str
    table_name: str
    issues: tuple[IssueShown, ...]


class LeagueShown(PeriodShown):
    standings: tuple[StandingShown, ...]


class OpenedShown(Shown):
    """`evidence`: by measure, the records that the score's inputs count or add up."""

    score: ChainScore
    evidence: dict[str, tuple[Record, ...]]

    @classmethod
    def of(cls, opened: Opened) -> Self:
        return cls(score=opened.score, evidence=dict(opened.evidence))


class IssuedShown(Shown):
    number: int
    opened: OpenedShown


class ChainScoreShown(PeriodShown):
    """`now`: as it stands. `stated`: as published, then each correction that changed it."""

    now: OpenedShown
    stated: tuple[IssuedShown, ...]
    differs: bool


class PointsTried(Shown):
    """An indicator's points by the rules that hold and by those tried; null where there is no such indicator."""

    key: str
    name: str
    points: str | None
    tried_points: str | None


class StandingTried(Shown):
    chain_id: UUID
    chain_code: str
    chain_name: str
    rank: int | None
    total: str | None
    tried_rank: int | None
    tried_total: str | None
    indicators: tuple[PointsTried, ...]

    @classmethod
    def of(cls, now: ChainScore, tried: ChainScore) -> Self:
        holds, would = ({one.key: one for one in score.indicators} for score in (now, tried))
        points = [
            PointsTried(
                key=key,
                name=(would.get(key) or holds[key]).name,
                points=holds[key].points if key in holds else None,
                tried_points=would[key].points if key in would else None,
            )
            for key in {**would, **holds}
        ]
        return cls(
            chain_id=now.chain_id,
            chain_code=now.chain_code,
            chain_name=now.chain_name,
            rank=now.rank,
            total=now.total,
            tried_rank=tried.rank,
            tried_total=tried.total,
            indicators=tuple(points),
        )


class TriedShown(PeriodShown):
    """`table_version`: of the rules that hold; `tried_version`: of those tried. In the order of the league by these."""

    tried_version: str
    standings: tuple[StandingTried, ...]


class RulesShown(Shown):
    """The scoring rules in force, as their document says them."""

    version: str
    name: str
    in_force_from: date
    document: str


class UnitStanding(Shown):
    """A responsible unit in the table. Units have no targets: what needs one is not applicable."""

    unit_id: UUID
    unit_name: str
    rank: int | None
    total: str | None
    tie_broken_by: str | None
    indicators: tuple[PointsShown, ...]
    bonus_points: str
    deduction_points: str

    @classmethod
    def of(cls, one: ChainScore) -> Self:
        return cls(
            unit_id=one.chain_id,
            unit_name=one.chain_name,
            rank=one.rank,
            total=one.total,
            tie_broken_by=one.tie_broken_by,
            indicators=PointsShown.all_of(one),
            bonus_points=one.bonus_points,
            deduction_points=one.deduction_points,
        )


class UnitLeague(Shown):
    period: str
    name: str
    as_of: date
    table_version: str
    standings: tuple[UnitStanding, ...]


class UnitScoreShown(UnitStanding):
    """Opened: each indicator with formula and figures, and by measure the records that these count or add up."""

    period: str
    table_version: str
    opened_indicators: tuple[ScoreIndicator, ...]
    bonus: tuple[ScoreItem, ...]
    deductions: tuple[ScoreItem, ...]
    evidence: dict[str, tuple[Record, ...]]


def router(office: Office, scoring: Scoring) -> APIRouter:
    routes = APIRouter(tags=["scores"])
    knowledge = office.knowledge

    @routes.get("/v1/scores/{period}")
    async def show_league(period: str, request: Request, conn: Reader, now: Now) -> Response:
        """The league table of a quarter (2026-Q1) as it stands now, beside what was published of it."""
        scores = await handlers.look(Quarter.of(period), conn=conn, now=now, knowledge=knowledge, scoring=scoring)
        return reply(Answer(_league(scores)), request)

    @routes.get("/v1/scores/{period}/{chain}")
    async def show_score(period: str, chain: str, conn: Reader, now: Now) -> Response:
        """A chain's score, each point down to formula, figures and records. `chain`: code or id."""
        scores = await handlers.look(Quarter.of(period), conn=conn, now=now, knowledge=knowledge, scoring=scoring)
        one = _of_chain(scores.now, chain)
        stated = await store.stated_of(scores.quarter.label, one.score.chain_id, conn=conn)
        shown = ChainScoreShown(
            **_period(scores),
            now=OpenedShown.of(one),
            stated=tuple(IssuedShown(number=number, opened=OpenedShown.of(opened)) for number, opened in stated),
            differs=bool(stated) and differs(one, stated[-1][1]),
        )
        return reply(Answer(shown))

    @routes.get("/v1/unit-scores/{period}")
    async def show_units(period: str, conn: Reader, now: Now) -> Response:
        """The league table of responsible units, by the same rules, as it stands now; it is never published."""
        scores = await handlers.look_at_units(
            Quarter.of(period), conn=conn, now=now, knowledge=knowledge, scoring=scoring
        )
        shown = UnitLeague(
            period=scores.quarter.label,
            name=scores.quarter.words,
            as_of=scores.quarter.seen_by(scores.on),
            table_version=scores.table.version,
            standings=tuple(UnitStanding.of(one.score) for one in scores.now),
        )
        return reply(Answer(shown))

    @routes.get("/v1/unit-scores/{period}/{unit_id}")
    async def show_unit(period: str, unit_id: UUID, conn: Reader, now: Now) -> Response:
        """A unit's score, each point down to formula, figures and records."""
        scores = await handlers.look_at_units(
            Quarter.of(period), conn=conn, now=now, knowledge=knowledge, scoring=scoring
        )
        one = next((one for one in scores.now if one.score.chain_id == unit_id), None)
        if one is None:
            raise NoSuchUnit(unit_id)
        shown = UnitScoreShown(
            **dict(UnitStanding.of(one.score)),
            period=scores.quarter.label,
            table_version=scores.table.version,
            opened_indicators=one.score.indicators,
            bonus=one.score.bonus,
            deductions=one.score.deductions,
            evidence=dict(one.evidence),
        )
        return reply(Answer(shown))

    @routes.get("/v1/scoring")
    async def show_rules(conn: Reader) -> Response:
        """The rules that periods not yet published are worked out by."""
        table = scoring.table
        shown = RulesShown(
            version=table.version, name=table.name, in_force_from=table.in_force_from, document=scoring.document
        )
        return reply(Answer(shown))

    @routes.post("/v1/scores/{period}:try")
    async def try_rules(period: str, body: Trial, conn: _Judge, now: Now) -> Response:
        """What a quarter would come to by other rules. Nothing is kept; rules that cannot be used are refused with
        place and reason."""
        tried = await handlers.try_rules(
            Quarter.of(period), parse_scoring(body.document), conn=conn, now=now, knowledge=knowledge, scoring=scoring
        )
        holds = {one.score.chain_id: one.score for one in tried.scores.now}
        standings = tuple(StandingTried.of(holds[one.score.chain_id], one.score) for one in tried.otherwise)
        shown = TriedShown(**_period(tried.scores), tried_version=tried.table.version, standings=standings)
        return reply(Answer(shown))

    @routes.post("/v1/scores/{period}:publish")
    async def publish_scores(period: str, write: Supervisor) -> Response:
        """督查室 publishes a quarter that is over. Later facts do not touch it; `:correct` states them beside it."""

        async def work(conn: AsyncConnection, by: By) -> Answer:
            scores = await handlers.publish(
                Quarter.of(period),
                conn=conn,
                now=by.now,
                by=by.actor,
                knowledge=knowledge,
                scoring=scoring,
                expected_version=write.expected_version,
            )
            return Answer(_league(scores), version=len(scores.issues))

        return await write(work)

    @routes.post("/v1/scores/{period}:correct")
    async def correct_scores(period: str, body: Correction, write: Supervisor) -> Response:
        """更正: the next number, for each chain whose score is another than what was stated last."""

        async def work(conn: AsyncConnection, by: By) -> Answer:
            scores = await handlers.correct(
                Quarter.of(period),
                reason=body.reason,
                conn=conn,
                now=by.now,
                by=by.actor,
                knowledge=knowledge,
                scoring=scoring,
                expected_version=write.expected_version,
            )
            return Answer(_league(scores), version=len(scores.issues))

        return await write(work)

    return routes


def _league(scores: PeriodScores) -> LeagueShown:
    standings = tuple(StandingShown.of(one, scores.stated.get(one.score.chain_id)) for one in scores.now)
    return LeagueShown(**_period(scores), standings=standings)


def _period(scores: PeriodScores) -> dict[str, Any]:
    state = PeriodState.CLOSED if scores.quarter.is_over(scores.on) else PeriodState.OPEN
    state = PeriodState.PUBLISHED if scores.issues else state
    return {
        "period": scores.quarter.label,
        "name": scores.quarter.words,
        "from_on": scores.quarter.from_on,
        "to_on": scores.quarter.to_on,
        "as_of": scores.quarter.seen_by(scores.on),
        "state": state,
        "state_name": _STATES[state],
        "table_version": scores.table.version,
        "table_name": scores.table.name,
        "issues": tuple(IssueShown.of(issue) for issue in scores.issues),
    }


def _of_chain(scores: Sequence[Opened], chain: str) -> Opened:
    """Raises NoSuchChain."""
    found = next((one for one in scores if chain in (one.score.chain_code, str(one.score.chain_id))), None)
    if found is None:
        raise NoSuchChain(chain)
    return found
