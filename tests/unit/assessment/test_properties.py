"""What the ladder promises, whatever the district and whatever people do: held against worlds drawn by a seed."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from services.assessment.domain.directory import Directory
from services.assessment.domain.moments import CHINA, china_date
from services.assessment.domain.world import Acted, Happening, Heard, World
from shared.contracts.programme import Tier
from shared.contracts.projects import MilestoneReplanned, ProjectHeld, ProjectResumed
from shared.contracts.supervision import (
    CaseAcknowledged,
    CaseClosed,
    CaseEscalated,
    CaseFeedbackGiven,
    CaseOpened,
    ObligationReminded,
    Subject,
)
from tests.support.district import BEGAN_ON, District, default_rules

RULES = default_rules()
CALENDAR = RULES.calendar
RUNGS = RULES.policy.rungs
DAYS = 200
SEEDS = st.integers(0, 60)
OF_A_UNIT = (Tier.OFFICER, Tier.UNIT_HEAD)


class Reached(NamedTuple):
    at: datetime
    event: CaseEscalated


class Lived(NamedTuple):
    happened: tuple[Happening, ...]
    world: World


@lru_cache(maxsize=128)
def a_district(seed: int, *, is_silent: bool = False) -> Lived:
    silence = (BEGAN_ON + timedelta(20 + seed % 100), BEGAN_ON + timedelta(27 + seed % 100)) if is_silent else None
    happened, world = District(seed=seed, chains=2, projects=20, days=DAYS, silence=silence).year()
    return Lived(tuple(happened), world)


def climbs(world: World) -> dict[UUID, list[Reached]]:
    """The rungs of each case, as they were reached."""
    reached: dict[UUID, list[Reached]] = defaultdict(list)
    for one in world.decided:
        if isinstance(one.event, CaseEscalated):
            reached[one.aggregate_id].append(Reached(one.at.astimezone(CHINA), one.event))
    return reached


def due_when_opened(world: World) -> dict[UUID, date]:
    return {one.aggregate_id: one.event.subject.due_on for one in world.decided if isinstance(one.event, CaseOpened)}


@settings(max_examples=30, deadline=None)
@given(seed=SEEDS, is_silent=st.booleans())
def test_the_climb_goes_up_rung_by_rung_and_no_rung_comes_twice(seed: int, is_silent: bool) -> None:
    for rungs in climbs(a_district(seed, is_silent=is_silent).world).values():
        assert [one.event.rung for one in rungs] == list(range(1, len(rungs) + 1))
        assert all(china_date(one.at) < china_date(other.at) for one, other in pairwise(rungs))


@settings(max_examples=30, deadline=None)
@given(seed=SEEDS, is_silent=st.booleans())
def test_no_rung_comes_before_its_working_day_but_by_a_red_light(seed: int, is_silent: bool) -> None:
    world = a_district(seed, is_silent=is_silent).world
    due = due_when_opened(world)
    for case, rungs in climbs(world).items():
        for at, event in rungs:
            passed = CALENDAR.between(due[case], china_date(at))
            assert passed >= RUNGS[event.rung - 1].after_days or event.raised_by_light
            assert at >= event.due_at or event.raised_by_light
            assert not event.raised_by_light or event.rung in (2, 3)


@settings(max_examples=30, deadline=None)
@given(seed=SEEDS, is_silent=st.booleans())
def test_rungs_and_reminders_come_on_working_mornings(seed: int, is_silent: bool) -> None:
    for one in a_district(seed, is_silent=is_silent).world.decided:
        if isinstance(one.event, CaseEscalated | ObligationReminded):
            at = one.at.astimezone(CHINA)
            assert CALENDAR.is_working(at.date())
            assert time(9) <= at.time() < time(12)


@settings(max_examples=30, deadline=None)
@given(seed=SEEDS)
def test_nobody_is_passed_over_but_the_vacant(seed: int) -> None:
    world = a_district(seed).world
    for rungs in climbs(world).values():
        for at, event in rungs:
            on, heard = china_date(at), {one.tier for one in event.addressees}
            rung = RUNGS[event.rung - 1]
            for tier in (*rung.to, *rung.copy):
                assert (tier in heard) is is_held(tier, event.subject, world.work.directory, on=on)
                assert tier in heard or tier in event.skipped
            assert not any(is_held(tier, event.subject, world.work.directory, on=on) for tier in event.skipped)


def is_held(tier: Tier, subject: Subject, directory: Directory, *, on: date) -> bool:
    """Whether anybody holds a post of this tier that answers for the subject, as the posts' facts have it."""
    return any(
        directory.holder(post.id, on)
        for post in directory.posts.values()
        if post.tier is tier
        and (
            post.organisation_id == subject.responsible_org_id
            if tier in OF_A_UNIT
            else subject.chain_id in (post.chain_ids or (subject.chain_id,))
        )
    )


