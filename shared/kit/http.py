"""The HTTP frame of every service: application factory, reads and writes, problem details, pages, ETags.

A write is one transaction that holds the fact, its events and the answer kept under the Idempotency-Key; it is
committed before the answer leaves. Routes say what they do in terms of these:

    @router.post("/v1/projects", status_code=201)
    async def record_project(body: NewProject, write: Annotated[Write, Depends(writing(Role.CLERK))]) -> Response:
        return await write(lambda conn: answer_of(handlers.record_project(body, conn=conn, by=write.by)))
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fastapi import Request, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.kit.security import Principal, Role


@dataclass(frozen=True, slots=True)
class Answer:
    """What a write comes to. `body` is JSON-able (a pydantic model, a dict); `version` becomes the ETag."""

    body: Any
    status: int = 200
    version: int | None = None
    location: str | None = None


@dataclass(frozen=True, slots=True)
class By:
    """Who does it, when, in which trace: handed to handlers, written with each fact."""

    principal: Principal
    now: datetime
    traceparent: str | None

    @property
    def actor(self) -> str:
        """As the history shows it: `name <subject>`."""
        return f"{self.principal.name} <{self.principal.subject}>"


class Write:
    """One writing request. Calling it runs `work` in one transaction and gives the response.

    With an Idempotency-Key the first answer is kept and given again (same status, body and ETag) to the same request;
    another body under the same key is a 422 problem; a second one while the first runs waits for it.
    """

    by: Principal
    expected_version: int | None
    """From If-Match; None when the caller sent none. Malformed: a 400 problem."""

    async def __call__(self, work: Callable[[AsyncConnection, By], Awaitable[Answer]]) -> Response:
        raise NotImplementedError

    def require_version(self) -> int:
        """The version of If-Match; a 428 problem when there is none (updates need one)."""
        raise NotImplementedError


def writing(*roles: Role) -> Callable[[Request], Awaitable[Write]]:
    """A dependency: a `Write` for a caller with one of these roles."""
    raise NotImplementedError


def reading(*roles: Role) -> Callable[[Request], AsyncIterator[AsyncConnection]]:
    """A dependency: a connection for reading, in a read-only transaction, for a caller with one of these roles."""
    raise NotImplementedError
