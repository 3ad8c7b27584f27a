"""A platform to be killed, frozen and sabotaged under load, and judged from outside afterwards.

    async with storm() as platform:                     # `liandu run`, simulated clock, robots; a load is running
        await platform.kill("assessment")               # SIGKILL; returns when facts flow again
        order = platform.arm("intake", "relay.after_send")
        await eventually(lambda: order.carried_out)
        verdict = await platform.verdict()              # ends the load, looks at everything it caused
    verdict.require_sound()

Parts: intake, assessment, notification, postgres, robots; broker (embedded) or kafka. Points: `injection.POINTS`.
"""

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Collection, Coroutine, Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Self
from uuid import UUID

import aiohttp
import httpx
import psutil  # type: ignore[import-untyped]

from services.operator import processes
from services.operator.demo.stage import Person
from services.operator.embedded import broker
from services.operator.platform import SERVICES
from services.operator.processes import Program, free_port
from shared.contracts import deliveries
from shared.kit.clock import CHINA, SimulatedClock, set_simulated
from shared.kit.settings import read_secrets
from shared.kit.web.security import Role, make_token
from tests.chaos.checker import Verdict, judge
from tests.chaos.evidence import Evidence, Histories, histories_of, listed, read_topics
from tests.chaos.lines import Lines
from tests.chaos.load import Load, working_days_after
from tests.chaos.orders import Action, Order, Orders
from tests.support.platform import Bureau, Platform
from tests.support.waiting import eventually

_ROOT = Path(__file__).parents[2]
_INSIDE = Path(__file__).with_name("inside")
_PATIENCE = 180.0
_PASSES_WITHIN = 30.0
"""How long a problem may stand that goes by itself."""
_LOOK = 0.2
_TICK = 0.5
_SIGNS = {
    "broker": "embedded.broker",
    "kafka": "kafka.Kafka",
    "postgres": "bin/postgres",
    "robots": "services.operator robots",
}
_ENDED = re.compile(r"\b(\w+) ended \(killed by signal 9\)")


@dataclass(slots=True)
class Watch:
    """How far each service has come, as it says itself, a few times a second."""

    services: Mapping[str, str]
    http: aiohttp.ClientSession
    reached: dict[str, int] = field(default_factory=dict)

    async def run(self) -> None:
        """Look until cancelled; what does not answer keeps its last number."""
        while True:
            await asyncio.gather(*(self._look(service) for service in self.services))
            await asyncio.sleep(_LOOK)

    async def state_of(self, url: str) -> Mapping[str, Any]:
        """The answer of a service; empty where there is none."""
        with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
            async with self.http.get(f"{url}/v1/platform/state", raise_for_status=True) as answer:
                return dict(await answer.json())
        return {}

    async def _look(self, service: str) -> None:
        vector = (await self.state_of(self.services[service])).get(
            "vector", {}
        )  # empty while it waits for its database
        number = vector.get("log" if service == "intake" else "journal")
        self.reached[service] = self.reached.get(service, 0) if number is None else number


@dataclass(frozen=True, slots=True)
class Twin:
    """A second process of a service. `url`: where it answers."""

    process: subprocess.Popen[bytes]
    url: str


