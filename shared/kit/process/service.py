"""One process of one service: its HTTP application and its loops (relay, consumer, timers, auditor) together."""

import asyncio
import gc
import logging
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import uvicorn
from asyncpg import PostgresError
from fastapi import APIRouter, Depends
from pydantic import ValidationError
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.kit import telemetry
from shared.kit.broker import BrokerAddress, BrokerUnavailable
from shared.kit.clock import open_clock
from shared.kit.database import WrongSchema, migrate, open_engine, schema_is_current
from shared.kit.errors import DomainError
from shared.kit.log.relay import LeadershipLost
from shared.kit.patience import faults
from shared.kit.process.declaration import Platform, Service
from shared.kit.process.parts import CONNECTIONS, Parts, State
from shared.kit.process.restored import AfterRestore, begin_anew, nothing_more
from shared.kit.settings import MigrationSettings, ServiceSettings, said
from shared.kit.transient import Backoff, in_words, is_transient, sqlstate
from shared.kit.web.http import Check, create_app
from shared.kit.web.security import Role, require

_GRACE = 4
"""Real seconds that requests and loops get to end after the signal to stop."""
_REMIND_EVERY = 15.0
_DATABASE_PATIENCE = 60.0
_SOON = 1.0
_NOT_LET_IN = ("28", "3D")
"""SQLSTATE classes of a server that refuses: no such role, a wrong password, no such database."""


def serve_or_migrate(
    name: str,
    make: Callable[[], Service],
    migrations: Path,
    arguments: Sequence[str] | None = None,
    *,
    after_restore: AfterRestore = nothing_more,
) -> None:
    """The whole of a service's `__main__`: `python -m services.x` serves, with `migrate` it migrates, with `restored`
    it does what must follow when its database was restored (see `restored.begin_anew`).

    `make` reads the settings and declares the service. Migrating needs the database's URL only, and an administrator's
    (LIANDU_ADMIN_DATABASE_URL) where role and schema are to be made; it waits a minute for the database.
    """
    match list(sys.argv[1:] if arguments is None else arguments):
        case []:
            with _in_one_line(f"{name} does not start"):
                service = replace(make(), migrations=migrations)
            run(service)
        case ["migrate"]:
            with _in_one_line(f"{name} does not migrate"):
                settings = MigrationSettings()
            telemetry.configure_logging(name, form=settings.log_format)
            with _in_one_line(f"{name} does not migrate"):
                asyncio.run(_migrate(name, migrations, settings))
        case ["restored"]:
            with _in_one_line(f"{name} cannot begin anew"):
                settings = MigrationSettings()
                telemetry.configure_logging(name, form=settings.log_format)
                asyncio.run(begin_anew(name, settings.database_url.get_secret_value(), after=after_restore))
        case _:
            sys.exit(f"usage: python -m services.{name} [migrate|restored]")


@contextmanager
def _in_one_line(what: str) -> Iterator[None]:
    """End the process with what is wrong and what to do, where a person can tell: settings, files, the database."""
    try:
        yield
    except ValidationError as error:
        sys.exit(f"{what}: {said(error)}")
    except (ValueError, OSError, DomainError, WrongSchema, DatabaseAway, LeadershipLost) as error:
        sys.exit(f"{what}: {telemetry.without_secrets(str(error) or repr(error))}")


class DatabaseAway(Exception):
    """The database cannot be reached, or does not let us in; the text says where it was looked for."""

    def __init__(self, url: str, error: Exception) -> None:
        place = make_url(url)
        super().__init__(
            f"no database at {place.host}:{place.port or 5432}/{place.database} for {place.username}:"
            f" {in_words(error)}. Start it, or correct LIANDU_DATABASE_URL"
        )


