"""What operators are told that the services show, they show."""

import re
from pathlib import Path

import httpx
import pytest

from tests.support.platform import Platform
from tests.support.waiting import eventually

PAGE = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
SECTIONS = {
    "Of every service": ("intake", "assessment", "notification"),
    "Of services that consume": ("assessment", "notification"),
    "Of assessment": ("assessment",),
    "Of notification": ("notification",),
}


def told(section: str) -> set[str]:
    """The metrics in the table of a section."""
    table = PAGE.partition(f"### {section}\n")[2].partition("\n#")[0]
    return {
        name for row in table.splitlines() if row.startswith("| `") for name in re.findall(r"\bliandu_[a-z_]+", row)
    }


async def shown(platform: Platform, service: str) -> str:
    async with httpx.AsyncClient(trust_env=False) as client:
        return (await client.get(f"{platform.file.services[service]}/metrics")).raise_for_status().text


@pytest.mark.parametrize("section", SECTIONS)
async def test_every_metric_of_the_operators_page_is_shown(platform: Platform, section: str) -> None:
    names = told(section)
    assert names
    for service in SECTIONS[section]:
        found = set(re.findall(r"^# HELP (\S+)", await shown(platform, service), re.M))
        assert names - found == set(), service


async def test_the_backlog_is_measured_and_the_calendar_known(platform: Platform) -> None:
    async def measured() -> bool:
        text = await shown(platform, "assessment")
        return re.search(r"^liandu_calendar_published_until_timestamp_seconds [1-9]", text, re.M) is not None

    await eventually(measured)
    assert 'liandu_messages{state="undelivered"}' in await shown(platform, "notification")
    assert 'liandu_put_aside{kind="timer"}' in await shown(platform, "intake")
