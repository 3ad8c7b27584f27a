"""Tables as files for offices: CSV or xlsx, sent while they are made.

Rows are read a thousand at a time, each time on a connection of their own: a slow reader holds none.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import date
from typing import Annotated, Any, TypeVar
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import StreamingResponse
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.api.access import READERS
from services.intake.workbook.tables import MEDIA_TYPES, Format, Heading, Row, TableWriter, table_writer
from shared.kit.process.declaration import Platform
from shared.kit.web.security import require

AT_ONCE = 1000
_BINARY = {"schema": {"type": "string", "format": "binary"}}
FILES: dict[int | str, dict[str, Any]] = {
    200: {"content": {media_type.partition(";")[0]: _BINARY for media_type in MEDIA_TYPES.values()}}
}

As = Annotated[Format, Query(alias="format")]
Item = TypeVar("Item")
Key = TypeVar("Key")


def files_router() -> APIRouter:
    """For routes that answer with a file, to whoever reads the records."""
    return APIRouter(
        tags=["exports"],
        dependencies=[Depends(require(*READERS))],
        responses=FILES,
        default_response_class=StreamingResponse,
    )


async def paged(
    request: Request, read: Callable[[Key | None, AsyncConnection], Awaitable[tuple[list[Row], Key | None]]]
) -> AsyncIterator[list[Row]]:
    """What `read` gives after nothing, and then after each place that it gives, until it gives none."""
    platform: Platform = request.app.state.platform
    after: Key | None = None
    while True:
        async with platform.engine.connect() as conn:
            rows, after = await read(after, conn)
        yield rows
        if after is None:
            return


def place(found: Sequence[Item], key: Callable[[Item], Key]) -> Key | None:
    """Where the next rows begin: after the last of these, where there may be more."""
    return key(found[-1]) if len(found) == AT_ONCE else None


async def sent(
    made: Format, headings: Sequence[Heading], pages: AsyncIterator[Sequence[Row]], *, name: str, day: date
) -> StreamingResponse:
    """A file of these rows, sent while it is made. `name`, `day`: of the file."""
    file_name = f"{name}-{day:%Y%m%d}.{made}"
    headers = {
        "content-disposition": f"attachment; filename*=UTF-8''{quote(file_name)}",
        "x-content-type-options": "nosniff",
    }
    first: Sequence[Row] = ()
    async for rows in pages:  # what fails fails before the answer has begun
        first = rows
        break
    writer = table_writer(made, headings, name=name[:31])
    return StreamingResponse(_written(writer, first, pages), headers=headers, media_type=MEDIA_TYPES[made])


async def _written(
    writer: TableWriter, first: Sequence[Row], pages: AsyncIterator[Sequence[Row]]
) -> AsyncIterator[bytes]:
    try:
        yield await asyncio.to_thread(writer.write, first)
        async for rows in pages:
            if chunk := await asyncio.to_thread(writer.write, rows):
                yield chunk
        end = writer.end()
        while chunk := await asyncio.to_thread(next, end, b""):
            yield chunk
    finally:
        writer.close()


async def in_runs(rows: Sequence[Row]) -> AsyncIterator[Sequence[Row]]:
    """Rows that are there already, as many at a time."""
    for start in range(0, len(rows), AT_ONCE):
        yield rows[start : start + AT_ONCE]
