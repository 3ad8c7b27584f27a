"""A backup is made while the platform runs; restored, the platform goes on from there by itself."""

import os
import stat
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest_asyncio

from services.operator.demo.chat import Group
from tests.support.platform import Bureau, Platform, Robot
from tests.support.waiting import eventually

SOON = "2026-01-08"
"""Three working days after the clock's start: its reminder is due at once."""
GROUP = Group("everyone", "everyone群", ())


@dataclass
class Restored:
    """A platform that was backed up, went on, was lost and was restored."""

    platform: Platform
    backup: Path
    known: dict[str, str]


def liandu(data: Path, *words: str) -> None:
    """A command on a data folder that no platform runs on."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LIANDU_")}
    ran = subprocess.run(
        [sys.executable, "-m", "services.operator", *words],
        env={**environment, "LIANDU_DATA": str(data), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def define_robot(platform: Platform, known: dict[str, Any] | None = None) -> dict[str, Any]:
    """The group's robot at the simulator, whose address stays what it was: the simulator is not backed up."""
    body = {"name": GROUP.name, "title": GROUP.title, "limit": 0, **(known or {})}
    answer = httpx.post(f"{platform.file.robots}/_robots", json=body, trust_env=False)
    answer.raise_for_status()
    made: dict[str, Any] = answer.json()
    return {"token": made["url"].rpartition("=")[2], "secret": made["secret"]}


def connect(platform: Platform) -> dict[str, Any]:
    robot = define_robot(platform)
    url = f"{platform.file.robots}/robot/send?access_token={robot['token']}"
    body = {"name": "everyone", "channel": "dingtalk", "url": url, "secret": robot["secret"], "per_minute": 0}
    platform.operator.ask("PUT", "notification", "/v1/robots/everyone", body)
    platform.operator.ask("POST", "notification", "/v1/routes", {"robot": "everyone"})
    return robot


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def restored() -> AsyncIterator[Restored]:
    with tempfile.TemporaryDirectory(prefix="liandu-", ignore_cleanup_errors=True) as folder:
        first = Platform(Path(folder) / "first").up()
        second = Platform(Path(folder) / "second", port_base=first.port_base)
        try:
            yield await lose_and_restore(first, second, Path(folder) / "backups")
        finally:
            second.close()
            first.close()


async def lose_and_restore(first: Platform, second: Platform, backups: Path) -> Restored:
    robot = connect(first)
    bureau = Bureau(first)
    before = bureau.project("备份之前", milestones=[bureau.line(SOON)])["id"]
    await eventually(lambda: Robot("everyone", first).messages("备份之前"))
    backup = back_up(first, backups)
    bureau.project("备份之后", milestones=[bureau.line(SOON)])
    await eventually(lambda: Robot("everyone", first).messages("备份之后"))
    first.close()
    liandu(second.data, "restore", str(backup))
    second.up()
    define_robot(second, robot)
    return Restored(second, backup, {"before": before, **bureau.posts})


def back_up(platform: Platform, folder: Path) -> Path:
    folder.mkdir()
    made = platform.liandu("backup", str(folder))
    [backup] = folder.iterdir()
    assert str(backup) in made
    return backup


def line(restored: Restored, name: str) -> dict[str, Any]:
    return {"name": name, "due_on": SOON, "responsible_post_id": restored.known["officer"]}


def obligations(platform: Platform, project: str) -> set[str]:
    found = platform.supervisor.every("assessment", "/v1/obligations", project=project)
    return {each["matter"]["milestone_name"] for each in found}


def problems(platform: Platform, service: str) -> list[str]:
    return list(platform.operator.get(service, "/v1/platform/state")["problems"])


def test_a_backup_is_one_file_for_its_owner_alone(restored: Restored) -> None:
    assert stat.S_IMODE(restored.backup.stat().st_mode) == 0o600
    with tarfile.open(restored.backup) as tar:
        assert tar.getnames() == [
            "manifest.json", "intake.dump", "assessment.dump", "notification.dump",
            "secrets/jwt_secret", "secrets/link_secret", "secrets/vault_key",
        ]  # fmt: skip
    assert [path for path in restored.backup.parent.iterdir() if path != restored.backup] == []


def test_the_restored_platform_stands_where_the_backup_does(restored: Restored) -> None:
    platform = restored.platform

    assert [each["name"] for each in platform.clerk.every("intake", "/v1/projects")] == ["备份之前"]
    assert obligations(platform, restored.known["before"]) == {"设备进场"}


async def test_facts_flow_and_nothing_is_stopped_but_nothing_is_sent_before_an_operator_says_so(
    restored: Restored,
) -> None:
    platform = restored.platform
    everyone = Robot("everyone", platform)
    project = platform.clerk.get("intake", f"/v1/projects/{restored.known['before']}")
    body = {
        "name": "恢复之后", "chain_id": project["chain_id"], "responsible_org_id": project["responsible_org_id"],
        "total_investment_wan": 1000, "stage": "signed", "signed_on": "2025-12-01",
        "milestones": [line(restored, "设备进场")],
    }  # fmt: skip
    restored.known["after"] = platform.clerk.ask("POST", "intake", "/v1/projects", body)["id"]

    def waits() -> bool:
        shown = platform.operator.get("notification", "/v1/outbound")
        return any("恢复之后" in message["title"] for message in shown["would_go"])

    await eventually(waits)
    assert obligations(platform, restored.known["after"]) == {"设备进场"}
    assert everyone.messages() == []
    await eventually(lambda: problems(platform, "assessment") == problems(platform, "notification") == [])

    assert platform.liandu("outbound", "resume").startswith("sending")

    [message] = await eventually(lambda: everyone.messages("恢复之后"))
    assert "可能重复" in message["text"]


async def test_record_keeping_restored_alone_stops_the_streams_it_contradicts_until_they_are_released(
    restored: Restored,
) -> None:
    platform, before, after = restored.platform, restored.known["before"], restored.known["after"]
    platform.clerk.ask("POST", "intake", f"/v1/projects/{before}/milestones", line(restored, "丢失一项"))
    await eventually(lambda: obligations(platform, before) == {"设备进场", "丢失一项"})

    platform.stop("intake")
    platform.liandu("restore", str(restored.backup), "--service", "intake", "--force")
    platform.liandu("restore", "--already-restored", "--service", "intake")  # changes nothing any more
    platform.start("intake")

    await eventually(lambda: "2 streams stopped" in " ".join(problems(platform, "assessment")))
    listed = platform.liandu("streams", "list")
    assert before in listed
    assert after in listed
    shown = platform.operator.get("assessment", f"/v1/stopped-streams/intake/{before}")
    assert [lost["data"]["name"] for lost in shown["lost"]] == ["丢失一项"]

    platform.clerk.ask("POST", "intake", f"/v1/projects/{before}/milestones", line(restored, "重新登记"))
    assert obligations(platform, before) == {"设备进场", "丢失一项"}
    released = platform.liandu("streams", "release", before, "--of", "intake", "--service", "assessment")
    assert "1 released" in released

    await eventually(lambda: obligations(platform, before) == {"设备进场", "丢失一项", "重新登记"})
    assert "1 streams stopped" in " ".join(problems(platform, "assessment"))
