"""Facts about scores (考核得分) that were published, opened down to the figures, and numbered corrections (更正).

Producer: assessment. They stand among what supervision decides. Points, weights and figures are decimal strings, exact
or to six decimals; only a total is rounded by the table's own rule. The records behind each figure are many: assessment
keeps them with what it published, and shows them.
"""

from datetime import date
from typing import ClassVar
from uuid import UUID

from shared.contracts.event import Payload
from shared.contracts.supervision import SupervisionEvent


class ScoreInput(Payload):
    """A figure that points were worked out from. `role`: actual, target, value or base; `by`: count or sum.

    `records`: how many there are of this measure, of those the ones of `at_least` so much; `raw`: what they come to;
    `value`: after `times` and `share_of_year` (序时进度).
    """

    role: str
    name: str
    measure: str | None = None
    by: str | None = None
    at_least: str | None = None
    unit: str
    records: int
    raw: str
    value: str
    times: str
    share_of_year: str | None = None


class ScorePart(Payload):
    """`counted_weight`: with what indicators that are not applicable left over. `cap`: none where it is not capped.
    `why_not`: why it is not applicable; empty if it is. `formula`: Chinese, for people."""

    key: str
    name: str
    weight: str
    counted_weight: str
    before_cap: str
    cap: str | None
    points: str
    formula: str
    why_not: str = ""
    inputs: tuple[ScoreInput, ...] = ()


class ScoreIndicator(ScorePart):
    parts: tuple[ScorePart, ...] = ()


class ScoreItem(Payload):
    """A bonus or deduction. `points`: what it adds or takes away, never negative; `units`: how often it counted."""

    key: str
    name: str
    units: int
    at_most: str | None
    points: str
    formula: str
    why_not: str = ""
    inputs: tuple[ScoreInput, ...] = ()


class ChainScore(Payload):
    """A chain's score opened into parts. `total`: rounded; none where no indicator is applicable, and then no `rank`.

    `tie_broken_by`: what put it behind the one before it where both have the same total: an indicator's key, or code.
    """

    chain_id: UUID
    chain_code: str
    chain_name: str
    rank: int | None
    total: str | None
    exact: str
    tie_broken_by: str | None = None
    indicators: tuple[ScoreIndicator, ...]
    bonus: tuple[ScoreItem, ...]
    bonus_points: str
    deductions: tuple[ScoreItem, ...]
    deduction_points: str


class ScoreEvent(SupervisionEvent):
    """Aggregate: score_id, of a chain and a period (`contracts.ids.score_id`)."""

    score_id: UUID
    period: str


class ScorePublished(ScoreEvent):
    """A chain's score of a period (2026-Q1) as it was published; later facts do not touch it."""

    type: ClassVar[str] = "cn.liandu.score.published.v1"
    from_on: date
    to_on: date
    published_on: date
    table_version: str
    table_name: str
    score: ChainScore


class ScoreCorrected(ScoreEvent):
    """更正: how a published score stands now. `number`: of the period's correction, from 1; a chain whose score did not
    change has none. Those that were stated last stand beside."""

    type: ClassVar[str] = "cn.liandu.score.corrected.v1"
    number: int
    corrected_on: date
    reason: str
    table_version: str
    before_total: str | None
    before_rank: int | None
    score: ChainScore
