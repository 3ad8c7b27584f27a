"""Assessment alone on its database: intake's facts are handed to its handler, simulated time fires its timers."""

from collections.abc import Sequence
from datetime import date, datetime
from functools import partial
from itertools import count
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from services.assessment import policies
from services.assessment.handlers import facts as taking
from services.assessment.handlers import timers as firing
from services.assessment.handlers.known import Knowledge
from shared.contracts.event import Event
from shared.contracts.ids import chain_id, obligation_id, organisation_id
from shared.contracts.programme import (
    ChainCategory,
    ChainRecorded,
    OrganisationRecorded,
    PersonRecorded,
    PostAssumed,
    PostEstablished,
    PostVacated,
    Tier,
)
from shared.contracts.projects import MilestoneMet, MilestonePlanned, ProjectKind, ProjectRecorded, Stage
from shared.contracts.topics import EVENT_TYPES
from shared.kit.clock import CHINA
from shared.kit.consuming.consumer import Fact
from shared.kit.database import transaction
from shared.kit.log.eventlog import LoggedFact
from shared.kit.timers import Timers
from tests.support.clock import MovableClock

NAMES = UUID("00000000-0000-0000-0000-00000000beef")
CHAIN = chain_id("DISPLAY")
UNIT = organisation_id("区工业和信息化局")
_SOURCE = "/liandu/intake"

_NEXT = text("SELECT min(due_at) FROM timer")
_LOG = text("""
SELECT position, event_id, topic, aggregate_id, seq, type, at, actor, traceparent, CAST(data AS text) AS data
  FROM event_log ORDER BY position
""")


def named(name: str) -> UUID:
    return uuid5(NAMES, name)


def post(tier: Tier) -> UUID:
    return named(f"post {tier}")


def person(tier: Tier) -> UUID:
    return named(f"person {tier}")


def programme(*, vacant: Sequence[Tier] = ()) -> list[tuple[UUID, Event]]:
    """One chain, one unit, and a post of each tier with its holder; those of the `vacant` tiers have none."""
    told: list[tuple[UUID, Event]] = [
        (CHAIN, ChainRecorded(chain_id=CHAIN, code="DISPLAY", name="新型显示", category=ChainCategory.FUTURE)),
        (UNIT, OrganisationRecorded(organisation_id=UNIT, name="区工业和信息化局")),
    ]
    for tier in Tier:
        chains = () if tier in (Tier.OFFICER, Tier.UNIT_HEAD, Tier.CHIEF_GENERAL) else (CHAIN,)
        holder = PersonRecorded(person_id=person(tier), name=f"某{tier}", organisation_id=UNIT)
        established = PostEstablished(
            post_id=post(tier), title=f"岗位{tier}", tier=tier, organisation_id=UNIT, chain_ids=chains
        )
        told += [(person(tier), holder), (post(tier), established)]
        if tier not in vacant:
            assumed = PostAssumed(post_id=post(tier), person_id=person(tier), from_day=date(2025, 1, 1))
            told.append((post(tier), assumed))
    return told


def vacated(tier: Tier, from_day: date) -> tuple[UUID, Event]:
    return post(tier), PostVacated(post_id=post(tier), person_id=person(tier), from_day=from_day)


def recorded(project: str, **changes: Any) -> tuple[UUID, Event]:
    fields: dict[str, Any] = {
        "code": project.upper(),
        "name": f"项目{project}",
        "chain_id": CHAIN,
        "responsible_org_id": UNIT,
        "kind": ProjectKind.NEW,
        "total_investment_wan": 120_000,
        "stage": Stage.SIGNED,
    }
    return named(project), ProjectRecorded(project_id=named(project), **{**fields, **changes})


def planned(project: str, milestone: str, due_on: date, stage: Stage | None = None) -> tuple[UUID, Event]:
    event = MilestonePlanned(
        project_id=named(project),
        milestone_id=named(milestone),
        name=f"节点{milestone}",
        due_on=due_on,
        responsible_post_id=post(Tier.OFFICER),
        stage=stage,
    )
    return named(project), event


def met(project: str, milestone: str, met_on: date) -> tuple[UUID, Event]:
    return named(project), MilestoneMet(project_id=named(project), milestone_id=named(milestone), met_on=met_on)


def case_of(milestone: str) -> UUID:
    return uuid5(obligation_id(named(milestone)), "case")


class Supervised:
    """The service without its process. `tell` gives facts at the clock's time; `until` lets time pass."""

    def __init__(self, engine: AsyncEngine, clock: MovableClock) -> None:
        self.engine = engine
        self.clock = clock
        self.restart()
        self._seq: dict[UUID, count[int]] = {}

    def restart(self, policy: Any = None) -> None:
        """A new process: nothing is remembered but what stands in the database."""
        self.knowledge = Knowledge(policy or policies.read_file(None))
        fire = partial(firing.fire, knowledge=self.knowledge)
        self.timers = Timers(engine=self.engine, clock=self.clock, fire=fire)

    async def tell(self, *told: tuple[UUID, Event], at: datetime | None = None) -> None:
        facts = [self.fact(aggregate, event, at=at) for aggregate, event in told]
        async with transaction(self.engine) as conn:
            await taking.apply(facts, conn=conn, now=self.clock.now(), knowledge=self.knowledge)

    async def until(self, moment: str) -> None:
        """Move time to `moment`, stopping at each instant at which a timer is due."""
        end = datetime.fromisoformat(moment)
        end = end if end.tzinfo else end.replace(tzinfo=CHINA)
        while True:
            await self.timers.fire_due()
            async with transaction(self.engine) as conn:
                following = (await conn.execute(_NEXT)).scalar_one()
            if following is None or following > end:
                break
            self.clock.move(max(following, self.clock.now()))
        self.clock.move(end)

    async def jump(self, moment: str) -> None:
        """Move time in one step, as after an outage, and fire what is due then."""
        end = datetime.fromisoformat(moment)
        self.clock.move(end if end.tzinfo else end.replace(tzinfo=CHINA))
        await self.timers.fire_due()

    async def log(self, of: UUID | None = None) -> list[LoggedFact]:
        async with transaction(self.engine) as conn:
            facts = [LoggedFact(*row) for row in await conn.execute(_LOG)]
        return [fact for fact in facts if of in (None, fact.aggregate_id)]

    async def events(self, of: UUID | None = None, *, kind: type[Event] | None = None) -> list[Any]:
        read = [EVENT_TYPES[fact.type].model_validate_json(fact.data) for fact in await self.log(of)]
        return [event for event in read if kind is None or isinstance(event, kind)]

    async def rows(self, statement: str, **parameters: object) -> list[Any]:
        async with transaction(self.engine) as conn:
            return list(await conn.execute(text(statement), parameters))

    def fact(self, aggregate: UUID, event: Event, *, at: datetime | None = None) -> Fact:
        """The next fact of this aggregate, of the clock's time when none is given."""
        seq = next(self._seq.setdefault(aggregate, count(1)))
        return Fact(event.topic, _SOURCE, aggregate, seq, uuid5(aggregate, str(seq)), at or self.clock.now(), event)
