"""The checker finds what each of the platform's safeguards is there for, once that safeguard is taken out."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import date

import pytest
import pytest_asyncio

from tests.chaos.checker import Verdict
from tests.chaos.storm import Storm, platform_under_chaos
from tests.support.waiting import eventually

FAR = date(2026, 9, 1)
LATER = date(2026, 9, 8)


@pytest_asyncio.fixture(scope="module")
async def platform() -> AsyncIterator[Storm]:
    async with platform_under_chaos() as made:
        yield made


async def committed_late(platform: Storm) -> None:
    """A fact whose transaction draws its position before others, and commits after they were sent."""
    late, early = await platform.load.project(FAR), await platform.load.project(FAR)
    await platform.settle()
    held = platform.arm("intake", "http.before_commit", action="hold")
    async with platform.doing(platform.load.replan(late, LATER)):
        await eventually(lambda: held.carried_out)
        await platform.load.replan(early, LATER)
        await platform.settle()
        held.release()


async def killed_before_sending(platform: Storm) -> None:
    """A fact that is committed when its service dies with it in its hands."""
    ledger = await platform.load.project(FAR)
    await platform.settle()
    async with platform.returning("intake"):
        platform.arm("intake", "relay.before_send")
        await platform.load.replan(ledger, LATER)


async def sent_again(platform: Storm) -> None:
    """A fact that is sent once more by the successor of a service that died before it had noted that it was sent."""
    ledger = await platform.load.project(FAR)
    await platform.settle()
    async with platform.returning("intake"):
        platform.arm("intake", "relay.after_send")
        await platform.load.replan(ledger, LATER)


Deed = Callable[[Storm], Awaitable[None]]

WATCHED = [
    ("intake", "cursor by id", committed_late, "missing from a topic"),
    ("intake", "cursor before send", killed_before_sending, "missing from a topic"),
    ("assessment", "no watermark", sent_again, "effect doubled"),
]


@pytest.mark.parametrize(("service", "sabotage", "deed", "rule"), WATCHED)
async def test_the_checker_finds_what_a_missing_safeguard_lets_through(
    platform: Storm, service: str, sabotage: str, deed: Deed, rule: str
) -> None:
    sound = await done_under(platform, f"健全{sabotage}", deed)
    sound.require_sound()

    await platform.sabotage(service, sabotage)
    spoilt = await done_under(platform, f"破坏{sabotage}", deed)
    await platform.sabotage(service, None)

    assert rule in spoilt.rules, spoilt.findings


async def done_under(platform: Storm, stem: str, deed: Deed) -> Verdict:
    await platform.begin(stem, clerks=0)
    await deed(platform)
    return await platform.verdict(days=0)
