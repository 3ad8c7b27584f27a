"""What has no business in a topic, and what a service cannot do: put aside, shown to operators; the rest goes on."""

import json
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio
from aiokafka import AIOKafkaProducer

from services.operator.embedded import broker
from tests.support.platform import Bureau, Platform, Robot
from tests.support.waiting import eventually

SOON = "2026-01-08"
"""Three working days after the clock's start: its reminder is due at once."""

GARBAGE = [("ce_id", b"\xff\xfe"), ("ce_type", b"?"), ("anything", b"")]


async def write(platform: Platform, *, key: str | None, headers: list[tuple[str, bytes]], value: bytes) -> None:
    """Write to liandu.projects as `kcat -P` does: with whatever key, headers and value."""
    producer = AIOKafkaProducer(bootstrap_servers=broker.read_address(platform.data / "broker.json"))
    await producer.start()
    try:
        await producer.send_and_wait("liandu.projects", value, key.encode() if key else None, headers=headers)
    finally:
        await producer.stop()


def forged(project: str, sequence: int, *, epoch: str | None = None) -> list[tuple[str, bytes]]:
    """Headers as intake writes them, for a fact that intake has not. `epoch`: of its log, for whoever knows it."""
    words = {
        "ce_specversion": "1.0",
        "ce_id": str(uuid4()),
        "ce_source": "/liandu/intake",
        "ce_type": "cn.liandu.project.terminated.v1",
        "ce_time": "2026-01-05T09:00:00+08:00",
        "ce_subject": project,
        "ce_sequence": str(sequence),
        "content-type": "application/json",
    }
    if epoch is not None:
        words["ce_epoch"] = epoch
    return [(name, word.encode()) for name, word in words.items()]


def put_aside(platform: Platform) -> dict[str, dict[str, Any]]:
    """What assessment has put aside, by id."""
    letters = platform.operator.every("assessment", "/v1/dead-letters")
    return {str(letter["id"]): letter for letter in letters}


async def newly_put_aside(platform: Platform, before: dict[str, dict[str, Any]], count: int = 1) -> list[str]:
    """The ids of what has come since."""
    found = await eventually(lambda: len(put_aside(platform)) >= len(before) + count and put_aside(platform))
    assert isinstance(found, dict)
    return sorted(found.keys() - before.keys(), key=int)


@dataclass(frozen=True, slots=True)
class Written:
    """A record that somebody else writes under a project's key. `sequence`: forged headers with this number."""

    error: str
    sequence: int | None = None
    headers: Sequence[tuple[str, bytes]] = ()
    value: bytes | None = None


RECORDS = {
    "no headers": Written("headers missing: ce_", value=b"hello"),
    "garbage for headers": Written("headers missing: ce_", headers=GARBAGE, value=b"\x00\xff"),
    "a number far ahead": Written("the producer's log has no such event", sequence=7),
    "the next number and nonsense": Written("the producer's log has no such event", sequence=2, value=b'{"reason": 1}'),
    "a number that was taken": Written("the producer's event 1 is", sequence=1),
}


@dataclass(frozen=True, slots=True)
class PutAside:
    """What became of a record: the project it was written under, and the letter it became."""

    project: str
    letter: str


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def written(platform: Platform, bureau: Bureau) -> dict[str, PutAside]:
    """Each of the records, under a project of its own."""
    projects = {kind: bureau.project(f"混入{kind}")["id"] for kind in RECORDS}
    platform.settle()
    before = put_aside(platform)
    for kind, project in projects.items():
        record = RECORDS[kind]
        headers = forged(project, record.sequence) if record.sequence else list(record.headers)
        await write(platform, key=project, headers=headers, value=record.value or terminated(project))
    letters = await newly_put_aside(platform, before, len(RECORDS))
    by_key = {shown(platform, letter)["key"]: letter for letter in letters}
    return {kind: PutAside(project, by_key[project]) for kind, project in projects.items()}


@pytest.mark.parametrize("kind", RECORDS)
async def test_a_record_written_by_somebody_else_is_put_aside_and_the_genuine_facts_arrive(
    platform: Platform, bureau: Bureau, everyone: Robot, written: dict[str, PutAside], kind: str
) -> None:
    project, letter = written[kind].project, written[kind].letter
    told = json.loads(platform.liandu("dead-letters", "show", letter, "--service", "assessment"))
    assert RECORDS[kind].error in told["error"]
    assert (told["topic"], told["key"]) == ("liandu.projects", project)

    platform.clerk.ask("POST", "intake", f"/v1/projects/{project}/milestones", bureau.line(SOON))

    await eventually(lambda: everyone.messages(f"混入{kind}"))
    [obligation] = platform.supervisor.every("assessment", "/v1/obligations", project=project)
    assert obligation["state"] == "open"


