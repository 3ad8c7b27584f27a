"""What follows when a service's database was restored, before it starts again: `python -m services.x restored`.

Its log is made readable on the server where it is now and begins a new epoch, and no producer's log is believed until
it was compared: topics may hold what the producers lost. The service's own part comes last. May be repeated.
"""

from collections.abc import Awaitable, Callable

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.kit import telemetry
from shared.kit.database import open_engine
from shared.kit.log.relay import reset_after_restore

AfterRestore = Callable[[AsyncConnection], Awaitable[None]]

_DOUBT_PRODUCERS = text("UPDATE producer_epoch SET epoch = ''")


async def nothing_more(conn: AsyncConnection) -> None:
    """For a service that has nothing of its own to do."""


async def begin_anew(service: str, url: str, *, after: AfterRestore) -> None:
    """All in one transaction.

    Raises:
        LeadershipLost: the service is running; stop it first.
    """
    engine = open_engine(url, application=f"liandu-{service}-restored", pool_size=1, command_timeout=None)
    try:
        async with engine.begin() as conn:
            facts = await reset_after_restore(conn, service=service)
            await conn.execute(_DOUBT_PRODUCERS)
            await after(conn)
    finally:
        await engine.dispose()
    telemetry.log.info("a new epoch of the log has begun", facts=facts)
