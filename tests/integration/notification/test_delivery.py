"""From a fact to a robot, and what the ledger says of it."""

from services.notification.domain.messages import State
from shared.contracts.deliveries import Outcome
from shared.contracts.programme import Tier
from shared.kit import eventlog
from tests.integration.notification.conftest import Desk
from tests.support.robots import FakeRobot
from tests.support.supervision import CHAIN, escalated, post, reminded


async def test_a_letter_reaches_its_group_once_naming_all_who_hear_it(desk: Desk, robot: FakeRobot) -> None:
    await desk.learn()
    await desk.register("display", robot)
    await desk.route("display", chain=CHAIN)
    async with desk.sending():
        await desk.hear(escalated())
        await desk.all_in(State.SENT)

    [heard] = robot.heard
    assert "主送：新型显示产业链工作专班负责人 吴磊" in heard.text
    assert "抄送：新型显示产业链副链长 周强" in heard.text
    assert heard.payload["actionCard"]["singleTitle"] == "签收"
    assert heard.payload["actionCard"]["singleURL"].startswith("https://liandu.example/links/")
    [message] = await desk.all()
    [attempt] = await desk.story(message)
    assert (attempt.outcome, attempt.code, attempt.attempt) == (Outcome.SENT, "0", 1)
    [logged] = await desk.read(lambda conn: eventlog.history(message.id, conn=conn))
    assert logged.type == "cn.liandu.delivery.attempted.v1"
    assert await desk.flights() == 0


async def test_numbers_have_no_gaps_and_start_anew_each_year(desk: Desk, robot: FakeRobot) -> None:
    await desk.register("display", robot)
    await desk.route("display")
    await desk.hear(escalated(), reminded())
    await desk.hear(escalated())
    desk.clock.move("2027-01-01T00:00+08:00")
    await desk.hear(reminded())
    assert [message.number for message in await desk.all()] == [20260000001, 20260000002, 20260000003, 20270000001]


async def test_each_robot_gets_one_message_with_those_it_reaches(desk: Desk, robot: FakeRobot) -> None:
    await desk.learn()
    await desk.register("display", robot)
    await desk.register("leaders", robot)
    await desk.route("display", chain=CHAIN)
    await desk.route("leaders", post=post(Tier.DEPUTY_CHIEF))
    async with desk.sending():
        await desk.hear(escalated())
        await desk.all_in(State.SENT)
    assert {message.robot for message in await desk.all()} == {"display", "leaders"}
    assert sum("抄送：" in text for text in robot.texts) == 1


async def test_without_a_route_a_message_waits_visibly_and_goes_when_one_is_added(desk: Desk, robot: FakeRobot) -> None:
    await desk.learn()
    await desk.register("display", robot)
    async with desk.sending():
        await desk.hear(escalated())
        assert await desk.states() == [State.UNROUTABLE]
        await desk.route("display", tier=Tier.DEPUTY_CHIEF)
        await desk.route("display", tier=Tier.TASK_FORCE)
        await desk.all_in(State.SENT)
    assert len(robot.heard) == 2
    assert {message.number for message in await desk.all()} == {20260000001, 20260000002}
