"""Supervision without record keeping: days pass, cases climb, messages arrive, all on working days of the calendar."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import httpx
import pytest

from shared.kit.clock import CHINA
from tests.support.platform import Bureau, Platform, Robot

# The State Council's notice for 2026: Spring Festival from 15 to 23 February; Saturdays 14 and 28 February are worked.
CLIMBS = {
    "2026-02-13": ("2026-02-10", ["2026-02-14", "2026-02-27", "2026-03-05", "2026-03-12", "2026-03-19"]),
    "2026-02-27": ("2026-02-24", ["2026-02-28", "2026-03-05", "2026-03-12", "2026-03-19", "2026-03-26"]),
    "2026-02-28": ("2026-02-25", ["2026-03-02", "2026-03-06", "2026-03-13", "2026-03-20", "2026-03-27"]),
}
DOCUMENTS = ["提醒", "催办", "督办函", "约谈", "链长约谈", "通报"]
"""What the messages are headed with, the reminder first."""


@pytest.fixture(scope="module")
def climbed(platform: Platform, bureau: Bureau, everyone: Robot) -> Iterator[dict[str, str]]:
    """Three projects by their due days, brought to the end of March while record keeping was stopped; their ids."""
    projects = {due: bureau.project(f"孤岛{due}", milestones=[bureau.line(due)])["id"] for due in CLIMBS}
    platform.settle()
    platform.stop("intake")
    platform.advance_to(datetime(2026, 3, 27, 18, tzinfo=CHINA))
    yield projects
    platform.start("intake")


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
    messages = everyone.messages(f"孤岛{due}")

    days = [CLIMBS[due][0], *CLIMBS[due][1]]
    assert [f"{message['at']:%Y-%m-%d %H:%M}" for message in messages] == [f"{day} 09:00" for day in days]
    assert all(document in heading(message) for document, message in zip(DOCUMENTS, messages, strict=True))


def heading(message: dict[str, Any]) -> str:
    """What stands in the brackets at the head of a message."""
    found = re.search("【(.+?)】", message["title"] + message["text"])
    assert found is not None, message["text"]
    return found[1]


def test_a_link_that_has_expired_acknowledges_nothing(
    platform: Platform, climbed: dict[str, str], everyone: Robot
) -> None:
    """The link of the first rung, pressed more than thirty days after it was sent."""
    [case] = platform.supervisor.every("assessment", "/v1/cases", project=climbed["2026-02-13"])
    link = next(message for message in everyone.messages("孤岛2026-02-13") if message["buttons"])["buttons"][0]["url"]

    asked = httpx.get(link, trust_env=False)
    pressed = httpx.post(link, data={"name": "来迟者"}, trust_env=False)

    for answer in (asked, pressed):
        assert answer.status_code == 410
        assert "链接已过期，请登录系统办理" in answer.text
    assert platform.supervisor.get("assessment", f"/v1/cases/{case['id']}")["version"] == case["version"]


def test_nothing_is_undelivered_and_record_keeping_comes_back(platform: Platform, climbed: dict[str, str]) -> None:
    undelivered = platform.operator.every("notification", "/v1/undelivered")
    assert [message for message in undelivered if message["project_id"] in climbed.values()] == []

    platform.start("intake")

    platform.settle()
    assert {each["id"] for each in platform.clerk.every("intake", "/v1/projects")} >= set(climbed.values())
