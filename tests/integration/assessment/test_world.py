"""The world in memory decides what the service decides: the same happenings, lived through by both."""

from collections import defaultdict
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

import pytest

from services.assessment.domain.moments import CHINA, china_date
from services.assessment.domain.rules import Rules
from services.assessment.domain.world import Acted, Happening, Heard, InForce, Published, World
from services.assessment.handlers import calendar, people, policies
from services.assessment.handlers.addressing import address_again
from services.assessment.handlers.people import Acting
from services.assessment.policies.document import parse_policy, read_data
from shared.contracts.event import Event
from shared.contracts.programme import PROGRAMME
from shared.contracts.supervision import Addressed, CaseAcknowledged, CaseFeedbackGiven, CaseOpened, ObligationConfirmed
from shared.kit.database import transaction
from shared.kit.working_days import YearTable
from tests.integration.assessment.test_policies import stricter
from tests.support.district import District, aggregate_of, default_rules
from tests.support.supervised import Supervised

Said = dict[UUID, list[Any]]


class Live:
    """The service lives through happenings: its watch looks after each, and on each morning."""

    def __init__(self, supervised: Supervised) -> None:
        self.service = supervised

    async def take(self, happening: Happening) -> None:
        await self.pass_time(happening.at)
        match happening:
            case Heard(event=event, happened_at=at):
                await self.service.tell((aggregate_of(event), event), at=at)
                if event.topic == PROGRAMME:
                    await self._look_again()
            case Acted():
                await self._act(happening)
            case Published(table=table):
                await self._publish(table)
            case InForce():
                await self._recount()

    async def install(self, text: str) -> None:
        service = self.service
        async with transaction(service.engine) as conn:
            now, knowledge = service.clock.now(), service.knowledge
            await policies.install(*read_data(text), conn=conn, now=now, by="某人", knowledge=knowledge)

    async def pass_time(self, until: datetime) -> None:
        while (morning := self._next_morning()) <= until:
            await self.service.until(morning.isoformat())
            await self._look_again()
        await self.service.until(until.isoformat())

    def _next_morning(self) -> datetime:
        now = self.service.clock.now().astimezone(CHINA)
        day = now.date() + timedelta(now.time() >= time(9))
        return datetime.combine(day, time(9), CHINA)

    async def _look_again(self) -> None:
        service = self.service
        await address_again(service.engine, now=service.clock.now(), knowledge=service.knowledge)

    async def _act(self, acted: Acted) -> None:
        service, event = self.service, acted.event
        async with transaction(service.engine) as conn:
            given: Any = {"conn": conn, "now": service.clock.now(), "knowledge": service.knowledge}
            if isinstance(event, ObligationConfirmed):
                await people.confirm(event.obligation_id, by=event.by, **given)
            elif isinstance(event, CaseAcknowledged):
                acting = Acting(event.by, event.via, on_behalf=True)
                await people.acknowledge(event.case_id, acting=acting, **given)
            elif isinstance(event, CaseFeedbackGiven):
                given |= {"text": event.text, "commitment_on": event.commitment_on}
                acting = Acting(event.by, "http", on_behalf=True)
                await people.give_feedback(event.case_id, acting=acting, **given)

    async def _publish(self, table: Any) -> None:
        service = self.service
        async with transaction(service.engine) as conn:
            await calendar.import_year(
                table, conn=conn, now=service.clock.now(), by="某人", knowledge=service.knowledge
            )
        await self._recount()

    async def _recount(self) -> None:
        service = self.service
        await calendar.recount(service.engine, now=service.clock.now(), knowledge=service.knowledge)


async def test_a_policy_that_comes_in_force_is_gone_by_from_its_day_on(supervised: Supervised) -> None:
    tried = parse_policy(stricter())
    rules = default_rules(began_on=date(2026, 1, 5))
    happened = [one for one in District(seed=4, chains=2, projects=25, days=90).year()[0] if isinstance(one, Heard)]
    from_at = datetime.combine(date(2026, 3, 2), time(), CHINA)
    others = {tried.version: Rules.of(tried, rules.calendar, rules.began_on)}
    world, live = World.under(rules, others), Live(supervised)
    supervised.clock.move(datetime(2026, 1, 5, 8, tzinfo=CHINA))
    for place, one in enumerate(happened):
        if place == 1:
            await live.install(stricter())
        if one.at >= from_at > world.work.now:
            in_force = InForce(from_at, tried.version)
            world.happen(in_force)
            await live.take(in_force)
        world.happen(one)
        await live.take(one)
    logged: Said = defaultdict(list)
    for fact, event in zip(await supervised.log(), await supervised.events(), strict=True):
        logged[fact.aggregate_id].append((china_date(fact.at), *told(event)))
    said: Said = defaultdict(list)
    for decided in world.decided:
        said[decided.aggregate_id].append((china_date(decided.at), *told(decided.event)))
    assert logged == said
    assert {one.policy_version for one in await supervised.events(kind=CaseOpened)} == {
        rules.policy.version,
        tried.version,
    }


def told(event: Event) -> Any:
    """What a fact says, without the number that a log gives to what it refers to."""
    said = event.model_dump(exclude={"event_id"} if isinstance(event, Addressed) else None)
    return event.type, said


SPRING = YearTable(2027, frozenset(date(2027, 2, day) for day in range(5, 12)), frozenset({date(2027, 2, 20)}), "假定")
DISTRICTS = {
    "an ordinary quarter": District(seed=1, chains=3, projects=25, days=90, reports=True),
    "intake is silent for a week": District(
        seed=2, chains=2, projects=25, days=90, silence=(date(2026, 3, 2), date(2026, 3, 6)), reports=True
    ),
    "a year's calendar comes late": District(
        seed=3,
        chains=3,
        projects=20,
        begins=date(2026, 12, 1),
        days=100,
        notice=(date(2026, 12, 18), SPRING),
        reports=True,
    ),
}


@pytest.mark.parametrize("district", DISTRICTS.values(), ids=DISTRICTS.keys())
async def test_a_world_in_memory_decides_what_the_service_decides(supervised: Supervised, district: District) -> None:
    supervised.clock.move(datetime.combine(district.begins, time(8), CHINA))
    happened, world = district.year()
    live = Live(supervised)
    for happening in happened:
        await live.take(happening)
    await live.pass_time(world.work.now)
    said: Said = defaultdict(list)
    for decided in world.decided:
        said[decided.aggregate_id].append((china_date(decided.at), *told(decided.event)))
    logged: Said = defaultdict(list)
    for fact, event in zip(await supervised.log(), await supervised.events(), strict=True):
        logged[fact.aggregate_id].append((china_date(fact.at), *told(event)))
    assert len(world.decided) > 300
    assert logged == said
    assert not world.void
