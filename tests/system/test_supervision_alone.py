"""Supervision without record keeping: days pass, cases climb, messages arrive, all on working days of the calendar."""

from datetime import datetime

import pytest

from shared.kit.clock import CHINA
from tests.support.platform import Bureau, Platform, Robot

# The State Council's notice for 2026: Spring Festival from 15 to 23 February; Saturdays 14 and 28 February are worked.
CLIMBS = {
    "2026-02-13": ("2026-02-10", ["2026-02-14", "2026-02-27", "2026-03-05", "2026-03-12", "2026-03-19"]),
    "2026-02-27": ("2026-02-24", ["2026-02-28", "2026-03-05", "2026-03-12", "2026-03-19", "2026-03-26"]),
    "2026-02-28": ("2026-02-25", ["2026-03-02", "2026-03-06", "2026-03-13", "2026-03-20", "2026-03-27"]),
}
TITLES = ["【催办】", "【督办函】", "【约谈】", "【约谈（链长）】", "【通报（拟稿）】"]


@pytest.fixture(scope="module")
def climbed(platform: Platform, bureau: Bureau, everyone: Robot) -> dict[str, str]:
    """Three projects by their due days, brought to the end of March while record keeping was stopped; their ids."""
    projects = {due: bureau.project(f"孤岛{due}", milestones=[bureau.line(due)])["id"] for due in CLIMBS}
    platform.settle()
    platform.stop("intake")
    platform.advance_to(datetime(2026, 3, 27, 18, tzinfo=CHINA))
    return projects


@pytest.mark.parametrize("due", CLIMBS)
def test_a_case_climbs_on_its_working_days_while_record_keeping_is_down(
    platform: Platform, climbed: dict[str, str], due: str
) -> None:
    [case] = platform.supervisor.every("assessment", "/v1/cases", project=climbed[due])

    rungs = platform.supervisor.get("assessment", f"/v1/cases/{case['id']}")["rungs"]

    moments = [datetime.fromisoformat(rung["at"]).astimezone(CHINA) for rung in rungs]
    assert [f"{at:%Y-%m-%d}" for at in moments] == CLIMBS[due][1]
    assert {f"{at:%H:%M}" for at in moments} == {"09:00"}
    assert [rung["working_days_late"] for rung in rungs] == [1, 5, 10, 15, 20]


@pytest.mark.parametrize("due", CLIMBS)
def test_the_messages_of_each_rung_arrive_on_its_day(climbed: dict[str, str], everyone: Robot, due: str) -> None:
    reminder, *rungs = everyone.messages(f"孤岛{due}")

    assert (f"{reminder['at']:%Y-%m-%d %H:%M}", "【提醒】" in reminder["title"] + reminder["text"]) == (
        f"{CLIMBS[due][0]} 09:00",
        True,
    )
    assert [f"{message['at']:%Y-%m-%d %H:%M}" for message in rungs] == [f"{day} 09:00" for day in CLIMBS[due][1]]
    told = [next(title for title in TITLES if title in message["title"] + message["text"]) for message in rungs]
    assert told == TITLES


def test_nothing_is_undelivered_and_record_keeping_comes_back(platform: Platform, climbed: dict[str, str]) -> None:
    assert platform.operator.every("notification", "/v1/undelivered") == []

    platform.start("intake")

    platform.settle()
    assert {each["id"] for each in platform.clerk.every("intake", "/v1/projects")} == set(climbed.values())
