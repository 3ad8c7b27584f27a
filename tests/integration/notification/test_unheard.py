"""What names nobody is not silent: it stands among the undelivered, and goes out when it is said who is to hear it."""

from uuid import UUID

import pytest

from services.notification.api.messages import NOBODY, shown
from services.notification.domain.messages import State
from services.notification.handlers import facts
from services.notification.store import views
from services.notification.store.messages import Message
from shared.contracts.event import Event
from shared.contracts.programme import Tier
from shared.contracts.supervision import Addressed
from shared.kit.consuming.consumer import Fact
from shared.kit.database import transaction
from tests.integration.notification.conftest import Desk, one_route
from tests.support.robots import FakeRobot
from tests.support.supervision import closed, commended, escalated, fact, reminded, some_id, to

CAUSE = some_id("a fact that names nobody")


async def take(desk: Desk, *told: tuple[UUID, Event]) -> None:
    """Hand these facts, under these ids, to the consumer's handler, in one batch."""
    now = desk.clock.now()
    batch: list[Fact] = [fact(event, at=now)._replace(event_id=event_id) for event_id, event in told]
    async with transaction(desk.engine) as conn:
        await facts.apply(batch, conn=conn, now=now)


def named(*tiers: Tier, skipped: tuple[Tier, ...] = ()) -> tuple[UUID, Event]:
    return some_id("the address"), Addressed(event_id=CAUSE, addressees=to(*tiers), skipped=skipped)


async def undelivered(desk: Desk) -> list[Message]:
    found: list[Message] = await desk.read(lambda conn: views.troubled(robot=None, after=None, limit=10, conn=conn))
    return found


@pytest.mark.parametrize("event", [reminded(addressees=()), escalated(addressees=()), commended(addressees=())])
async def test_what_nobody_is_there_to_hear_stands_among_the_undelivered(desk: Desk, event: Event) -> None:
    await desk.learn()
    await take(desk, (CAUSE, event))

    [message] = await undelivered(desk)
    assert (message.state, message.listeners, message.cause_id) == (State.UNROUTABLE, (), CAUSE)
    assert shown(message).reason == NOBODY


async def test_it_goes_out_when_it_is_said_who_is_to_hear_it(desk: Desk, robot: FakeRobot) -> None:
    await one_route(desk, robot)
    everybody = (Tier.TASK_FORCE_OFFICE, Tier.TASK_FORCE, Tier.DEPUTY_CHIEF, Tier.CHIEF, Tier.CHIEF_GENERAL)
    await take(desk, (CAUSE, escalated(addressees=(), skipped=everybody)))
    async with desk.sending():
        await take(desk, named(Tier.DEPUTY_CHIEF, skipped=(Tier.TASK_FORCE,)))
        await desk.all_in(State.SENT)

    [text] = robot.texts
    assert "主送：新型显示产业链副链长 周强" in text
    assert "因工作专班岗位空缺，直接报副链长" in text
    assert "总链长" not in text
    assert [message.number for message in await desk.all()] == [20260000001]
    assert await undelivered(desk) == []


async def test_the_fact_and_those_who_hear_it_may_come_in_one_batch(desk: Desk, robot: FakeRobot) -> None:
    await one_route(desk, robot)
    async with desk.sending():
        await take(desk, (CAUSE, commended(addressees=())), named(Tier.CHIEF))
        await desk.all_in(State.SENT)

    assert len(robot.heard) == 1


async def test_without_a_route_it_waits_for_one_like_any_other(desk: Desk, robot: FakeRobot) -> None:
    await desk.learn()
    await desk.register("display", robot)
    await take(desk, (CAUSE, commended(addressees=())))
    await desk.route("display", tier=Tier.CHIEF)
    assert await desk.states() == [State.UNROUTABLE]
    await take(desk, named(Tier.CHIEF_GENERAL))
    [message] = await undelivered(desk)
    assert [one.tier for one in message.listeners] == [Tier.CHIEF_GENERAL]
    assert shown(message).reason == ""

    async with desk.sending():
        await desk.route("display", tier=Tier.CHIEF_GENERAL)
        await desk.all_in(State.SENT)


async def test_an_address_for_what_nobody_waits_to_send_changes_nothing(desk: Desk, robot: FakeRobot) -> None:
    """The end of a case is told to whoever heard of the case, whatever it names."""
    await one_route(desk, robot)
    async with desk.sending():
        await take(desk, (some_id("rung"), escalated()), (CAUSE, closed(addressees=())))
        await desk.all_in(State.SENT)
        await take(desk, named(Tier.CHIEF))
        await desk.settled()

    assert len(robot.heard) == 2
