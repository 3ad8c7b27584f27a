"""The whole platform as people and operators meet it: what `liandu run` starts, HTTP, the command line, the chat."""

import itertools
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
import psutil  # type: ignore[import-untyped]

from services.operator.demo.chat import Chat, Group
from services.operator.demo.stage import Person, Stage, running
from services.operator.platform import PlatformFile
from shared.contracts.ids import chain_id
from shared.contracts.programme import Tier
from shared.kit.clock import CHINA
from tests.support.ports import free_port_base

_USCC = "91370211MA3C0X0X01"

START = datetime(2026, 1, 5, 9, tzinfo=CHINA)
"""A Monday morning, when the ladder's timers may fire."""

CHAIN = chain_id("DISPLAY")


class Platform:
    """A platform on a folder of its own, which can be stopped, killed and started again."""

    def __init__(
        self, data: Path, *, kafka: str = "embedded", start: datetime = START, port_base: int | None = None
    ) -> None:
        self._data = data
        self._kafka = kafka
        self._start = start
        self.port_base = port_base or free_port_base()
        self._standing = ExitStack()
        self._people = ExitStack()
        self._stage: Stage | None = None

    def up(self) -> "Platform":
        self._stage = self._standing.enter_context(
            running(self._data, port_base=self.port_base, start=self._start, kafka=self._kafka)
        )
        return self

    def down(self) -> None:
        """As Ctrl+C does it; tokens and addresses hold for the next start."""
        self._standing.close()
        self._stage = None

    def close(self) -> None:
        self._people.close()
        self.down()

    def kill(self) -> list[psutil.Process]:
        """kill -9 of the launcher; every process there was."""
        everything = [self.launcher, *self.launcher.children(recursive=True)]
        self.stage.launcher.kill()
        self.stage.launcher.wait()
        return everything

    @property
    def stage(self) -> Stage:
        assert self._stage is not None, "the platform is down"
        return self._stage

    @property
    def file(self) -> PlatformFile:
        return self.stage.file

    @property
    def data(self) -> Path:
        return self._data

    @property
    def launcher(self) -> psutil.Process:
        return psutil.Process(self.stage.launcher.pid)

    @property
    def said(self) -> list[str]:
        """What the launcher has said since its start."""
        return (self._data / "launcher.log").read_text().splitlines()

    def kill_part(self, part: str) -> None:
        """kill -9 of one part's process."""
        self.process_of(part).kill()

    def process_of(self, part: str) -> psutil.Process:
        words = {
            "broker": "embedded.broker",
            "kafka": "kafka.Kafka",
            "postgres": "bin/postgres",
            "robots": "services.operator robots",
        }
        sign = words.get(part, f"services.{part}")
        [found] = [child for child in self.launcher.children() if sign in " ".join(child.cmdline())]
        return found

    def liandu(self, *words: str, codes: tuple[int, ...] = (0,)) -> str:
        return self.stage.liandu(*words, codes=codes)

    def stop(self, part: str) -> None:
        self.liandu("stop", part)

    def start(self, part: str) -> None:
        self.liandu("start", part)

    def advance_to(self, moment: datetime) -> None:
        self.stage.advance_to(moment)

    def settle(self) -> None:
        """Wait until every running service has done what is due."""
        self.liandu("clock", "settle")

    def as_(self, role: str, *, person: str | None = None) -> Person:
        who = self.stage.as_(role, f"示例{role}", person=person)
        self._people.callback(who.close)
        return who

    @cached_property
    def clerk(self) -> Person:
        return self.as_("clerk")

    @cached_property
    def supervisor(self) -> Person:
        return self.as_("supervisor")

    @cached_property
    def operator(self) -> Person:
        return self.as_("operator")

    @cached_property
    def robots(self) -> Chat:
        assert self.file.robots is not None
        return Chat(self.file.robots)

    @cached_property
    def everyone(self) -> "Robot":
        """A group where all messages go that have no group of their own."""
        return self.connect_robot("everyone")

    def connect_robot(self, name: str, **reach: str) -> "Robot":
        """A group whose robot has no limit, and the route to it: the default one unless `reach` says otherwise."""
        made = self.robots.define(Group(name, f"{name}群", ()), limit=0)
        body = {"name": name, "channel": "dingtalk", "url": made["url"], "secret": made["secret"], "per_minute": 0}
        self.operator.ask("PUT", "notification", f"/v1/robots/{name}", body)
        self.operator.ask("POST", "notification", "/v1/routes", {"robot": name, **reach})
        return Robot(name, self)


