"""What ends is started again: without delay when it had been running, ever later when it does not stay."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from services.operator import supervisor
from services.operator.processes import Program
from services.operator.supervisor import Component, Registry, Supervised, Wish
from tests.support.waiting import eventually

_SLEEPER = Program(name="sleeper", argv=(sys.executable, "-c", "import signal; signal.pause()"))


@asynccontextmanager
async def kept(folder: Path, said: list[str]) -> AsyncIterator[Supervised]:
    component = Component(name="sleeper", program=lambda: _SLEEPER, is_ready=lambda: True)
    with Registry() as registry:
        one = Supervised(component, log=folder / "log", registry=registry, say=said.append, wish=Wish(folder / "wish"))
        await one.start()
        keeping = asyncio.create_task(one.keep())
        try:
            yield one
        finally:
            await one.stop()
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)


async def _killed(one: Supervised, said: list[str]) -> str:
    """Kill it and wait until it is back; what was said of its end."""
    times = said.count("sleeper is back")
    assert one.pid
    psutil.Process(one.pid).send_signal(signal.SIGKILL)
    await eventually(lambda: said.count("sleeper is back") > times)
    return said[-2]


async def test_what_had_been_running_is_started_again_without_delay_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "_STEADY_AFTER", 0)
    said: list[str] = []
    async with kept(tmp_path, said) as one:
        ends = [await _killed(one, said) for _ in range(3)]
    assert ends == ["sleeper ended (killed by signal 9); starting it again in 0.1 s"] * 3


async def test_what_does_not_stay_is_started_again_ever_later(tmp_path: Path) -> None:
    said: list[str] = []
    async with kept(tmp_path, said) as one:
        ends = [await _killed(one, said) for _ in range(2)]
    assert [end.rpartition("in ")[2] for end in ends] == ["0.5 s", "1 s"]