@settings(max_examples=30, deadline=None)
@given(seed=SEEDS, is_silent=st.booleans())
def test_nothing_climbs_after_its_end(seed: int, is_silent: bool) -> None:
    world = a_district(seed, is_silent=is_silent).world
    closed: set[UUID] = set()
    for one in world.decided:
        if isinstance(one.event, CaseEscalated):
            assert one.aggregate_id not in closed
        elif isinstance(one.event, CaseClosed):
            closed.add(one.aggregate_id)
        elif one.aggregate_id in closed:
            closed.discard(one.aggregate_id)


PAUSES = ("hold", "acknowledge", "commit", "commit before 签收")


@pytest.mark.parametrize("pause", PAUSES)
@settings(max_examples=60, deadline=None)
@given(seed=SEEDS, pick=st.integers(0, 10_000), after=st.integers(0, 12), length=st.integers(0, 25))
def test_one_more_pause_never_brings_a_rung_sooner(pause: str, seed: int, pick: int, after: int, length: int) -> None:
    """The same happenings twice, once with one more hold, 签收 or commitment; what people did to that case afterwards
    is left out of both, for it would meet another rung."""
    happened, world = a_district(seed)
    opened = [one for one in world.decided if isinstance(one.event, CaseOpened) and one.at < _day(DAYS - 60)]
    assume(opened)
    chosen = opened[pick % len(opened)]
    assert isinstance(chosen.event, CaseOpened)
    at = datetime.combine(china_date(chosen.at) + timedelta(after), time(13), CHINA)
    kept = [one for one in happened if one.at < at or not _concerns(one, chosen.event)]
    case = _lived((one for one in kept if one.at < at), at).work.cases[chosen.aggregate_id]
    assume(case.state == "open")
    if pause == "commit before 签收":
        kept.append(_acknowledged(chosen.event, at + timedelta(hours=1)))
    more = _pause(pause, chosen.event, at, length)
    plain, paused = (climbs(_lived(sorted(one, key=lambda one: one.at), _day(DAYS))) for one in (kept, [*kept, *more]))
    without = {one.event.rung: one.at for one in plain[chosen.aggregate_id]}
    for reached in paused[chosen.aggregate_id]:
        assert reached.event.rung in without
        assert reached.at >= without[reached.event.rung]


def _pause(kind: str, opened: CaseOpened, at: datetime, length: int) -> list[Happening]:
    project = opened.subject.project_id
    until = at + timedelta(length)
    if kind == "hold":
        return [
            Heard(at, at, ProjectHeld(project_id=project, reason="等待上级批复", on=china_date(at))),
            Heard(until, until, ProjectResumed(project_id=project, on=china_date(until))),
        ]
    if kind == "acknowledge":
        return [_acknowledged(opened, at)]
    given: dict[str, Any] = {"by": "某人 <clerk-1>", "text": "在办", "holds_until": until}
    return [Acted(at, CaseFeedbackGiven(case_id=opened.case_id, commitment_on=china_date(until), **given))]


def _concerns(one: Happening, opened: CaseOpened) -> bool:
    """Whether this would meet another state where the case was paused."""
    if isinstance(one, Acted):
        return getattr(one.event, "case_id", None) == opened.case_id
    moves = ProjectHeld | ProjectResumed | MilestoneReplanned
    return isinstance(one, Heard) and isinstance(one.event, moves) and one.event.project_id == opened.subject.project_id


def _acknowledged(opened: CaseOpened, at: datetime) -> Acted:
    return Acted(at, CaseAcknowledged(case_id=opened.case_id, rung=1, by="某人 <clerk-1>", via="http"))


def _lived(happened: Iterable[Happening], until: datetime) -> World:
    world = World.under(RULES)
    for one in happened:
        world.happen(one)
    world.pass_time(until)
    return world


def _day(n: int) -> datetime:
    return datetime.combine(BEGAN_ON + timedelta(n), time(), CHINA)
