"""Facts about statistics that were published (S10): the figures, the list behind them, and numbered corrections.

Producer: intake. They stand among what offices keep beside projects.
"""

from datetime import date
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from shared.contracts.event import Payload
from shared.contracts.registers import RegistersEvent


class Change(StrEnum):
    """What a correction does with a project."""

    ADDED = "added"
    REMOVED = "removed"
    AMENDED = "amended"


class TierFigures(Payload):
    """How many projects reach an amount, and what they come to. Whole 万元."""

    at_least_wan: int
    count: int
    total_wan: int


class PublishedSigning(Payload):
    """A project that counts, with the chain it belonged to on the day of its contract."""

    project_id: UUID
    code: str
    chain_id: UUID
    signed_on: date
    amount_wan: int


class SigningDifference(Payload):
    """How a project stands otherwise than stated before; None: not in that list. `reason` is Chinese, for people."""

    project_id: UUID
    code: str
    name: str
    change: Change
    before_wan: int | None
    after_wan: int | None
    reason: str


class StatisticsEvent(RegistersEvent):
    """Aggregate: publication_id."""

    publication_id: UUID


class StatisticsPublished(StatisticsEvent):
    """The newly signed projects of a period as they were published; later facts do not touch it.

    `period`: 2024-Q1, 2024-03, 2024, or two days. `number`: within the period. `policy_version`: what counted.
    """

    type: ClassVar[str] = "cn.liandu.statistics.published.v1"
    period: str
    number: int
    from_on: date
    to_on: date
    published_on: date
    policy_version: str
    count: int
    total_wan: int
    tiers: tuple[TierFigures, ...]
    signings: tuple[PublishedSigning, ...]


class StatisticsCorrected(StatisticsEvent):
    """更正: the figures as they stand now, and project by project how they differ from those stated last.

    `number`: of the correction, within the publication.
    """

    type: ClassVar[str] = "cn.liandu.statistics.corrected.v1"
    number: int
    corrected_on: date
    reason: str
    policy_version: str
    count: int
    total_wan: int
    tiers: tuple[TierFigures, ...]
    differences: tuple[SigningDifference, ...]
