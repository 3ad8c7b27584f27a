"""Which robot hears whom."""

from uuid import UUID, uuid4

import pytest

from services.notification.domain.routing import Hearing, Listener, Reach, Route, Routes
from shared.contracts.programme import Tier
from shared.contracts.supervision import Addressee
from shared.kit.errors import Invalid

CHAIN, OTHER_CHAIN, POST = uuid4(), uuid4(), uuid4()
WHO = Addressee(post_id=POST, tier=Tier.CHIEF)


def route(robot: str, *, post: UUID | None = None, tier: Tier | None = None, chain: UUID | None = None) -> Route:
    return Route(uuid4(), robot, post, tier, chain)


ALL = [
    route("post", post=POST),
    route("tier in chain", tier=Tier.CHIEF, chain=CHAIN),
    route("tier", tier=Tier.CHIEF),
    route("chain", chain=CHAIN),
    route("default"),
]


@pytest.mark.parametrize("known", range(len(ALL)))
def test_the_most_specific_route_wins(known: int) -> None:
    found = Routes(ALL[known:]).find(WHO, chain_id=CHAIN)
    assert found is ALL[known]


def test_routes_of_other_posts_tiers_and_chains_do_not_apply() -> None:
    others = [
        route("post", post=uuid4()),
        route("tier", tier=Tier.OFFICER),
        route("chain", chain=OTHER_CHAIN),
        route("both", tier=Tier.CHIEF, chain=OTHER_CHAIN),
    ]
    assert Routes(others).find(WHO, chain_id=CHAIN) is None


def test_an_explanation_names_every_route_that_was_asked_and_the_one_chosen() -> None:
    steps = Routes(ALL[2:]).explain(WHO, chain_id=CHAIN)
    assert [step.reach for step in steps] == list(Reach)
    assert [step.route.robot if step.route else None for step in steps] == [None, None, "tier", "chain", "default"]
    assert [step.chosen for step in steps] == [False, False, True, False, False]


def test_several_recipients_of_one_robot_become_one_message() -> None:
    routes = Routes([route("group", chain=CHAIN), route("leaders", tier=Tier.CHIEF)])
    office, force = uuid4(), uuid4()
    heard = routes.address(
        [
            WHO,
            Addressee(post_id=force, tier=Tier.TASK_FORCE),
            Addressee(post_id=office, tier=Tier.TASK_FORCE_OFFICE, copy_only=True),
        ],
        chain_id=CHAIN,
    )
    assert heard == [
        Hearing("leaders", (Listener(POST, Tier.CHIEF),)),
        Hearing(
            "group",
            (Listener(force, Tier.TASK_FORCE), Listener(office, Tier.TASK_FORCE_OFFICE, copy_only=True)),
        ),
    ]


def test_a_post_named_twice_is_addressed_once_and_not_as_a_copy() -> None:
    copy = Addressee(post_id=POST, tier=Tier.CHIEF, copy_only=True)
    [heard] = Routes([route("group")]).address([copy, WHO], chain_id=CHAIN)
    assert heard.listeners == (Listener(POST, Tier.CHIEF),)


def test_who_finds_no_route_is_kept_apart() -> None:
    [heard] = Routes([]).address([WHO], chain_id=CHAIN)
    assert heard.robot is None


def test_a_post_cannot_be_narrowed_by_a_tier_or_a_chain() -> None:
    with pytest.raises(Invalid):
        route("group", post=POST, chain=CHAIN)
