"""Tells the loop that sends, in the same process, that something was queued."""

import asyncio

from sqlalchemy import event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.pool import ConnectionPoolEntry

_QUEUED = "liandu.notification.queued"


async def mark_queued(conn: AsyncConnection) -> None:
    """Say that something may be due once this transaction is over."""
    (await conn.get_raw_connection()).info[_QUEUED] = True


def queued(engine: AsyncEngine) -> asyncio.Event:
    """An event that is set each time a transaction of this engine that queued something is over.

    It is set when the connection goes back to its pool, for only then the commit is visible.
    """
    signal = asyncio.Event()

    def over(connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
        if entry.info.pop(_QUEUED, False):
            signal.set()

    event.listen(engine.sync_engine, "checkin", over)
    return signal
