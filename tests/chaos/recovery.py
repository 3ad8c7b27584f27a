"""How soon work goes on when a process is killed or frozen: `python -m tests.chaos.recovery`.

Projects are recorded all the time, and a robot is told of each. A figure is the real seconds from the blow until the
robot had been told of a project that was recorded after it, and of everything that was accepted before it. Ends with 1
when what a killed service left was not taken over in time, or something was told twice without saying so.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import aiohttp

from services.operator.platform import SERVICES
from services.operator.processes import free_port
from tests.chaos.pulse import Pulse
from tests.support.platform import Bureau, Platform, Robot
from tests.support.waiting import eventually

LONGEST = 7.0
"""Real seconds after which what a killed service left must have been taken over."""

_SILENCE = 2.0
_FROZEN = 30.0


@dataclass(frozen=True, slots=True)
class Patient:
    """A platform under test, and its pulse."""

    platform: Platform
    pulse: Pulse
    robot: Robot


@asynccontextmanager
async def patient(*, kafka: str = "embedded", port_base: int | None = None) -> AsyncIterator[Patient]:
    """A platform of its own, with its pulse."""
    with tempfile.TemporaryDirectory(prefix="liandu-", ignore_cleanup_errors=True) as folder:
        platform = Platform(Path(folder) / "data", kafka=kafka, port_base=port_base)
        try:
            platform.up()
            robot, bureau = platform.everyone, Bureau(platform)
            async with Pulse(platform, bureau) as pulse:
                yield Patient(platform, pulse, robot)
        finally:
            platform.close()


async def killed(part: str, it: Patient) -> float:
    await it.pulse.flows()
    return await _kill(part, it)


async def killed_before_the_robots_answer(it: Patient) -> float:
    """The sender dies while a robot takes its time: nobody knows whether the message got through."""
    await it.pulse.flows()
    await asyncio.to_thread(it.robot.script, {"delay": 3 * _SILENCE})
    await eventually(lambda: it.pulse.silence > _SILENCE)
    return await _kill("notification", it)


async def _kill(part: str, it: Patient) -> float:
    at = it.pulse.now
    it.platform.kill_part(part)
    return await it.pulse.flows(since=at)


async def frozen(service: str, it: Patient, *, seconds: float = _FROZEN) -> float:
    """SIGSTOP with a second process beside it; SIGCONT after so many seconds, in which the second does the work."""
    async with second_of(it.platform, service) as address:
        await it.pulse.flows()
        first, before, at = it.platform.process_of(service), it.pulse.intake, it.pulse.now
        first.suspend()
        it.pulse.intake = address if service == "intake" else before
        took = await it.pulse.flows(since=at)
        await asyncio.sleep(at + seconds - it.pulse.now)
        first.resume()
        it.pulse.intake = before
        await it.pulse.flows()
    return took


@asynccontextmanager
async def second_of(platform: Platform, service: str) -> AsyncIterator[str]:
    """A second process of a service, ready: the first one's environment, another port. Its address."""
    port = free_port()
    env = {**platform.process_of(service).environ(), "LIANDU_PORT": str(port)}
    with (platform.data / "log" / f"{service}-second.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", f"services.{service}", env=env, stdout=log, stderr=log
        )
    try:
        await eventually(partial(_is_ready, f"http://127.0.0.1:{port}/readyz"))
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        await process.wait()


async def _is_ready(url: str) -> bool:
    async with aiohttp.ClientSession(trust_env=False) as http:
        try:
            async with http.get(url) as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False


Blow = Callable[[Patient], Awaitable[float]]


def blows(*, kafka: str) -> dict[str, Blow]:
    """Everything that is tried, by name. What a frozen process holds is in PostgreSQL: tried on Apache Kafka alone."""
    ground = ("kafka" if kafka == "real" else "broker", "postgres")
    return {
        **{f"{part} killed": partial(killed, part) for part in (*SERVICES, *ground)},
        "notification killed before a robot's answer": killed_before_the_robots_answer,
        **{f"{service} frozen, another beside it": partial(frozen, service) for service in SERVICES if kafka == "real"},
    }


def run(*, kafka: str, port_base: int | None = None, only: str | None = None) -> int:
    """Try all that holds `only` in its name, on the embedded broker, and on Apache Kafka unless `kafka` says embedded;
    0 when it is as it should be."""
    brokers = dict.fromkeys(("embedded", kafka))
    try:
        late = [name for each in brokers for name in asyncio.run(_try(kafka=each, port_base=port_base, only=only))]
    except AssertionError as error:
        _say(f"RED: {error}")
        return 1
    _say(f"RED: longer than {LONGEST:g} s: {', '.join(late)}" if late else "GREEN")
    return 1 if late else 0


async def _try(*, kafka: str, port_base: int | None, only: str | None) -> list[str]:
    """The services that were killed and not taken over in time."""
    late: list[str] = []
    async with patient(kafka=kafka, port_base=port_base) as it:
        for name, blow in blows(kafka=kafka).items():
            if only and only not in name:
                continue
            took = await blow(it)
            _say(f"{took:6.1f} s  {kafka}: {name}")
            if took > LONGEST and name.startswith(tuple(f"{service} killed" for service in SERVICES)):
                late.append(f"{kafka}: {name}")
        it.pulse.require_each_once()
        _say(f"repeats marked {it.pulse.marked}")
    return late


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.recovery", description=__doc__)
    parser.add_argument("--kafka", choices=("real", "embedded"), default="real", help="embedded: not on Apache Kafka")
    parser.add_argument("--only", help="only what has this word in its name")
    parser.add_argument("--port-base", type=int)
    return run(**vars(parser.parse_args()))


def _say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
