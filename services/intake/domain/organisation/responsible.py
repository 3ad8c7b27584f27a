"""Who answered for a chain on a day, tier by tier (S2): vacancies and delegates are seen, not skipped."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from services.intake.domain.organisation.leave import Answering, Leave, answering
from services.intake.domain.organisation.programme import CHAIN_TIERS, Post
from shared.contracts.programme import Tier

LADDER = (Tier.CHIEF_GENERAL, Tier.CHIEF, Tier.DEPUTY_CHIEF, Tier.TASK_FORCE, Tier.TASK_FORCE_OFFICE)
"""总链长统领、链长挂帅、副链长主战、产业专班主抓、专班办公室精准服务."""


@dataclass(frozen=True, slots=True)
class Rung:
    """The posts of a tier that answered for the chain that day. `vacant`: there was none, or nobody held any."""

    tier: Tier
    posts: tuple[tuple[Post, Answering], ...]

    @property
    def vacant(self) -> bool:
        return all(answer.holder_id is None for _, answer in self.posts)


def responsible(chain_id: UUID, day: date, *, posts: Iterable[Post], leaves: Collection[Leave]) -> tuple[Rung, ...]:
    """The ladder of a chain on a day, from the top. `leaves`: all that cover the day."""
    found = [post for post in posts if post.existed(day) and _answers(post, chain_id, day)]
    found.sort(key=lambda post: (post.title, post.id))
    return tuple(
        Rung(tier, tuple((post, answering(post, day, leaves)) for post in found if post.tier is tier))
        for tier in LADDER
    )


def _answers(post: Post, chain_id: UUID, day: date) -> bool:
    """A 总链长 answers for every chain, unless for some only."""
    chains = post.chains_on(day)
    if post.tier is Tier.CHIEF_GENERAL:
        return not chains or chain_id in chains
    return post.tier in CHAIN_TIERS and chain_id in chains