class Storm:
    """A running platform under one load at a time. See `storm`."""

    def __init__(
        self, platform: Platform, orders: Orders, *, kafka: str, seed: str, lines: Lines | None = None
    ) -> None:  # fmt: skip
        self.platform = platform
        self.seed = seed
        self.takeovers: dict[str, list[float]] = {}
        """Real seconds from each kill until facts flowed again, by part."""
        self._orders = orders
        self._kafka = kafka
        self._parts = AsyncExitStack()
        self._loads = AsyncExitStack()
        self._load: Load | None = None
        self._standing_still = False
        self._lines = lines
        self._whole = True
        self._sending_interrupted = 0
        self._said_before = 0
        self._put_aside_before: set[str] = set()
        self._twins: list[subprocess.Popen[bytes]] = []

    async def __aenter__(self) -> Self:
        secret = read_secrets(Path(self.platform.file.jwt_secret_file))[0]
        roles = [Role.CLERK, Role.SUPERVISOR, Role.OPERATOR]
        self._token = make_token(secret, subject="chaos", roles=roles, lifetime=timedelta(hours=12))
        self._person = Person(self.platform.file.services, self._token)
        self._parts.callback(self._person.close)
        self._everyone = self.platform.everyone
        await asyncio.to_thread(self._let_the_robot_take_any_time)
        self._bureau = Bureau(self.platform)
        http = aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {self._token}"},
            timeout=aiohttp.ClientTimeout(total=3),
            trust_env=False,
        )
        self._watch = Watch(self.platform.file.services, await self._parts.enter_async_context(http))
        self._watching = asyncio.create_task(self._watch.run())
        self._parts.push_async_callback(_ended, self._watching)
        return self

    def _let_the_robot_take_any_time(self) -> None:
        """A signature is good for an hour: with a morning skipped while it was on its way, a message looks forged."""
        body = {"name": "everyone", "title": "everyone群", "limit": 0, "signed": False}
        httpx.post(f"{self.platform.file.robots}/_robots", json=body, trust_env=False).raise_for_status()

    async def __aexit__(self, *_: object) -> None:
        await self._loads.aclose()
        await self._parts.aclose()
        for twin in self._twins:
            processes.stop(twin)

    @property
    def load(self) -> Load:
        """The load that runs now: what it has had accepted so far."""
        assert self._load is not None, "begin a load first"
        return self._load

    async def begin(self, stem: str, **more: Any) -> Load:
        """Start a load whose projects are named `{stem}…`; the verdict that follows is about these alone.

        `more`: as `Load` takes it (`clerks`, `pause`); `clerks=0` leaves all recording to the test.
        """
        await self._loads.aclose()
        self._standing_still = False
        self._whole = True
        self._sending_interrupted = 0
        self._said_before = len(self.platform.said)
        self._put_aside_before = set(await asyncio.to_thread(self._put_aside))
        self._load = await self._loads.enter_async_context(
            Load(
                url=self.platform.file.services["intake"],
                token=self._token,
                bureau=self._bureau,
                stem=stem,
                seed=self.seed,
                today=self.today,
                **more,
            )
        )
        ticking = asyncio.create_task(self._tick())
        self._loads.push_async_callback(_ended, ticking)
        return self._load

    async def _tick(self) -> None:
        """Let time go on as fast as it does, beside the mornings that are skipped: robots rest in platform time."""
        while True:
            await asyncio.sleep(_TICK)
            if not self._standing_still:
                set_simulated(self._clock_file, self._now() + timedelta(seconds=_TICK))

    def today(self) -> date:
        """The platform's day."""
        return self._now().date()

    def _now(self) -> datetime:
        return SimulatedClock(self._clock_file).now().astimezone(CHINA)

    @property
    def _clock_file(self) -> Path:
        return Path(self.platform.file.clock.partition(":")[2])

    def next_morning(self) -> None:
        """Move time to 09:00 of the next day without waiting for anybody."""
        morning = self._now().replace(hour=9, minute=0, second=0, microsecond=0)
        set_simulated(self._clock_file, morning + timedelta(days=1))

    def arm(self, service: str, point: str, *, action: Action = "kill", hits: int = 1) -> Order:
        """As `Orders.arm`: the service kills, stops or holds itself when it next comes by the point."""
        return self._orders.arm(service, point, action=action, hits=hits)

    async def crash_at(self, service: str, point: str, *, hits: int = 1) -> float:
        """Have the service kill itself at the point under the present load; seconds until facts flowed again."""
        order = self.arm(service, point, hits=hits)
        await eventually(lambda: self._is_struck(order), within=_PATIENCE, what=f"{service} passes {point}")
        return await self.working_again(service, self.mark())

    def _is_struck(self, order: Order) -> bool:
        self.load.check()
        return order.carried_out

    async def sabotage(self, service: str, name: str | None) -> None:
        """Start the service anew with a part of it spoilt (`injection.SABOTAGES`), or as it was built (None)."""
        self._orders.sabotage(service, name)
        async with self.returning(service):
            (await self._there(service)).terminate()

    async def kill(self, part: str, *, wait: bool = True) -> float:
        """SIGKILL; with `wait` the seconds until facts flowed again. A part that is just starting is waited for."""
        process = await self._there(part)
        if part == "broker":
            self._whole = False
        mark = self.mark()
        process.kill()
        return await self.working_again(part, mark) if wait else 0.0

    async def restart_postgres(self) -> float:
        """Stop PostgreSQL at once (SIGQUIT: no goodbye, no checkpoint); seconds until facts flowed again."""
        mark = self.mark()
        self.sending_interrupted()
        (await self._there("postgres")).send_signal(signal.SIGQUIT)
        return await self.working_again("postgres", mark)

    async def freeze(self, part: str) -> None:
        """SIGSTOP: its connections stay open, and it knows nothing of the time that passes."""
        if part == "notification":
            self.sending_interrupted()
        (await self._there(part)).suspend()

    def thaw(self, part: str) -> None:
        """SIGCONT."""
        process = self.find(part)
        assert process is not None, part
        process.resume()

    def twin(self, service: str) -> "Twin":
        """A second process of a service, on another port. The caller may kill it; the end of the storm stops it."""
        original = self.find(service)
        assert original is not None, service
        port = free_port()
        env = {**original.environ(), "LIANDU_PORT": str(port)}
        program = Program(name=f"{service} twin", argv=tuple(original.cmdline()), env=env, cwd=_ROOT)
        process = processes.spawn(program, log=self.platform.data / "log" / f"{service}-twin.log")
        self._twins.append(process)
        return Twin(process, f"http://127.0.0.1:{port}")

    async def state_of(self, url: str) -> Mapping[str, Any]:
        """What the process of a service at this address says of itself; empty while it does not answer."""
        return await self._watch.state_of(url)

    async def relayed(self, service: str) -> bool:
        """Whether the broker has all that the service has on record."""
        state = await self.state_of(self.platform.file.services[service])
        return bool(state) and "facts not yet sent" not in state["unsettled"]

    @property
    def lines(self) -> Lines:
        """What stands in front of everything the parts talk to."""
        assert self._lines is not None, "this platform has no lines"
        return self._lines

    def sending_interrupted(self) -> None:
        """To be called by whoever cuts the sender's connections: messages on their way may then come once more."""
        self._sending_interrupted += 1

    def broker_was_wiped(self) -> None:
        """To be called by whoever empties the broker: the verdict then does not ask the topics for what was lost."""
        self._whole = False

    def find(self, part: str) -> psutil.Process | None:
        """The process of a part, found among the launcher's children; None while there is none."""
        sign = _SIGNS.get(part, f"services.{part}")
        for child in self.platform.launcher.children():
            with contextlib.suppress(psutil.NoSuchProcess):
                if sign in " ".join(child.cmdline()) and child.status() != psutil.STATUS_ZOMBIE:
                    return child
        return None

    async def _there(self, part: str) -> psutil.Process:
        """The process of a part, which may just be starting."""
        found: psutil.Process | None = None

        def is_there() -> bool:
            nonlocal found
            found = self.find(part)
            return found is not None

        await eventually(is_there, within=_PATIENCE, what=f"a process of {part}")
        assert found is not None
        return found

    def mark(self) -> Mapping[str, int]:
        """How far each service has come; for `working_again`."""
        return dict(self._watch.reached)

    async def working_again(self, part: str, since: Mapping[str, int]) -> float:
        """Wait until those that depend on the part have come further than `since`; how many seconds that took."""
        began = time.monotonic()
        concerned = [part] if part in SERVICES else [] if part == "robots" else list(SERVICES)

        def further() -> bool:
            self.load.check()
            assert not self._watching.done(), self._watching
            return all(self._watch.reached.get(each, 0) > since.get(each, 0) for each in concerned)

        await eventually(further, within=_PATIENCE, what=f"work goes on after {part} ended")
        took = time.monotonic() - began
        self.takeovers.setdefault(part, []).append(took)
        return took

    @property
    def kills(self) -> Counter[str]:
        """How often each part was killed since the load began, as the launcher has seen it."""
        said = self.platform.said[self._said_before :]
        return Counter(found[1] for line in said if (found := _ENDED.search(line)))

    @asynccontextmanager
    async def doing(self, work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
        """Something that goes on beside the block and is over at its end."""
        task = asyncio.create_task(work)
        try:
            yield
            await task
        finally:
            await _ended(task)

    async def pause(self, seconds: float) -> None:
        """Let the load run. Raises what has ended a clerk before its time."""
        await asyncio.sleep(seconds)
        self.load.check()

    @asynccontextmanager
    async def returning(self, part: str) -> AsyncIterator[None]:
        """The part ends within the block; afterwards wait until it is ready again."""
        times = self.platform.said.count(f"{part} is back")
        yield
        await eventually(
            lambda: self.platform.said.count(f"{part} is back") > times, within=_PATIENCE, what=f"{part} is back"
        )

    async def settle(self) -> None:
        """Wait until the platform has done all that is due at the present moment; time stands still meanwhile."""
        before, self._standing_still = self._standing_still, True
        try:
            await asyncio.to_thread(self.platform.settle)
        finally:
            self._standing_still = before

    async def verdict(self, *, days: int = 1, settle: bool = True, away: Collection[str] = ()) -> Verdict:
        """End the load, let the platform do what is left, and judge it by what can be seen of it.

        `days`: working days to go on with time before that, so that rungs fall due and robots have rested.
        `settle=False`: as it stands, for platforms that cannot settle because something is down; time stands then too.
        `away`: services that are stopped, and therefore cannot be asked.
        """
        load = self.load
        await load.finish()
        self._standing_still = True
        if settle:
            await self.settle()
        if settle and days:
            end = datetime.combine(working_days_after(self.today(), days), self._now().time().replace(hour=18), CHINA)
            await asyncio.to_thread(self.platform.advance_to, end)
        return judge(await self._evidence(load, away))

    async def unlike(self) -> str:
        """What of assessment's state is not what follows from its journal and log; empty, when all of it does."""
        original = self.find("assessment")
        assert original is not None
        program = [sys.executable, "-m", "services.assessment", "rebuild", "--check"]
        ran = await asyncio.create_subprocess_exec(
            *program, cwd=_ROOT, env=original.environ(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        said, _ = await ran.communicate()
        return "" if ran.returncode == 0 else said.decode()

    async def _evidence(self, load: Load, away: Collection[str]) -> Evidence:
        histories = Histories(self.platform.file.services, self._token)
        logs = await histories_of(load.ledgers, histories, away=away)
        known = {ledger.project for ledger in load.ledgers}
        messages = await asyncio.to_thread(listed, self._person, "notification", "/v1/messages", known)
        obligations = await asyncio.to_thread(listed, self._person, "assessment", "/v1/obligations", known)
        told = await histories.read("notification", [UUID(message["id"]) for message in messages])
        logs = {**logs, deliveries.DELIVERIES: told}
        aggregates = {aggregate for each in logs.values() for aggregate in each}
        return Evidence(
            now=self._now(),
            ledgers=load.ledgers,
            recorded={} if "intake" in away else await asyncio.to_thread(self._recorded, load.stem),
            logs=logs,
            topics=await read_topics(self._bootstrap(), aggregates),
            whole=self._whole,
            obligations={UUID(each["id"]): each for each in obligations},
            messages=messages,
            receipts=[each for each in await asyncio.to_thread(self._receipts) if each["accepted"]],
            put_aside=sorted(set(await asyncio.to_thread(self._put_aside)) - self._put_aside_before),
            problems=[] if away else await self._lasting_problems(),
            sender_crashes=self._sending_interrupted + sum(self.kills[part] for part in ("notification", "postgres")),
        )

    def _recorded(self, stem: str) -> dict[UUID, str]:
        found = self._person.every("intake", "/v1/projects", limit=500)
        return {UUID(each["id"]): each["name"] for each in found if each["name"].startswith(stem)}

    async def listen(self) -> None:
        """Take over what the robot has heard so far: it remembers its last 20,000 messages only."""
        await asyncio.to_thread(self._receipts)

    def _receipts(self) -> list[dict[str, Any]]:
        return self._everyone.receipts

    def _put_aside(self) -> list[str]:
        return [
            f"{service} {item['id']}: {item['error']}"
            for service in ("assessment", "notification")
            for item in self._person.every(service, "/v1/dead-letters", limit=200)
        ]

    async def _lasting_problems(self) -> list[str]:
        """What the services say needs a person. Who was asked in vain is asked again in a moment: that passes."""
        problems = await asyncio.to_thread(self._problems)
        ends = time.monotonic() + _PASSES_WITHIN
        while problems and time.monotonic() < ends:
            await asyncio.sleep(0.5)
            problems = await asyncio.to_thread(self._problems)
        return problems

    def _problems(self) -> list[str]:
        states = {service: self._person.get(service, "/v1/platform/state") for service in SERVICES}
        return [f"{service}: {problem}" for service, state in states.items() for problem in state["problems"]]

    def _bootstrap(self) -> str:
        if self._kafka == "real":
            return self.platform.file.kafka_bootstrap
        address = broker.read_address(self.platform.data / "broker.json")
        assert address is not None
        return address


@asynccontextmanager
async def platform_under_chaos(
    *,
    kafka: str = "embedded",
    seed: str = "1",
    data: Path | None = None,
    port_base: int | None = None,
    with_lines: bool = False,
) -> AsyncIterator[Storm]:
    """A platform whose services can be stopped at named points, as yet without load (`begin`).

    `kafka`: `embedded` or `real`. `data`: its folder, kept; otherwise a temporary one. `port_base`: else free ports.
    `with_lines`: everything the parts talk to is reached over a line that can be cut.
    """
    with (
        tempfile.TemporaryDirectory(prefix="liandu-chaos-", ignore_cleanup_errors=True) as scratch,
        ExitStack() as standing,
    ):
        folder = data or Path(scratch)
        orders = Orders(folder / "orders", SERVICES)
        platform = Platform(folder / "data", kafka=kafka, port_base=port_base)
        lines = Lines(orders.folder, port_base=platform.port_base, kafka=kafka) if with_lines else None
        if lines is not None:
            standing.enter_context(lines)
        try:
            with _environment(PYTHONPATH=f"{_INSIDE}:{_ROOT}", CHAOS_FOLDER=str(orders.folder)):
                platform.up()
            async with Storm(platform, orders, kafka=kafka, seed=seed, lines=lines) as made:
                yield made
        finally:
            platform.close()


@asynccontextmanager
async def storm(stem: str = "风暴", **more: Any) -> AsyncIterator[Storm]:
    """`platform_under_chaos` with its first load running."""
    async with platform_under_chaos(**more) as platform:
        await platform.begin(stem)
        yield platform


@contextmanager
def _environment(**variables: str) -> Iterator[None]:
    """For what is started meanwhile."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