def test_operators_see_all_that_was_put_aside(platform: Platform, written: dict[str, PutAside]) -> None:
    listed = platform.liandu("dead-letters", "list")

    for found in written.values():
        assert re.search(rf"^assessment\s+{found.letter}\s+record", listed, re.M)


def terminated(project: str) -> bytes:
    """A fact that would end a project."""
    return json.dumps({"project_id": project, "on": "2026-01-05", "reason": "伪造"}).encode()


def shown(platform: Platform, letter: str) -> dict[str, Any]:
    return dict(platform.operator.get("assessment", f"/v1/dead-letters/{letter}"))


async def test_a_well_made_forgery_of_the_next_fact_stops_its_project_when_the_genuine_one_comes(
    platform: Platform, bureau: Bureau, everyone: Robot
) -> None:
    """Who may write to the topic can pass for intake once: that takes the broker's access list, and a person to see."""
    own = bureau.project("以假乱真")["id"]
    platform.settle()
    epoch = platform.operator.get("intake", "/v1/log/heads")["epoch"]
    await write(platform, key=own, headers=forged(own, 2, epoch=epoch), value=terminated(own))
    platform.settle()

    platform.clerk.ask("POST", "intake", f"/v1/projects/{own}/milestones", bureau.line(SOON))

    await eventually(lambda: any("log contradicts what was taken" in each for each in problems(platform)))
    bureau.project("其余照常", milestones=[bureau.line(SOON)])
    await eventually(lambda: everyone.messages("其余照常"))

    released = platform.liandu("streams", "release", own, "--of", "intake", "--service", "assessment")
    assert f"assessment: intake {own} goes on after 1" in released
    await eventually(lambda: problems(platform) == [])


def problems(platform: Platform) -> list[str]:
    return list(platform.operator.get("assessment", "/v1/platform/state")["problems"])


async def test_an_aggregate_that_is_parked_is_brought_back_in_order(
    platform: Platform, bureau: Bureau, everyone: Robot
) -> None:
    before = put_aside(platform)
    project = bureau.project("暂存待办")
    platform.settle()
    path = f"/v1/projects/{project['id']}/milestones"

    async with refused_by_the_database(platform, "过不去"):
        platform.clerk.ask("POST", "intake", path, bureau.line(SOON, "过不去"))
        [poison] = await newly_put_aside(platform, before)
        platform.clerk.ask("POST", "intake", path, bureau.line("2026-01-09", "随后一项"))
        [_, waiting] = await newly_put_aside(platform, before, 2)
        bureau.project("旁边照常", milestones=[bureau.line(SOON)])
        await eventually(lambda: everyone.messages("旁边照常"))
        assert (put_aside(platform)[poison]["kind"], put_aside(platform)[waiting]["kind"]) == ("record", "waiting")
        again = platform.liandu("dead-letters", "redrive", poison, "--service", "assessment", codes=(1,))
        assert "fails again" in again
        assert platform.supervisor.every("assessment", "/v1/obligations", project=project["id"]) == []

    assert "done, 2 put right" in platform.liandu("dead-letters", "redrive", poison, "--service", "assessment")

    await eventually(lambda: everyone.messages("暂存待办"))
    obligations = platform.supervisor.every("assessment", "/v1/obligations", project=project["id"])
    assert [each["matter"]["milestone_name"] for each in obligations] == ["过不去", "随后一项"]
    assert put_aside(platform).keys() == before.keys()


@asynccontextmanager
async def refused_by_the_database(platform: Platform, name: str) -> AsyncIterator[None]:
    """While this lasts, assessment cannot store an obligation of this name: a fault that only its owner can mend."""
    table = "assessment.obligation"
    password = (platform.data / "secrets" / "postgres_password").read_text().strip()
    admin = await asyncpg.connect(f"postgresql://postgres@{platform.file.database}", password=password)
    try:
        await admin.execute(
            f"ALTER TABLE assessment.obligation ADD CONSTRAINT fault CHECK (name <> '{name}') NOT VALID"
        )
        yield
    finally:
        await admin.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS fault")
        await admin.close()
