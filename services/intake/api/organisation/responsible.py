"""Who answered for a chain on any day, tier by tier, with vacancies and delegates to be seen (S2)."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.api.access import Reader, Today
from services.intake.api.answers import Shown
from services.intake.domain.errors import RecordMissing
from services.intake.domain.organisation.leave import Answering
from services.intake.domain.organisation.programme import Chain, FormerChain, Post
from services.intake.domain.organisation.responsible import responsible
from services.intake.domain.terms import TIER_NAMES
from services.intake.store.organisation import programme as store
from services.intake.store.organisation.enterprises import anchors_of
from services.intake.store.organisation.leave import leaves_on
from shared.contracts.programme import ChainCategory, Tier
from shared.kit.errors import NotFound

router = APIRouter(tags=["chains"])


class NoSuchChainThen(NotFound):
    """The chain was not there yet that day, or no more."""

    def __init__(self, chain: Chain, day: date) -> None:
        super().__init__(
            f"{day}没有{chain.name}产业链",
            chain_id=str(chain.id),
            opened_from=chain.opened_from and str(chain.opened_from),
            closed_from=chain.closed_from and str(chain.closed_from),
            successor_ids=[str(id) for id in chain.successor_ids],
        )


class PersonNamed(Shown):
    person_id: UUID
    person_name: str


class HolderOn(PersonNamed):
    from_day: date


class LeaveOn(Shown):
    """The holder's leave that day; `delegate` null: nobody acts for them in this post."""

    from_day: date
    until_day: date
    delegate: PersonNamed | None


class AnsweringPost(Shown):
    """A post that answered for the chain. `acting`: who was to be turned to; null: vacant, or the delegate away too."""

    post_id: UUID
    title: str
    organisation_id: UUID
    organisation_name: str
    vacant: bool
    holder: HolderOn | None
    leave: LeaveOn | None
    acting: PersonNamed | None


class TierShown(Shown):
    """`vacant`: no such post, or none of them held."""

    tier: Tier
    tier_name: str
    vacant: bool
    posts: tuple[AnsweringPost, ...]


class AnchorEnterprise(Shown):
    id: UUID
    uscc: str
    name: str


class ResponsibleShown(Shown):
    """A chain as it was on a day, its ladder from the top, and its 链主企业 as the builder."""

    chain_id: UUID
    code: str
    name: str
    category: ChainCategory
    on: date
    tiers: tuple[TierShown, ...]
    vacant_tiers: tuple[Tier, ...]
    anchor_enterprises: tuple[AnchorEnterprise, ...]


@router.get("/v1/chains/{chain_id}/responsible")
async def show_responsible(
    chain_id: UUID,
    conn: Reader,
    today: Today,
    on: Annotated[date | None, Query(description="any day, past ones too; today by default")] = None,
) -> ResponsibleShown:
    """Who answered for the chain on a day: each tier's posts with holder, leave, delegate and vacancy."""
    day = on or today
    chain = (await store.chains(conn=conn, ids=[chain_id])).get(chain_id)
    if chain is None:
        raise RecordMissing("产业链", chain_id)
    then = _then(chain, day)
    posts = (await store.posts(conn=conn)).values()
    rungs = responsible(chain_id, day, posts=posts, leaves=await leaves_on(day, conn=conn))
    shown = await answers_shown([pair for rung in rungs for pair in rung.posts], on=day, conn=conn)
    by_post = {one.post_id: one for one in shown}
    return ResponsibleShown(
        chain_id=chain.id,
        code=chain.code,
        name=then.name,
        category=then.category,
        on=day,
        tiers=tuple(
            TierShown(
                tier=rung.tier,
                tier_name=TIER_NAMES[rung.tier],
                vacant=rung.vacant,
                posts=tuple(by_post[post.id] for post, _ in rung.posts),
            )
            for rung in rungs
        ),
        vacant_tiers=tuple(rung.tier for rung in rungs if rung.vacant),
        anchor_enterprises=tuple(
            AnchorEnterprise.model_validate(enterprise) for enterprise in await anchors_of(chain_id, on=day, conn=conn)
        ),
    )


async def answers_shown(
    answers: Sequence[tuple[Post, Answering]], *, on: date | None = None, conn: AsyncConnection
) -> list[AnsweringPost]:
    """Posts with who answers for them, in words. `on`: organisations by what they were called that day."""
    people = await store.people(conn=conn, ids=set(_people(answers)))
    organisations = await store.organisations(conn=conn, ids={post.organisation_id for post, _ in answers})

    def named(id: UUID | None) -> PersonNamed | None:
        return PersonNamed(person_id=id, person_name=people[id].name) if id else None

    def shown(post: Post, answer: Answering) -> AnsweringPost:
        unit, leave = organisations[post.organisation_id], answer.leave
        return AnsweringPost(
            post_id=post.id,
            title=post.title,
            organisation_id=unit.id,
            organisation_name=unit.name_on(on) if on else unit.name,
            vacant=answer.holder_id is None,
            holder=_holder(answer, people[answer.holder_id].name) if answer.holder_id else None,
            leave=LeaveOn(from_day=leave.from_day, until_day=leave.until_day, delegate=named(answer.delegate_id))
            if leave
            else None,
            acting=named(answer.acting_id),
        )

    return [shown(post, answer) for post, answer in answers]


def _holder(answer: Answering, name: str) -> HolderOn:
    assert answer.holder_id
    assert answer.since
    return HolderOn(person_id=answer.holder_id, person_name=name, from_day=answer.since)


def _people(answers: Iterable[tuple[Post, Answering]]) -> Iterable[UUID]:
    for _, answer in answers:
        yield from filter(None, (answer.holder_id, answer.delegate_id, answer.acting_id))


def _then(chain: Chain, day: date) -> FormerChain:
    then = chain.on(day)
    if then is None:
        raise NoSuchChainThen(chain, day)
    return then
