"""A year of a district: what the world says, and what a plain day-by-day loop foretells."""

import os
from collections import Counter
from collections.abc import Iterable
from datetime import date
from difflib import unified_diff
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from uuid import UUID

import pytest

from services.assessment.domain.moments import china_date
from services.assessment.domain.names import TIERS
from services.assessment.domain.work import Decided
from services.assessment.domain.world import World
from shared.contracts.programme import Tier
from shared.contracts.supervision import (
    Addressed,
    Addressee,
    CaseClosed,
    CaseEscalated,
    CaseReopened,
    CommendationProposed,
    CommendationWithdrawn,
    ObligationReminded,
    Subject,
)
from shared.kit.working_days import YearTable
from tests.support.district import District
from tests.support.oracle import Message, Oracle

Told = ObligationReminded | CaseEscalated | CaseClosed | CaseReopened | CommendationProposed | CommendationWithdrawn
GOLDEN = Path(__file__).parent / "golden" / "year.txt"
HEADLINES = {
    "reminder": "提醒",
    "rung 1": "催办",
    "rung 2": "督办函",
    "rung 3": "约谈",
    "rung 4": "链长约谈",
    "rung 5": "通报",
    "closed": "办结",
    "reopened": "恢复督办",
    "commendation": "激励建议",
    "commendation withdrawn": "撤回激励建议",
}


def messages(world: World) -> list[Message]:
    """All that somebody hears, in order."""
    said: list[Message] = []
    unheard: dict[UUID, Told] = {}
    for one in world.decided:
        if isinstance(one.event, Addressed):
            earlier = unheard.pop(one.aggregate_id)
            kind = f"told at last: {kind_of(earlier)}"
            said.append(named(one, earlier.subject, kind, one.event.addressees, world))
        elif isinstance(one.event, Told):
            said.append(message(one, one.event, world))
            if not one.event.addressees:
                unheard[one.aggregate_id] = one.event
    return said


def message(decided: Decided, event: Told, world: World) -> Message:
    one = named(decided, event.subject, kind_of(event), event.addressees, world)
    if isinstance(event, CaseEscalated):
        letter = event.document_number or ""
        return one._replace(number=event.number, letter=letter, late=event.working_days_late)
    return one._replace(number=getattr(event, "number", None) or "")


def kind_of(event: Told) -> str:
    match event:
        case CaseEscalated():
            return f"rung {event.rung}" + (" raised by the light" if event.raised_by_light else "")
        case ObligationReminded():
            return "reminder"
        case CaseClosed():
            return "closed"
        case CaseReopened():
            return "reopened"
        case CommendationProposed():
            return "commendation"
        case CommendationWithdrawn():
            return "commendation withdrawn"


def named(decided: Decided, about: Subject, kind: str, heard: Iterable[Addressee], world: World) -> Message:
    def titles(*, copy_only: bool) -> tuple[str, ...]:
        posts = world.work.directory.posts
        return tuple(sorted(posts[one.post_id].title for one in heard if one.copy_only is copy_only))

    code = world.work.projects[about.project_id].code
    skipped = tuple(sorted(getattr(decided.event, "skipped", ())))
    to, copy = titles(copy_only=False), titles(copy_only=True)
    return Message(china_date(decided.at), code, about.milestone_name, kind, to, copy, skipped)


def difference(foretold: list[Message], said: list[Message]) -> str:
    """What was said and not foretold (+), and the reverse (-), by project, line and day."""
    more, less = Counter(said) - Counter(foretold), Counter(foretold) - Counter(said)
    marked = [(one, "+") for one in more.elements()] + [(one, "-") for one in less.elements()]
    marked.sort(key=lambda pair: (pair[0].project, pair[0].line, pair[0].day))
    return "\n".join(f"{mark} {' | '.join(map(str, one))}" for one, mark in marked)


def compare(district: District) -> list[Message]:
    calendar = district.calendar
    happened, world = district.year()
    foretold = Oracle(calendar, district.begins, district.days).foretell(happened)
    said = messages(world)
    assert not difference(foretold, said), difference(foretold, said)
    return said