async def _migrate(name: str, migrations: Path, settings: MigrationSettings) -> None:
    """Waits a minute for a database that is just starting.

    Raises:
        DatabaseAway: it did not come, or refuses.
    """
    url = settings.database_url.get_secret_value()
    admin_url = settings.admin_database_url.get_secret_value() if settings.admin_database_url else None
    backoff = Backoff(first=0.1, longest=2)
    loop = asyncio.get_running_loop()
    give_up, say_at = loop.time() + _DATABASE_PATIENCE, loop.time() + _SOON
    while True:
        try:
            return await migrate(name, migrations, url, admin_url=admin_url)
        except Exception as error:
            now = loop.time()
            if sqlstate(error).startswith(_NOT_LET_IN) or (is_transient(error) and now > give_up):
                raise DatabaseAway(admin_url or url, error) from error
            if not is_transient(error):
                raise
            if now > say_at:
                telemetry.log.warning("waiting for the database", reason=str(DatabaseAway(admin_url or url, error)))
                say_at = now + _REMIND_EVERY
        await backoff.pause()


def run(service: Service) -> None:
    """Run until SIGTERM or SIGINT; exits non-zero when a loop dies, so that whoever started it starts it again."""
    settings = service.settings
    telemetry.configure_logging(service.name, form=settings.log_format, level=settings.log_level)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        sys.exit(runner.run(_run(service)))


def collect_seldom() -> None:
    """Let Python look for reference cycles seldom: batches make tens of thousands of objects and no cycles.

    With its default of 700 objects the search took a third of the consumer's time (measured). Two batches at once and
    what is fetched for the next hold more than 50,000 objects: there it still took an eighth.
    """
    gc.freeze()
    gc.set_threshold(250_000, 20, 50)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    with suppress(ImportError):  # not on Windows
        import uvloop

        return uvloop.new_event_loop
    return None


async def _run(service: Service) -> int:
    settings = service.settings
    with _in_one_line(f"{service.name} does not start"):
        process = Process(service)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, process.stop)
    telemetry.log.info("starting", env=settings.env, host=settings.host, port=settings.port, clock=settings.clock)
    return await process.run()


