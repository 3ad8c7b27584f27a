"""What is done to a platform under load. `make chaos` runs them all; a test may run one.

A scenario gets a storm whose load runs, breaks something, and returns when facts flow again. The verdict comes at the
end of all. To add one: a coroutine with `@scenario`, here or in a module that `tests.chaos.__main__` imports.
"""

from collections.abc import Awaitable, Callable
from random import Random

from tests.chaos.storm import Storm

Scenario = Callable[[Storm], Awaitable[None]]
SCENARIOS: dict[str, Scenario] = {}

CRASHES = (
    ("intake", "http.before_commit"),
    ("assessment", "relay.before_send"),
    ("notification", "consumer.before_commit"),
    ("intake", "http.after_commit"),
    ("assessment", "relay.after_send"),
    ("notification", "consumer.after_commit"),
    ("intake", "relay.before_send"),
    ("assessment", "consumer.before_commit"),
    ("notification", "sender.before_claim_commit"),
    ("intake", "relay.after_send"),
    ("assessment", "consumer.after_commit"),
    ("notification", "sender.after_claim"),
    ("assessment", "timers.before_commit"),
    ("notification", "sender.after_answer"),
    ("assessment", "timers.after_commit"),
    ("notification", "sender.after_ledger"),
    ("notification", "relay.after_send"),
)
"""Named instants at which a service is killed: between what belongs together. In turn, so that each has settled."""

_LISTEN_EVERY = 20
_IN_A_ROW = 0.25
"""How often the next kill does not wait for the last one's recovery."""


def scenario(made: Scenario) -> Scenario:
    """Have `make chaos` run this, under its function's name."""
    SCENARIOS[made.__name__.replace("_", " ")] = made
    return made


@scenario
async def named_crash_points(storm: Storm) -> None:
    for service, point in CRASHES:
        if point.startswith("timers."):
            storm.next_morning()
        await storm.crash_at(service, point)


@scenario
async def postgres_stopped_at_once(storm: Storm) -> None:
    await storm.restart_postgres()


async def random_kills(storm: Storm, *, count: int, kafka: str, told: Callable[[int], None]) -> None:
    """SIGKILL to a random part at `count` random instants; now and then the next before the last has recovered."""
    random = Random(f"{storm.seed}/kills")
    broker = "kafka" if kafka == "real" else "broker"
    parts = ["intake", "assessment", "notification"] * 3 + ["postgres", broker]
    for number in range(1, count + 1):
        await storm.pause(random.uniform(0, 1.5))
        if random.random() < 1 / 8:
            storm.next_morning()
        await storm.kill(random.choice(parts), wait=random.random() > _IN_A_ROW or number == count)
        if number % _LISTEN_EVERY == 0:
            await storm.listen()
        told(number)
