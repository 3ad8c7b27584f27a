"""S12 as record keeping has it: a 增资 from its site evaluation in July 2023 to 达产 at twice the output.

The page names the firm and tells the way to April 2024; amounts, and what came after, are invented.
"""

from dataclasses import dataclass
from typing import Any

from rich.markup import escape

from services.operator.demo.stage import DemoFailed, Person
from services.operator.words import console

_CHAIN = "高端化工新材料"
_UNIT = "示例开发区管委"
_HELPERS = ("示例开发区管委", "示例自贸片区管委", "示例商务局")
_SUPPORT = (
    ("raw_material_import", "2023-10-16", "协调氧化铝原材料进口通关方案"),
    ("policy", "2023-12-08", "落实外资增资奖励政策"),
    ("supporting_services", "2024-02-27", "保障蒸汽、用电和厂区配套道路"),
)
_STEPS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("negotiating", "2023-07-12", ("letter_of_intent",)),
    ("signed", "2024-04-18", ("formal_contract",)),
    ("started", "2024-07-01", ("construction_contract", "site_photograph")),
    ("building", "2024-09-02", ()),
    ("completed", "2025-08-20", ()),
    ("producing", "2025-10-15", ("acceptance",)),
    ("full_capacity", "2026-06-30", ("output_report",)),
)
_OUTPUT = "2.0"


@dataclass(slots=True)
class Increment:
    """The project and its version, as its clerk writes it on."""

    clerk: Person
    path: str = ""
    version: int = 0

    def tell(self) -> None:
        console.print("\n[bold]10  外资增资：从选址评估到达产翻倍 · A 增资 comes to twice the output[/]")
        parent = self._record("示例安迈铝业一期", "new", 86_000, stage="full_capacity", signed_on="2016-05-10")
        added = self._record("示例安迈铝业增资扩产", "expansion", 42_000, stage="lead")
        self.path, self.version = f"/v1/projects/{added['id']}", added["version"]
        particulars = {"parent_project_id": parent["id"], "capital_source": "foreign"}
        self._write("PATCH", "/profile", particulars)
        self._step(*_STEPS[0])
        for kind, on, text in _SUPPORT:
            self._write("POST", "/support", {"kind": kind, "on": on, "org_ids": self._helpers(), "text": text})
        for step in _STEPS[1:]:
            self._step(*step)
        self._show()

    def _record(self, name: str, kind: str, amount_wan: int, **more: Any) -> dict[str, Any]:
        body = {
            "name": name,
            "kind": kind,
            "chain_id": self._id_of("/v1/chains", _CHAIN),
            "responsible_org_id": self._id_of("/v1/organisations", _UNIT),
            "total_investment_wan": amount_wan,
            **more,
        }
        made: dict[str, Any] = self.clerk.ask("POST", "intake", "/v1/projects", body)
        return made

    def _step(self, target: str, on: str, papers: tuple[str, ...]) -> None:
        evidence = [{"kind": kind, "on": on, "reference": "示例材料"} for kind in papers]
        more = {"output_ratio": _OUTPUT} if target == "full_capacity" else {}
        self._write("POST", "/transitions", {"target": target, "on": on, "evidence": evidence, **more})

    def _write(self, method: str, path: str, body: dict[str, Any]) -> None:
        """Change the project as it was read, and read it again."""
        at = {"If-Match": f'"{self.version}"'}
        self.clerk.ask(method, "intake", self.path + path, body, headers=at)
        self.version = self.clerk.get("intake", self.path)["version"]

    def _helpers(self) -> list[str]:
        return [self._id_of("/v1/organisations", name) for name in _HELPERS]

    def _id_of(self, path: str, name: str) -> str:
        return next(str(item["id"]) for item in self.clerk.every("intake", path) if item["name"] == name)

    def _show(self) -> None:
        for fact in self.clerk.every("intake", f"{self.path}/history"):
            console.print(f"  {escape(fact['text'])}")
        shown = self.clerk.get("intake", self.path)
        if (shown["stage"], float(shown["output_ratio"])) != ("full_capacity", 2.0):
            raise DemoFailed("the 增资 did not come to twice the output")
