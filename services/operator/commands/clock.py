"""`liandu clock`: the platform's simulated time."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path
from typing import Annotated

import httpx
import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from services.operator.platform import NoPlatform, client_at, service_urls, simulated_clock_file
from services.operator.stepping import NotSettled, Reading, Services, Step, advance, duration, settle
from services.operator.words import console, fail, moment, say
from shared.kit.clock import CHINA, SimulatedClock, set_simulated

app = typer.Typer(no_args_is_help=True, help="The platform's simulated time.")


@app.command()
def show() -> None:
    """Print the platform's simulated time."""
    print(_local(SimulatedClock(_clock_file()).now()))


@app.command("advance")
def advance_clock(
    *,
    to: Annotated[str | None, typer.Option(help="The moment to move to, such as 2026-03-02T09:00+08:00.")] = None,
    by: Annotated[str | None, typer.Option(help="How far to move, such as 3d or 12h.")] = None,
    patience: Annotated[float, typer.Option(help="Seconds without progress before a service counts as stuck.")] = 60,
) -> None:
    """Move time forward through every due moment, each settled before the next.

    A service that is not running is left out (and named). One that stays busy without progress ends the command.
    """
    if (to is None) == (by is None):
        fail("say either --to or --by")
    file = _clock_file()
    start = SimulatedClock(file).now()
    try:
        target = moment(to) if to else start + duration(by or "")
        steps = asyncio.run(_advance(file, start=start, to=target, patience=patience))
    except (NoPlatform, NotSettled, ValueError, httpx.HTTPStatusError) as reason:
        fail(str(reason))
    say(f"{_local(target)}  ({steps} steps)")


@app.command("settle")
def settle_now(
    *, patience: Annotated[float, typer.Option(help="Seconds without progress before a service counts as stuck.")] = 60
) -> None:
    """Wait until every running service has done all that is due now."""
    now = SimulatedClock(_clock_file()).now()
    try:
        asyncio.run(_settle(now, patience=patience))
    except (NoPlatform, NotSettled, httpx.HTTPStatusError) as reason:
        fail(str(reason))


async def _settle(now: datetime, *, patience: float) -> None:
    async with AsyncExitStack() as stack:
        await settle(await _reader(stack), now=now, patience=patience)


async def _advance(file: Path, *, start: datetime, to: datetime, patience: float) -> int:
    async with AsyncExitStack() as stack:
        read = await _reader(stack)
        with _progress(start, to) as passed:
            return await advance(
                to,
                read=read,
                set_time=lambda now: set_simulated(file, now.astimezone(CHINA)),
                start=start,
                passed=passed,
                patience=patience,
            )


async def _reader(stack: AsyncExitStack) -> Callable[[], Awaitable[Reading]]:
    """Asks every service, and names once each one that does not answer."""
    clients = {name: await stack.enter_async_context(client_at(url)) for name, url in service_urls().items()}
    services = Services(clients)
    told: set[str] = set()

    async def read() -> Reading:
        reading = await services.read()
        for name in sorted(reading.silent - told):
            say(f"{name} is not running: left out")
        told.update(reading.silent)
        if not reading.states:
            raise NoPlatform("no service answers; is the platform running?")
        return reading

    return read


@contextlib.contextmanager
def _progress(start: datetime, to: datetime) -> Iterator[Callable[[Step], None]]:
    """A bar on a terminal; elsewhere nothing."""
    if not console.is_terminal:
        yield lambda _: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(_local(start), total=max((to - start).total_seconds(), 1.0))

        def passed(step: Step) -> None:
            progress.update(task, completed=(step.now - start).total_seconds(), description=_local(step.now))

        yield passed


def _clock_file() -> Path:
    try:
        return simulated_clock_file()
    except NoPlatform as reason:
        fail(str(reason))


def _local(now: datetime) -> str:
    return now.astimezone(CHINA).isoformat(sep=" ", timespec="minutes")