class Process:
    """A service at work: answers HTTP at once, starts its loops when the database is there and its schema up to date.

    While it waits, /healthz answers and /readyz says what for.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        settings = service.settings
        self.platform = Platform(
            service.name,
            settings,
            engine=open_engine(
                settings.database_url.get_secret_value(),
                application=f"liandu-{service.name}",
                pool_size=settings.database_pool + CONNECTIONS,
                bounded=True,
            ),
            clock=open_clock(settings.clock, env=settings.env),
        )
        self._stopping = asyncio.Event()
        self._schema_is_current = service.migrations is None
        self._parts = Parts(service, self.platform)
        self._loops: dict[str, asyncio.Task[None]] = {}
        self._waiting_for: str | None = "the database"
        self.app = create_app(
            service, self.platform, routers=[*self._parts.routers, self._state_router()], checks=self._checks()
        )

    def stop(self) -> None:
        self._stopping.set()

    async def run(self) -> int:
        """Until `stop` is called (then 0), or any part of it ends by itself (then 1)."""
        server = _Server(_server_config(self.app, self.platform.settings))
        serving = asyncio.create_task(server.serve(), name="http")
        starting = asyncio.create_task(self._start_loops(), name="start")
        stopping = asyncio.create_task(self._stopping.wait(), name="stop")
        try:
            await asyncio.wait({serving, starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done() and not starting.exception():
                await asyncio.wait({serving, stopping, *self._loops.values()}, return_when=asyncio.FIRST_COMPLETED)
            return self._verdict([serving, starting, *self._loops.values()])
        finally:
            server.should_exit = True
            await _end([starting, stopping, *self._loops.values()])
            await asyncio.wait({serving}, timeout=_GRACE + 1)
            await self._parts.close()
            await self.platform.engine.dispose()
            telemetry.log.info("stopped")

    def _verdict(self, tasks: Sequence[asyncio.Task[Any]]) -> int:
        if self._stopping.is_set():
            telemetry.log.info("stopping")
            return 0
        for task in tasks:
            if task.done() and (task.get_name() != "start" or task.exception()):
                telemetry.log.critical("a part of the process ended", part=task.get_name(), exc_info=task.exception())
        return 1

    async def _start_loops(self) -> None:
        await self._wait_for_database()
        for name, part in self._parts.loops().items():
            self._loops[name] = asyncio.create_task(part(), name=name)
        self._waiting_for = None
        telemetry.log.info("started", loops=sorted(self._loops))

    async def _wait_for_database(self) -> None:
        backoff = Backoff(first=0.05, longest=2)
        said, said_at = None, 0.0
        while (reason := await self._database_lacks()) is not None:
            self._waiting_for = reason
            now = asyncio.get_running_loop().time()
            if reason != said or now - said_at > _REMIND_EVERY:
                telemetry.log.warning("waiting to start", reason=reason)
                said, said_at = reason, now
            await backoff.pause()

    async def _database_lacks(self) -> str | None:
        try:
            async with asyncio.timeout(10), self.platform.engine.connect() as conn:
                await conn.execute(text("SELECT 1"))
                return await self._schema_lacks(conn)
        except (OSError, PostgresError, SQLAlchemyError) as error:  # also a role or database that is yet to be made
            return telemetry.without_secrets(f"the database: {str(error) or repr(error)}")

    async def _schema_lacks(self, conn: AsyncConnection) -> str | None:
        """Once up to date is enough: what a newer version adds to the schema later is no concern of this process."""
        migrations = self._service.migrations
        if not self._schema_is_current and migrations is not None:
            self._schema_is_current = await schema_is_current(conn, migrations)
        if self._schema_is_current:
            return None
        return f"the schema is not up to date: run `python -m services.{self._service.name} migrate`"

    def _checks(self) -> Mapping[str, Check]:
        async def schema() -> str | None:
            async with self.platform.engine.connect() as conn:
                return await self._schema_lacks(conn)

        async def loops() -> str | None:
            if self._waiting_for is not None:
                return f"waiting for {self._waiting_for}"
            if dead := [name for name, task in self._loops.items() if task.done()]:
                return f"ended: {', '.join(dead)}"
            return "; ".join(f"{part} waits: {words}" for part, words in faults().items()) or None

        async def broker() -> str | None:
            return await _broker_lacks(self.platform.settings.kafka_bootstrap)

        return {"schema": schema, "broker": broker, "loops": loops}

    def _state_router(self) -> APIRouter:
        router = APIRouter(tags=["platform"])
        service_or_operator = Depends(require(Role.SERVICE, Role.OPERATOR))

        @router.get("/v1/platform/state", dependencies=[service_or_operator])
        async def state() -> dict[str, object]:
            """What this process still has to do at the present moment: for stepping simulated time."""
            found = State(self.platform.clock.now())
            if self._waiting_for is not None:
                found.reasons.append(f"waiting for {self._waiting_for}")
            else:
                await self._parts.describe(found)
            return {
                "service": self._service.name,
                "now": found.now,
                "next_due_at": found.next_due_at,
                "unsettled": found.reasons,
                "vector": found.vector,
                "problems": found.problems,
            }

        return router


async def _end(tasks: Sequence[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    _, pending = await asyncio.wait(tasks, timeout=_GRACE)
    for task in pending:
        telemetry.log.error("did not end in time", part=task.get_name(), seconds=_GRACE)


async def _broker_lacks(spec: str) -> str | None:
    """A TCP connection to any of the brokers is enough: what is wrong beyond that, relay and consumer say."""
    try:
        bootstrap = (await BrokerAddress.resolve(spec)).bootstrap if spec.startswith("file:") else spec
    except BrokerUnavailable as error:
        return str(error)
    said = "no address"
    for address in bootstrap.split(","):
        host, _, port = address.strip().rpartition(":")
        try:
            _, writer = await asyncio.open_connection(host, int(port))
            writer.close()
            return None
        except (OSError, ValueError) as error:
            said = str(error)
    return f"no broker answers at {bootstrap}: {said}"


def _server_config(app: Any, settings: ServiceSettings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE - 1,
        backlog=512,
    )


class _Server(uvicorn.Server):
    """Leaves the signals to `run`, which stops the loops as well."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
