"""The checker finds what each of the platform's safeguards is there for, once that safeguard is taken out."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import date, timedelta

import pytest
import pytest_asyncio

from tests.chaos.checker import Verdict
from tests.chaos.load import Ledger
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


@pytest.mark.parametrize("sabotage", [None, "no epoch"])
async def test_a_process_that_wakes_on_another_broker_moves_nobodys_offsets(
    platform: Storm, sabotage: str | None
) -> None:
    """It was frozen with a batch of the broker before in its hands; a twin went on in its place. What it held says
    nothing of the new broker, where it would skip what nobody has read, with nobody to ask: record keeping is down."""
    await platform.sabotage("assessment", sabotage)
    await on_an_empty_broker(platform)
    await platform.begin(f"惊醒{sabotage}", clerks=0)
    ledger = await platform.load.project(FAR)
    for day in range(_BEFORE):
        await platform.load.replan(ledger, FAR + timedelta(days=day + 1))
    await platform.settle()

    platform.arm("assessment", "consumer.before_transaction", action="stop")
    await platform.load.replan(ledger, LATER)
    await taken_over_on_another_broker(platform, ledger)
    for day in range(3 * _BEFORE):
        await platform.load.replan(ledger, LATER + timedelta(days=day + 1))
    await eventually(lambda: platform.relayed("intake"))
    platform.platform.stop("intake")
    try:
        platform.thaw("assessment")
        verdict = await platform.verdict(days=0, away=["intake"])
    finally:
        platform.platform.start("intake")
        await platform.sabotage("assessment", None)

    if sabotage is None:
        verdict.require_sound()
    else:
        assert verdict.rules == {"effect missing"}, verdict.findings


_BEFORE = 10
"""Records in the partition when the process is frozen; fewer than stand there when it wakes, or it would notice."""


async def on_an_empty_broker(platform: Storm) -> None:
    async with platform.returning("broker"):
        await platform.kill("broker", wait=False)
    await platform.settle()


async def taken_over_on_another_broker(platform: Storm, ledger: Ledger) -> None:
    """The first process stands still; a twin takes over what it has, on a broker that is empty, and is killed."""
    twin = platform.twin("assessment")
    await eventually(lambda: platform.state_of(twin.url))
    async with platform.returning("broker"):
        await platform.kill("broker", wait=False)
    before = (await platform.state_of(twin.url))["vector"]["journal"]
    await platform.load.replan(ledger, FAR)

    async def has_consumed() -> bool:
        state = await platform.state_of(twin.url)
        waits = any(reason.startswith("not consuming") for reason in state.get("unsettled", ["not consuming"]))
        return not waits and state["vector"]["journal"] > before

    await eventually(has_consumed)
    twin.process.kill()
    twin.process.wait()
