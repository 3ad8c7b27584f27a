"""The groups of the demonstration, and their messages as they arrive: a chat in the terminal."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx
from rich.markup import escape

from services.operator.robots.robot import Message
from services.operator.robots.showing import plain
from services.operator.words import console
from shared.kit.clock import CHINA

_SHOWN_AT_ONCE = 12


@dataclass(frozen=True, slots=True)
class Group:
    """A chat group with its robot. `tiers`: whose posts read there."""

    name: str
    title: str
    tiers: tuple[str, ...]


GROUPS = (
    Group("chief-general", "链长制领导小组群", ("chief_general",)),
    Group("chiefs", "链长群", ("chief",)),
    Group("deputies", "副链长群", ("deputy_chief",)),
    Group("task-forces", "工作专班群", ("task_force", "task_force_office")),
    Group("units", "责任单位群", ("unit_head", "officer")),
)
TITLES = {group.name: group.title for group in GROUPS}


@dataclass(slots=True)
class Chat:
    """Reads what the robots received. `heard`: every receipt so far."""

    robots_url: str
    heard: list[dict[str, Any]] = field(default_factory=list)

    def define(self, group: Group, *, limit: int | None = None) -> dict[str, Any]:
        """Make the group's robot; its address and secret, as an administrator copies them from the office app."""
        answer = httpx.post(
            f"{self.robots_url}/_robots",
            json={"name": group.name, "title": group.title, "limit": limit},
            trust_env=False,
        )
        answer.raise_for_status()
        made: dict[str, Any] = answer.json()
        return made

    def catch_up(self) -> list[dict[str, Any]]:
        """The receipts since last time."""
        news: list[dict[str, Any]] = []
        while True:
            after = self.heard[-1]["number"] if self.heard else 0
            answer = httpx.get(f"{self.robots_url}/_receipts", params={"after": after}, trust_env=False)
            answer.raise_for_status()
            found = answer.json()["items"]
            if not found:
                return news
            news += found
            self.heard += found

    def show(self) -> None:
        """Print what arrived since last time, the latest where it is much."""
        news = [receipt for receipt in self.catch_up() if receipt["accepted"] and receipt["message"]]
        arrived = sorted(news, key=lambda receipt: (receipt["at"], _number_in(receipt["message"]["text"])))
        if len(arrived) > _SHOWN_AT_ONCE:
            console.print(
                f"  … {len(arrived) - _SHOWN_AT_ONCE} 条较早的消息从略 · earlier messages, not shown", style="dim"
            )
        for receipt in arrived[-_SHOWN_AT_ONCE:]:
            _show(receipt)

    def latest_link(self, robot: str, words: str) -> str:
        """The link of the newest message in a group that holds these words."""
        for receipt in reversed(self.heard):
            message = receipt["message"]
            if receipt["robot"] == robot and receipt["accepted"] and words in message["text"] and message["buttons"]:
                return str(message["buttons"][0]["url"])
        raise LookupError(f"no message with a link in {robot} says {words!r}")


def _number_in(text: str) -> str:
    """The message's number, which stands at the end of its text: robots of one moment are heard in any order."""
    return text.rstrip()[-11:]


def _show(receipt: dict[str, Any]) -> None:
    sent = receipt["message"]
    at = datetime.fromisoformat(receipt["at"]).astimezone(CHINA)
    message = Message(kind=sent["kind"], title=sent["title"], text=sent["text"], is_markdown=sent["is_markdown"])
    console.print(f"  [bold]{escape(TITLES.get(receipt['robot'], receipt['robot']))}[/]  [dim]{at:%Y-%m-%d %H:%M}[/]")
    for line in plain(message).splitlines():
        console.print(f"    {escape(line)}")
    for button in sent["buttons"]:
        console.print(f"    [reverse] {escape(button['label'])} [/]")
