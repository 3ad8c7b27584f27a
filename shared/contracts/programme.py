"""Facts about the programme's organisation: who is who, which chains there are, who answers. Producer: intake."""

from datetime import date
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from shared.contracts.event import Event

PROGRAMME = "liandu.programme"


class Tier(StrEnum):
    """Posts of the ladder (S2), from the top; `unit_head` and `officer`: a unit's head and 责任人."""

    CHIEF_GENERAL = "chief_general"
    CHIEF = "chief"
    DEPUTY_CHIEF = "deputy_chief"
    TASK_FORCE = "task_force"
    TASK_FORCE_OFFICE = "task_force_office"
    UNIT_HEAD = "unit_head"
    OFFICER = "officer"


class ChainCategory(StrEnum):
    TRADITIONAL_MANUFACTURING = "traditional_manufacturing"
    EMERGING_MANUFACTURING = "emerging_manufacturing"
    MODERN_SERVICE = "modern_service"
    FUTURE = "future"


class ProgrammeEvent(Event):
    topic: ClassVar[str] = PROGRAMME


class OrganisationRecorded(ProgrammeEvent):
    """Aggregate: organisation_id."""

    type: ClassVar[str] = "cn.liandu.organisation.recorded.v1"
    organisation_id: UUID
    name: str
    parent_id: UUID | None = None


class PersonRecorded(ProgrammeEvent):
    """Aggregate: person_id. Mobile numbers are not published: notification keeps its own mentions."""

    type: ClassVar[str] = "cn.liandu.person.recorded.v1"
    person_id: UUID
    name: str
    organisation_id: UUID


class ChainRecorded(ProgrammeEvent):
    """Aggregate: chain_id. `code` is short and stable, `name` may change (S3)."""

    type: ClassVar[str] = "cn.liandu.chain.recorded.v1"
    chain_id: UUID
    code: str
    name: str
    category: ChainCategory


class PostEstablished(ProgrammeEvent):
    """Aggregate: post_id. No `chain_ids`: it answers for every chain (总链长), or for its unit (unit_head, officer)."""

    type: ClassVar[str] = "cn.liandu.post.established.v1"
    post_id: UUID
    title: str
    tier: Tier
    organisation_id: UUID
    chain_ids: tuple[UUID, ...] = ()


class PostAssumed(ProgrammeEvent):
    """A person takes up a post from a day on; the term before it, if any, ends the day before."""

    type: ClassVar[str] = "cn.liandu.post.assumed.v1"
    post_id: UUID
    person_id: UUID
    from_day: date


class PostVacated(ProgrammeEvent):
    """The post has no holder from this day on."""

    type: ClassVar[str] = "cn.liandu.post.vacated.v1"
    post_id: UUID
    person_id: UUID
    from_day: date