DISTRICT = District(seed=1, silence=(date(2026, 3, 2), date(2026, 3, 6)))


@pytest.fixture(scope="module")
def full_year() -> list[Message]:
    """The whole district: what is said is what was foretold."""
    return compare(DISTRICT)


def test_a_year_of_the_district_says_what_was_foretold(full_year: list[Message]) -> None:
    kinds = Counter(one.kind for one in full_year)
    assert len(full_year) > 3000
    assert {"reminder", "rung 5", "rung 3 raised by the light", "reopened", "commendation withdrawn"} <= kinds.keys()
    assert any(one.skipped for one in full_year)


def test_a_year_of_the_district_reads_as_it_did(full_year: list[Message]) -> None:
    """A changed rule changes messages: read what is different, and write the year anew with LIANDU_WRITE_GOLDEN=1."""
    read = as_read(full_year)
    if os.environ.get("LIANDU_WRITE_GOLDEN") == "1":
        GOLDEN.write_text(read)
    lines, known = read.splitlines(), GOLDEN.read_text().splitlines()
    assert lines == known, "\n".join(unified_diff(known, lines, n=0, lineterm=""))[:4000]


def as_read(said: list[Message]) -> str:
    """A line a message, under its day, as an official would tell it."""
    lines = ["全区督导消息（17条链、600个项目；3月2日至6日项目管理停机）"]
    for day, of_day in groupby(said, key=attrgetter("day")):
        told = [line_of(one) for one in of_day]
        weekday = "一二三四五六日"[day.weekday()]
        lines += ["", f"{day.year}年{day.month}月{day.day}日（星期{weekday}） {len(told)}条", *told]
    return "\n".join([*lines, ""])


def line_of(one: Message) -> str:
    matter = " ".join(filter(None, (one.letter or one.number, f"{one.project}“{one.line}”")))
    late = f"，逾期{one.late}个工作日" if one.late else ""
    to = "、".join(one.to) or "无人在岗，待补送"
    copy = f"；抄送{'、'.join(one.copy)}" if one.copy else ""
    skipped = f"（空缺：{'、'.join(TIERS[Tier(tier)] for tier in one.skipped)}）" if one.skipped else ""
    return f"【{headline(one.kind)}】{matter}{late} → {to}{copy}{skipped}"


def headline(kind: str) -> str:
    if kind.startswith("told at last: "):
        return "补送" + headline(kind.removeprefix("told at last: "))
    plain = kind.removesuffix(" raised by the light")
    return HEADLINES[plain] + ("" if kind == plain else "·红灯提前")


SPRING = YearTable(2027, frozenset(date(2027, 2, day) for day in range(5, 12)), frozenset({date(2027, 2, 20)}), "假定")
DISTRICTS = {
    "a week of silence over a month's end": District(
        seed=12, chains=6, projects=150, silence=(date(2026, 3, 26), date(2026, 4, 1))
    ),
    "a month of silence": District(seed=41, chains=6, projects=150, silence=(date(2026, 9, 8), date(2026, 10, 6))),
    "a case is met in a month of silence, and reopened": District(
        seed=145,
        chains=4,
        projects=80,
        begins=date(2026, 8, 7),
        days=150,
        silence=(date(2026, 8, 12), date(2026, 9, 1)),
        notice=(date(2026, 12, 18), SPRING),
    ),
    "a year's calendar comes late": District(
        seed=3, chains=3, projects=120, begins=date(2026, 10, 8), days=200, notice=(date(2026, 12, 18), SPRING)
    ),
    "one chain with vacant posts": District(seed=198, chains=1, projects=80, begins=date(2026, 1, 7)),
    **{f"an ordinary year, {seed}": District(seed=seed, chains=4, projects=100) for seed in range(60, 66)},
}


@pytest.mark.parametrize("district", DISTRICTS.values(), ids=DISTRICTS.keys())
def test_what_is_said_is_what_was_foretold(district: District) -> None:
    assert compare(district)
