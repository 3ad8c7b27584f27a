"""Posts and terms of office: work is bound to posts, so that a successor inherits it."""

from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.api.access import Page, Reader, Registrar, Today
from services.intake.api.answers import PostShown
from services.intake.api.bodies import AssumeBody, ChainCode, CorrectTermsBody, PostBody, VacateBody
from services.intake.api.organisation.history import programme_history
from services.intake.api.organisation.responsible import answers_shown
from services.intake.api.search import Sought
from services.intake.domain.errors import RecordMissing
from services.intake.domain.organisation.leave import answering
from services.intake.domain.organisation.programme import Post, Term
from services.intake.handlers.organisation import programme as handlers
from services.intake.handlers.writing import today as day_of
from services.intake.store import views
from services.intake.store.organisation import programme as store
from services.intake.store.organisation.leave import leaves_on
from services.intake.store.views import PostFilter
from shared.contracts.programme import Tier
from shared.kit.web.http import Answer, By, page, reply

router = APIRouter(tags=["posts"])


@router.get("/v1/posts")
async def list_posts(
    conn: Reader,
    paging: Page,
    today: Today,
    words: Sought,
    on: date | None = None,
    chain: Annotated[ChainCode | None, Query(description="a chain's code")] = None,
    tier: Tier | None = None,
    organisation_id: UUID | None = None,
    vacant: bool | None = None,
) -> dict[str, Any]:
    """Posts by title, each with whoever holds it on a day (default: today). `q`: words of the title, the organisation's
    or the holder's name."""
    wanted = PostFilter(chain=chain, tier=tier, organisation_id=organisation_id, vacant=vacant, words=words)
    after = paging.start(tuple[str, UUID])
    rows = await views.posts(wanted, on=on or today, conn=conn, after=after, limit=paging.limit)
    next_after = (rows[-1].title, rows[-1].id) if len(rows) == paging.limit else None
    return page([PostShown.of(row) for row in rows], next_after)


@router.get("/v1/posts/{post_id}", response_model=PostShown)
async def show_post(post_id: UUID, conn: Reader, today: Today, on: date | None = None) -> Response:
    """A post with whoever holds it on a day (default: today)."""
    shown = await _shown(post_id, on=on or today, conn=conn)
    # Without the request, so never a 304: who holds it changes with the days, and no version with it.
    return reply(Answer(shown, version=shown.version))


@router.get("/v1/posts/{post_id}/holder")
async def show_holder(post_id: UUID, conn: Reader, today: Today, on: date | None = None) -> dict[str, Any]:
    """Who holds the post on a day (default: today), and who acts for them while they are away.

    `holder` null: it is vacant then. `acting`: who is to be turned to; null: nobody, for the delegate is away too.
    """
    day = on or today
    shown = await _shown(post_id, on=day, conn=conn)
    post = (await store.posts(conn=conn, ids=[post_id]))[post_id]
    (answer,) = await answers_shown([(post, answering(post, day, await leaves_on(day, conn=conn)))], conn=conn)
    return {"post_id": shown.id, "on": day, "holder": shown.holder, "leave": answer.leave, "acting": answer.acting}


@router.get("/v1/posts/{post_id}/history")
async def show_history(post_id: UUID, conn: Reader, paging: Page) -> dict[str, Any]:
    """Every fact of the post, what was corrected too: when, who, what."""
    return await programme_history(post_id, "岗位", paging, conn=conn)


@router.post("/v1/posts", status_code=201, response_model=PostShown)
async def establish_post(body: PostBody, write: Registrar) -> Response:
    """Establish a post; it is vacant until somebody assumes it. Several posts may be 总链长."""

    async def work(conn: AsyncConnection, by: By) -> Answer:
        post = await handlers.establish_post(
            body.title,
            tier=body.tier,
            organisation_id=body.organisation_id,
            chain_ids=body.chain_ids,
            established_on=body.established_on,
            conn=conn,
            by=by,
        )
        return await _answer(post, conn, by, status=201)

    return await write(work)


@router.post("/v1/posts/{post_id}:assume", response_model=PostShown)
async def assume_post(post_id: UUID, body: AssumeBody, write: Registrar) -> Response:
    """A person takes up the post from a day on; the predecessor's term ends the day before."""

    async def work(conn: AsyncConnection, by: By) -> Answer:
        post = await handlers.assume_post(post_id, person_id=body.person_id, from_day=body.from_day, conn=conn, by=by)
        return await _answer(post, conn, by)

    return await write(work)


@router.post("/v1/posts/{post_id}:vacate", response_model=PostShown)
async def vacate_post(post_id: UUID, body: VacateBody, write: Registrar) -> Response:
    """The holder leaves; the post is vacant from this day on."""

    async def work(conn: AsyncConnection, by: By) -> Answer:
        post = await handlers.vacate_post(post_id, from_day=body.from_day, conn=conn, by=by)
        return await _answer(post, conn, by)

    return await write(work)


@router.post("/v1/posts/{post_id}:correct-terms", response_model=PostShown)
async def correct_terms(post_id: UUID, body: CorrectTermsBody, write: Registrar) -> Response:
    """What was recorded of the terms was wrong: all of them, as they are. The history keeps both. Needs If-Match."""
    expected = write.require_version()
    terms = [Term(term.person_id, term.from_day, term.until_day) for term in body.terms]

    async def work(conn: AsyncConnection, by: By) -> Answer:
        post = await handlers.correct_terms(post_id, terms, reason=body.reason, expected=expected, conn=conn, by=by)
        return await _answer(post, conn, by)

    return await write(work)


async def _shown(post_id: UUID, *, on: date, conn: AsyncConnection) -> PostShown:
    rows = await views.posts(PostFilter(id=post_id), on=on, conn=conn, limit=1)
    if not rows:
        raise RecordMissing("岗位", post_id)
    return PostShown.of(rows[0])


async def _answer(post: Post, conn: AsyncConnection, by: By, status: int = 200) -> Answer:
    shown = await _shown(post.id, on=day_of(by), conn=conn)
    return Answer(shown, status=status, version=shown.version, location=f"/v1/posts/{post.id}")
