"""Which robot hears an addressee. The most specific route wins: post, tier in a chain, tier, chain, the default."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from shared.contracts.programme import Tier
from shared.contracts.supervision import Addressee
from shared.kit.errors import Invalid


class Reach(StrEnum):
    """How narrowly a route is drawn, from the most specific to the default."""

    POST = "post"
    TIER_IN_CHAIN = "tier_in_chain"
    TIER = "tier"
    CHAIN = "chain"
    DEFAULT = "default"


Key = tuple[UUID | None, Tier | None, UUID | None]


@dataclass(frozen=True, slots=True)
class Route:
    """One rule: the robot that hears a post, a tier (in a chain or everywhere), a chain, or everybody else.

    `mention`: the robot may @ the holder by mobile number, which shows the number to the group.

    Raises:
        Invalid: a post together with a tier or a chain; a post is already as specific as it gets.
    """

    id: UUID
    robot: str
    post_id: UUID | None = None
    tier: Tier | None = None
    chain_id: UUID | None = None
    mention: bool = False

    def __post_init__(self) -> None:
        if self.post_id and (self.tier or self.chain_id):
            raise Invalid("按岗位设置的通道不能再限定层级或产业链", route=str(self.id))

    @property
    def key(self) -> Key:
        return self.post_id, self.tier, self.chain_id

    @property
    def reach(self) -> Reach:
        if self.post_id:
            return Reach.POST
        if self.tier:
            return Reach.TIER_IN_CHAIN if self.chain_id else Reach.TIER
        return Reach.CHAIN if self.chain_id else Reach.DEFAULT


@dataclass(frozen=True, slots=True)
class Listener:
    """A post that is to hear, and whether its route lets the robot mention the holder."""

    post_id: UUID
    tier: Tier
    copy_only: bool = False
    mention: bool = False


@dataclass(frozen=True, slots=True)
class Hearing:
    """All that one robot is to tell of one event: several recipients become one message. No robot: no route."""

    robot: str | None
    listeners: tuple[Listener, ...]


@dataclass(frozen=True, slots=True)
class Considered:
    """A step of an explanation: a kind of route that was looked for, and what was found."""

    reach: Reach
    route: Route | None
    chosen: bool


class Routes:
    """All routes, at most one for each key."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._by_key = {route.key: route for route in routes}

    def find(self, listener: Addressee | Listener, *, chain_id: UUID | None) -> Route | None:
        return next((step.route for step in self.explain(listener, chain_id=chain_id) if step.chosen), None)

    def explain(self, listener: Addressee | Listener, *, chain_id: UUID | None) -> list[Considered]:
        """Every kind of route that could apply, in the order asked, with the one that was chosen marked."""
        asked: list[tuple[Reach, Key]] = [(Reach.POST, (listener.post_id, None, None))]
        if chain_id:
            asked.append((Reach.TIER_IN_CHAIN, (None, listener.tier, chain_id)))
        asked.append((Reach.TIER, (None, listener.tier, None)))
        if chain_id:
            asked.append((Reach.CHAIN, (None, None, chain_id)))
        asked.append((Reach.DEFAULT, (None, None, None)))
        found = [(reach, self._by_key.get(key)) for reach, key in asked]
        winner = next((route for _, route in found if route), None)
        return [Considered(reach, route, chosen=route is not None and route is winner) for reach, route in found]

    def address(self, listeners: Sequence[Addressee | Listener], *, chain_id: UUID | None) -> list[Hearing]:
        """Group those who are to hear by robot, in the order given; those without a route come under no robot.

        A post that is named twice is addressed once, and as a recipient rather than for information.
        """
        heard: dict[str | None, dict[UUID, Listener]] = {}
        for listener in sorted(listeners, key=lambda one: one.copy_only):
            route = self.find(listener, chain_id=chain_id)
            told = heard.setdefault(route.robot if route else None, {})
            told.setdefault(
                listener.post_id,
                Listener(listener.post_id, listener.tier, listener.copy_only, mention=bool(route and route.mention)),
            )
        return [Hearing(robot, tuple(told.values())) for robot, told in heard.items()]
