"""From a fact to a robot, and what the ledger says of it."""

import asyncio
from datetime import date, timedelta
from functools import partial

import asyncpg

from services.notification.domain.messages import State
from services.notification.handlers import facts
from shared.contracts.deliveries import Outcome
from shared.contracts.programme import (
    PersonRecorded,
    PostAssumed,
    PostTermsCorrected,
    PostVacated,
    TermOfOffice,
    Tier,
)
from shared.kit.clock import CHINA
from shared.kit.database import transaction
from shared.kit.log import eventlog
from tests.integration.notification.conftest import Desk
from tests.support.robots import FakeRobot
from tests.support.supervision import CHAIN, UNIT, closed, escalated, fact, post, reminded, some_id
from tests.support.waiting import eventually


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


async def test_a_route_that_is_added_meanwhile_finds_what_was_left_without_one(desk: Desk, robot: FakeRobot) -> None:
    await desk.register("display", robot)
    now = desk.clock.now()
    async with transaction(desk.engine) as conn:
        await facts.apply([fact(escalated(), at=now)], conn=conn, now=now)
        adding = asyncio.create_task(desk.route("display"))
        await eventually(partial(somebody_waits, desk))
    await adding
    assert await desk.states() == [State.QUEUED]


async def somebody_waits(desk: Desk) -> bool:
    return bool(await desk.execute("SELECT 1 FROM pg_locks WHERE NOT granted"))


async def test_whoever_heard_of_a_case_hears_that_it_is_closed(desk: Desk, robot: FakeRobot) -> None:
    await desk.learn()
    await desk.register("display", robot)
    await desk.route("display", chain=CHAIN)
    async with desk.sending():
        await desk.hear(escalated())
        await desk.hear(closed(addressees=()), closed(addressees=(), case_id=some_id("a case nobody heard of")))
        await desk.all_in(State.SENT)
    end = robot.texts[1]
    assert "【办结】" in end
    assert "主送：新型显示产业链工作专班负责人 吴磊" in end
    assert "抄送：新型显示产业链副链长 周强" in end
    assert "actionCard" not in robot.heard[1].payload


async def test_the_holder_is_whoever_holds_the_post_on_the_day_it_is_sent(desk: Desk, robot: FakeRobot) -> None:
    await desk.learn()
    await desk.register("display", robot)
    await desk.route("display", post=post(Tier.OFFICER))
    successor = PersonRecorded(person_id=some_id("successor"), name="冯丽", organisation_id=UNIT)
    await desk.hear(
        successor,
        PostAssumed(post_id=post(Tier.OFFICER), person_id=successor.person_id, from_day=date(2026, 1, 7)),
        PostVacated(post_id=post(Tier.OFFICER), person_id=successor.person_id, from_day=date(2026, 1, 9)),
    )
    async with desk.sending():
        for day in (5, 7, 9):
            desk.clock.move(f"2026-01-0{day}T09:00+08:00")
            await desk.hear(reminded())
            await desk.all_in(State.SENT)
    names = [text.split("主送：新型显示项目专员")[1].split("\n")[0] for text in robot.texts]
    assert names == [" 钱芳", " 冯丽", "（空缺）"]


async def test_where_terms_were_corrected_the_holder_is_whoever_held_the_post_indeed(
    desk: Desk, robot: FakeRobot
) -> None:
    await desk.learn()
    await desk.register("display", robot)
    await desk.route("display", post=post(Tier.OFFICER))
    successor = PersonRecorded(person_id=some_id("successor"), name="冯丽", organisation_id=UNIT)
    await desk.hear(
        successor,
        PostAssumed(post_id=post(Tier.OFFICER), person_id=some_id("by mistake"), from_day=date(2026, 1, 6)),
        PostTermsCorrected(
            post_id=post(Tier.OFFICER),
            terms=(TermOfOffice(person_id=successor.person_id, from_day=date(2026, 1, 1), until_day=date(2026, 1, 6)),),
            reason="日期有误",
        ),
    )
    async with desk.sending():
        for day in (6, 7):
            desk.clock.move(f"2026-01-0{day}T09:00+08:00")
            await desk.hear(reminded())
            await desk.all_in(State.SENT)
    names = [text.split("主送：新型显示项目专员")[1].split("\n")[0] for text in robot.texts]
    assert names == [" 冯丽", "（空缺）"]


async def test_sending_goes_on_after_the_database_dropped_every_connection(desk: Desk, robot: FakeRobot) -> None:
    await desk.learn()
    await desk.register("display", robot)
    await desk.route("display")
    async with desk.sending():
        await desk.hear(reminded())
        await desk.all_in(State.SENT)
        admin = await asyncpg.connect(desk.admin_url)
        await admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'test-notification'"
        )
        await admin.close()
        await desk.engine.dispose()
        await desk.hear(reminded())
        await desk.all_in(State.SENT)
    assert len(robot.heard) == 2


async def test_an_address_that_cannot_be_unsealed_turns_the_robot_off(desk: Desk, robot: FakeRobot) -> None:
    await desk.learn()
    await desk.register("display", robot)
    await desk.route("display")
    await desk.execute("UPDATE robot SET target = decode('00', 'hex')")
    async with desk.sending():
        await desk.hear(reminded())
        await desk.all_in(State.UNDELIVERED)
    assert "重新登记" in (await desk.robot("display")).condition.why
    assert not robot.heard


async def test_a_message_that_waited_more_than_a_day_says_so_with_its_own_day(desk: Desk, robot: FakeRobot) -> None:
    await desk.register("display", robot)
    await desk.route("display")
    decided = desk.clock.now()
    await desk.hear(escalated())
    desk.clock.move((decided + timedelta(days=1)).isoformat())
    await desk.hear(escalated())
    desk.clock.move((decided + timedelta(days=1, minutes=1)).isoformat())
    async with desk.sending():
        await desk.all_in(State.SENT)

    belated = f"（补发，原定{decided.astimezone(CHINA):%-m月%-d日}）【督办函】"
    assert sorted(heard.text.count(belated) for heard in robot.heard) == [0, 1]
