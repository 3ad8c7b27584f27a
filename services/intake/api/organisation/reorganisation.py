"""Chains split, merged and handed over in mid-period (S3)."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.api.access import Page, Reader, Registrar
from services.intake.api.answers import ChainShown, Shown
from services.intake.api.bodies import Body, ChainCode, Day, Name, Text
from services.intake.api.organisation.history import programme_history
from services.intake.handlers.organisation import hand_over
from services.intake.handlers.organisation import reorganisation as handlers
from services.intake.handlers.organisation.reorganisation import NewPart, Reorganised
from shared.contracts.programme import ChainCategory
from shared.kit.web.http import Answer, By

router = APIRouter(tags=["chains"])
ONE = "/v1/chains/{chain_id}"


class PartBody(Body):
    """A new chain; `category`: that of the chain it comes from, where none is given. `rest`: it takes the projects that
    no part names."""

    code: ChainCode
    name: Name
    category: ChainCategory | None = None
    project_ids: Annotated[tuple[UUID, ...], Field(max_length=10000)] = ()
    rest: bool = False

    def part(self) -> NewPart:
        return NewPart(self.code, self.name, self.category, self.project_ids, self.rest)


class SplitBody(Body):
    """`close`: nothing is left of the chain; then every project must go to a part."""

    parts: Annotated[tuple[PartBody, ...], Field(min_length=1, max_length=20)]
    from_day: Day
    reason: Text
    close: bool = False


class MergeBody(Body):
    into: UUID
    from_day: Day
    reason: Text


class HandOverBody(Body):
    """From one post to another of the same tier."""

    from_post_id: UUID
    to_post_id: UUID
    from_day: Day
    reason: Text


class ReorganisedShown(Shown):
    """`projects`: how many went over. `posts`: whose chains changed."""

    chain: ChainShown
    into: tuple[ChainShown, ...]
    projects: int
    posts: tuple[UUID, ...]


class HandedOverShown(Shown):
    """How many went from post to post: open `lines` of timetables and `needs` (要素保障), projects whose monthly
    reports are to be made (`reporting`), `filings`, `requests` and common `problems` that are being dealt with.
    `projects`: with any of the first three."""

    chain: ChainShown
    posts: tuple[UUID, UUID]
    projects: int
    lines: int
    needs: int
    reporting: int
    filings: int
    requests: int
    problems: int


@router.post(ONE + ":split", response_model=ReorganisedShown)
async def split_chain(chain_id: UUID, body: SplitBody, write: Registrar) -> Response:
    """Make chains of parts of one, from a day on: projects go over, posts answer for the parts too. Needs If-Match."""
    expected = write.require_version()

    async def work(conn: AsyncConnection, by: By) -> Answer:
        done = await handlers.split_chain(
            chain_id,
            [part.part() for part in body.parts],
            from_day=body.from_day,
            reason=body.reason,
            closing=body.close,
            expected=expected,
            conn=conn,
            by=by,
        )
        return _answer(done)

    return await write(work)


@router.post(ONE + ":merge", response_model=ReorganisedShown)
async def merge_chain(chain_id: UUID, body: MergeBody, write: Registrar) -> Response:
    """Make a chain part of another, from a day on: its projects, posts, firms and parks go over. Needs If-Match."""
    expected = write.require_version()

    async def work(conn: AsyncConnection, by: By) -> Answer:
        done = await handlers.merge_chain(
            chain_id, body.into, from_day=body.from_day, reason=body.reason, expected=expected, conn=conn, by=by
        )
        return _answer(done)

    return await write(work)


@router.post(ONE + ":hand-over", response_model=HandedOverShown)
async def hand_over_chain(chain_id: UUID, body: HandOverBody, write: Registrar) -> Response:
    """Give a chain to another post of the tier (链长分工调整), from a day on; what is open goes with it."""

    async def work(conn: AsyncConnection, by: By) -> Answer:
        done = await hand_over.hand_over_chain(
            chain_id,
            from_post_id=body.from_post_id,
            to_post_id=body.to_post_id,
            from_day=body.from_day,
            reason=body.reason,
            expected=write.expected_version,
            conn=conn,
            by=by,
        )
        return Answer(HandedOverShown.model_validate(done), version=done.chain.version)

    return await write(work)


@router.get(ONE + "/history")
async def show_history(chain_id: UUID, conn: Reader, paging: Page) -> dict[str, Any]:
    """Every fact of the chain: when, who, what."""
    return await programme_history(chain_id, "产业链", paging, conn=conn)


def _answer(done: Reorganised) -> Answer:
    return Answer(ReorganisedShown.model_validate(done), version=done.chain.version)
