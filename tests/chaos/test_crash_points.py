"""Services killed at named points under load, on the embedded broker: the short form of `make chaos`."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.chaos.load import working_days_after
from tests.chaos.storm import Storm, platform_under_chaos

CRASHES = [
    ("intake", "http.after_commit"),
    ("assessment", "consumer.before_commit"),
    ("notification", "consumer.after_commit"),
    ("intake", "relay.before_send"),
    ("notification", "sender.after_answer"),
    ("intake", "relay.after_send"),
    ("assessment", "timers.before_commit"),
    ("notification", "sender.after_claim"),
]


@pytest_asyncio.fixture(scope="module")
async def platform() -> AsyncIterator[Storm]:
    async with platform_under_chaos() as made:
        yield made


async def test_whatever_point_a_service_dies_at_nothing_is_lost_and_nothing_doubled(platform: Storm) -> None:
    load = await platform.begin("断点", clerks=2, pause=0.1)
    await load.project(working_days_after(platform.today(), 4))  # nobody does anything about it: it climbs
    for service, point in CRASHES:
        platform.next_morning()  # so that reminders and rungs fall due on the way
        await platform.crash_at(service, point)
    verdict = await platform.verdict(days=2)
    verdict.require_sound()
    assert verdict.counts["rungs"] > 0
    assert not await platform.unlike()