@dataclass(frozen=True, slots=True)
class Robot:
    """A group's robot, as it keeps what it was sent."""

    name: str
    platform: Platform

    @property
    def receipts(self) -> list[dict[str, Any]]:
        """Every request so far, refused ones too."""
        self.platform.robots.catch_up()
        return [receipt for receipt in self.platform.robots.heard if receipt["robot"] == self.name]

    def messages(self, words: str = "") -> list[dict[str, Any]]:
        """What stands in the group and holds these words: `text`, `buttons`, and `at` in China's time."""
        return [
            {**receipt["message"], "at": datetime.fromisoformat(receipt["at"]).astimezone(CHINA)}
            for receipt in self.receipts
            if receipt["accepted"] and words in receipt["message"]["title"] + receipt["message"]["text"]
        ]

    def script(self, *faults: dict[str, Any]) -> None:
        """What goes wrong with the next requests, one each."""
        url = f"{self.platform.file.robots}/_script"
        httpx.post(url, json={"robot": self.name, "next": faults}, trust_env=False).raise_for_status()


class Bureau:
    """A unit with a post of every tier and somebody in each, recorded over HTTP."""

    _numbers = itertools.count(1)

    def __init__(self, platform: Platform) -> None:
        self._clerk = platform.clerk
        self.name = f"示例单位{next(self._numbers)}"
        self.id = self._make("/v1/organisations", {"name": self.name})
        self.posts: dict[str, str] = {}
        self.people: dict[str, str] = {}
        for tier in Tier:
            self._staff(tier)

    def project(self, name: str, **more: Any) -> dict[str, Any]:
        """Record a project that is signed; `more` as the route's body takes it."""
        return dict(self._clerk.ask("POST", "intake", "/v1/projects", self.body(name, **more)))

    def body(self, name: str, **more: Any) -> dict[str, Any]:
        sound = {
            "name": name,
            "chain_id": str(CHAIN),
            "responsible_org_id": self.id,
            "total_investment_wan": 120_000,
            "stage": "signed",
            "signed_on": "2025-12-01",
        }
        return {**sound, **more}

    def targets(self, **counts: int) -> None:
        """The chain's targets of 2026 in the 年度招商项目计划清单."""
        body = {"year": 2026, "chain_id": str(CHAIN), "fields": {**counts, "source": "年度工作要点"}}
        self._make("/v1/registers/investment_targets/entries", body)

    def request(self, title: str, *, due_on: str) -> str:
        """The id of an enterprise's request that the unit's officer is to answer."""
        raised = {"chain_id": str(CHAIN), "title": title, "text": title, "uscc": _USCC, "enterprise_name": "示例企业"}
        id = self._make("/v1/requests", raised)
        assigned = {"responsible_post_id": self.posts[Tier.OFFICER], "due_on": due_on}
        self._clerk.ask("POST", "intake", f"/v1/requests/{id}:assign", assigned)
        return id

    def line(self, due_on: str, name: str = "设备进场") -> dict[str, Any]:
        """A line of a timetable that no stage meets."""
        return {"name": name, "due_on": due_on, "responsible_post_id": self.posts[Tier.OFFICER]}

    def title(self, tier: str) -> str:
        return f"{self.name}{tier}"

    def _staff(self, tier: Tier) -> None:
        chains = [] if tier in (Tier.OFFICER, Tier.UNIT_HEAD, Tier.CHIEF_GENERAL) else [str(CHAIN)]
        body = {"title": self.title(tier), "tier": tier, "organisation_id": self.id, "chain_ids": chains}
        self.posts[tier] = self._make("/v1/posts", body)
        self.people[tier] = self._make("/v1/people", {"name": f"某{tier}", "organisation_id": self.id})
        term = {"person_id": self.people[tier], "from_day": "2025-01-01"}
        self._clerk.ask("POST", "intake", f"/v1/posts/{self.posts[tier]}:assume", term)

    def _make(self, path: str, body: dict[str, Any]) -> str:
        return str(self._clerk.ask("POST", "intake", path, body)["id"])
