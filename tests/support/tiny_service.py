"""A service of nothing but the kit, as a process: `python -m tests.support.tiny_service MIGRATIONS [migrate]`."""

import asyncio
import os
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, ClassVar
from uuid import uuid4

from fastapi import APIRouter, Depends, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.event import Event
from shared.kit.log.eventlog import NewFact, append
from shared.kit.process.declaration import Pending, Platform, Service
from shared.kit.process.service import serve_or_migrate
from shared.kit.settings import ServiceSettings
from shared.kit.timers import Timer, set_timers
from shared.kit.web.http import Answer, By, Write, writing
from shared.kit.web.security import Role


class ThingHappened(Event):
    type: ClassVar[str] = "cn.liandu.tiny.happened.v1"
    topic: ClassVar[str] = "liandu.tiny"


router = APIRouter()


@router.post("/v1/things", status_code=201)
async def happen(write: Annotated[Write, Depends(writing(Role.CLERK))], due: datetime | None = None) -> Response:
    async def work(conn: AsyncConnection, by: By) -> Answer:
        thing = uuid4()
        await append([NewFact(thing, ThingHappened(), by.now)], conn=conn, actor=by.actor, traceparent=by.traceparent)
        if due is not None:
            await set_timers([Timer(thing, "again", due)], conn=conn)
        return Answer({"id": thing}, status=201, version=1)

    return await write(work)


async def fire(due: Sequence[Timer], *, conn: AsyncConnection, now: datetime) -> None:
    await append([NewFact(timer.subject, ThingHappened(), now) for timer in due], conn=conn, actor="timers")


async def doomed(platform: Platform) -> None:
    """Ends as the environment says: not at all, by itself, or by an error."""
    match os.environ.get("TINY_LOOP", "lives"):
        case "ends":
            return
        case "fails":
            raise RuntimeError("the loop is broken")
    await asyncio.Event().wait()


async def pending(conn: AsyncConnection, now: datetime) -> Pending:
    return Pending(tuple(os.environ["TINY_PENDING"].split(",")) if "TINY_PENDING" in os.environ else ())


def make() -> Service:
    return Service("tiny", ServiceSettings(), [router], fire=fire, loops=[doomed], pending=pending)


if __name__ == "__main__":
    serve_or_migrate("tiny", make, Path(sys.argv[1]), sys.argv[2:])
