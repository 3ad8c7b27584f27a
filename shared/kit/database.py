"""PostgreSQL: one engine for each service, one schema and one role. READ COMMITTED, on the primary."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine


def open_engine(url: str, *, application: str, pool_size: int = 8) -> AsyncEngine:
    """An engine on asyncpg for `postgresql://role:password@host:port/database` (shape of LIANDU_DATABASE_URL).

    The role's search_path is its own schema, so that SQL here names no schema.
    """
    return create_async_engine(
        url.replace("postgresql://", "postgresql+asyncpg://", 1),
        pool_size=pool_size,
        max_overflow=0,
        pool_pre_ping=False,
        json_serializer=lambda value: orjson.dumps(value).decode(),
        json_deserializer=orjson.loads,
        connect_args={
            "server_settings": {"application_name": application, "timezone": "UTC"},
            "timeout": 5,
            "command_timeout": 60,
        },
    )


@asynccontextmanager
async def transaction(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """One transaction: committed at the end of the block, rolled back when it raises."""
    async with engine.begin() as conn:
        yield conn
