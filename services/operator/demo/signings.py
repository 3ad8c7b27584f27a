"""S10 at the end of the demonstration: a synthetic quarter comes in, is counted, published, and corrected."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from rich.markup import escape
from rich.table import Table

from services.operator.demo.stage import DemoFailed, Person, Stage
from services.operator.samples.quarter import (
    COUNT,
    LARGE_COUNT,
    TOTAL_WAN,
    Quarter,
    quarter_workbook,
    repeated_workbook,
    synthetic_quarter,
)
from services.operator.words import console, say

FIRST = date(2024, 1, 1)
SEED = 2024
_PERIOD = {"from": "2024-01-01", "to": "2024-03-31"}
_SIGNINGS = "/v1/statistics/signings"
_PUBLICATIONS = "/v1/statistics/publications"


@dataclass(slots=True)
class Signings:
    """`clerk` imports and says what is wrong, `reviewer` agrees, `supervisor` publishes."""

    stage: Stage
    clerk: Person
    reviewer: Person
    supervisor: Person

    def tell(self) -> None:
        """Raises DemoFailed where the figures are not those of the quarter."""
        console.print("\n[bold]9  季度签约统计 · The quarter's newly signed projects (合成数据)[/]")
        quarter = synthetic_quarter(FIRST, seed=SEED)
        self._import("合成数据-2024年第一季度签约项目.xlsx", quarter_workbook(quarter))
        self._import("合成数据-重点签约项目.xlsx", repeated_workbook(quarter))
        ids = {item["code"]: item["id"] for item in self.clerk.every("intake", "/v1/projects", limit=500)}
        for code in quarter.struck:
            self._strike_off(ids[code])
        self._report()
        self._publish_and_correct(quarter, ids)

    def _import(self, name: str, content: bytes) -> None:
        file = self.stage.data / name
        file.write_bytes(content)
        console.print(f"  {file}")
        console.print(escape(self.stage.liandu("import", str(file))))

    def _strike_off(self, project_id: str) -> None:
        """One person says that a record is false, another agrees."""
        path = f"/v1/projects/{project_id}/corrections"
        asked = self.clerk.ask(
            "POST", "intake", path, {"kind": "strike_off", "sequence": 1, "reason": "经核查，签约不实"}
        )
        self.reviewer.ask("POST", "intake", f"{path}/{asked['id']}:approve", {"opinion": "属实"})

    def _report(self) -> None:
        by = ["chain", "month", "kind"]
        shown = self.supervisor.get("intake", _SIGNINGS, **_PERIOD, by=by)
        figures = shown["figures"]
        top = figures["tiers"][-1]
        if (figures["count"], figures["total_wan"], top["count"]) != (COUNT, TOTAL_WAN, LARGE_COUNT):
            raise DemoFailed(f"the quarter came to {shown['headline']}")
        console.print(f"  [bold]{shown['headline']}[/]")
        for part in shown["breakdowns"]:
            console.print(_table(part["name"], part["groups"], top["at_least_yi"]))
        left_out = "、".join(f"{item['name']}（{item['count']}个）" for item in shown["left_out"])
        console.print(f"  期内另有签约未计入：{left_out}。意向书、框架协议不算签约。")

    def _publish_and_correct(self, quarter: Quarter, ids: Mapping[str, str]) -> None:
        """Published; then one more turns out false, and the correction stands beside what was published."""
        made = self.supervisor.ask("POST", "intake", _PUBLICATIONS, _PERIOD)
        false = next(item for item in quarter.projects if item.counts and not item.case)
        self._strike_off(ids[false.code])
        path = f"{_PUBLICATIONS}/{made['id']}"
        shown = self.supervisor.ask("POST", "intake", f"{path}:correct", {"reason": "公布后核查发现签约不实"})
        for issue in (shown["published"], *shown["corrections"]):
            say(f"  {issue['text']}")
        if shown["published"] != made["published"] or shown["present"]["figures"]["count"] != COUNT - 1:
            raise DemoFailed("a correction touched what was published")


def _table(name: str, groups: Iterable[dict[str, Any]], top_yi: str) -> Table:
    table = Table(title=f"按{name}", title_justify="left")
    table.add_column(name)
    for heading in ("项目数（个）", "总投资（亿元）", f"{top_yi}亿元及以上（个）"):
        table.add_column(heading, justify="right")
    for group in groups:
        figures = group["figures"]
        table.add_row(group["name"], str(figures["count"]), figures["total_yi"], str(figures["tiers"][-1]["count"]))
    return table
