"""S12: 安迈铝业增资, from the comparison of sites in July 2023 to 达产 at twice the design."""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest_asyncio

from tests.integration.intake.conftest import Office
from tests.integration.intake.test_evidence_api import send
from tests.integration.intake.test_projects_api import problem
from tests.support.clock import MovableClock

PARENT_WAN, INCREMENT_WAN = 60000, 35000


class Walk:
    """The project's way, day by day."""

    def __init__(self, office: Office, clock: MovableClock) -> None:
        self.office, self.clock = office, clock
        self.project: dict[str, Any] = {}

    def day(self, text: str) -> str:
        self.clock.move(datetime.fromisoformat(text).replace(hour=2, tzinfo=UTC))
        return text

    async def shown(self) -> dict[str, Any]:
        found: dict[str, Any] = (await self.office.http.get(f"/v1/projects/{self.project['id']}")).json()
        return found

    async def advance(self, target: str, on: str, *evidence: str, **body: Any) -> httpx.Response:
        given = [{"kind": kind, "on": on, "reference": f"{kind}-{on}"} for kind in evidence]
        return await self.office.advance(await self.shown(), target, on=on, evidence=given, **body)

    async def reach(self, target: str, on: str, *evidence: str, **body: Any) -> dict[str, Any]:
        answer = await self.advance(target, self.day(on), *evidence, **body)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def support(self, kind: str, on: str, text: str, *orgs: str) -> None:
        path = f"/v1/projects/{self.project['id']}/support"
        await self.office.make(path, kind=kind, on=self.day(on), text=text, org_ids=list(orgs))


@pytest_asyncio.fixture
async def walk(office: Office, clock: MovableClock) -> Walk:
    return Walk(office, clock)


async def test_a_foreign_groups_capital_increase_from_the_comparison_of_sites_to_twice_the_output(
    office: Office, walk: Walk, clock: MovableClock
) -> None:
    units = ["新区管委", "开发区管委", "自贸片区", "区商务局"]
    new_area, zone, free_trade, bureau = [
        str((await office.make("/v1/organisations", name=name))["id"]) for name in units
    ]
    clock.move(datetime(2023, 7, 3, 2, tzinfo=UTC))
    plant = await office.project(bureau, name="安迈铝业中国工厂", total_investment_wan=PARENT_WAN, stage="producing")
    original = {"currency": "USD", "amount": "50000000", "rate": "7.00", "rate_on": "2023-07-03"}
    walk.project = await office.project(
        bureau,
        name="安迈铝业增资",
        kind="expansion",
        stage="lead",
        total_investment_wan=INCREMENT_WAN,
        profile={
            "capital_source": "foreign",
            "original": original,
            "parent_project_id": plant["id"],
            "lead_org_id": bureau,
            "assisting_org_ids": [new_area, zone, free_trade],
        },
    )
    await walk.reach("negotiating", "2023-07-20")
    await walk.support("raw_material_import", "2023-09-12", "原材料进口通关与保税方案", free_trade, zone)
    await walk.support("policy", "2023-11-08", "增资奖励与用地政策", new_area, bureau)
    await walk.support("supporting_services", "2024-01-16", "供电、蒸汽与物流配套", zone)

    day = walk.day("2024-02-20")
    intent = await walk.advance("signed", day, "letter_of_intent")
    assert (intent.status_code, problem(intent)) == (422, "evidence-missing")
    assert (await walk.advance("signed", day, "framework_agreement")).status_code == 422
    assert (await walk.shown())["list"] == "negotiating"

    day = walk.day("2024-04-16")
    contract = await send(office, walk.project, name="增资方案与合同.pdf", on=day)
    signed = await walk.reach("signed", day, "formal_contract", amount_wan=INCREMENT_WAN, files=[contract.json()["id"]])
    assert (signed["signed_on"], signed["signed_amount_wan"], signed["list"]) == (day, INCREMENT_WAN, "signed")
    in_list = (await office.http.get("/v1/lists/signed")).json()
    assert (in_list["count"], in_list["total_wan"]) == (1, INCREMENT_WAN)

    await walk.reach("started", "2024-06-03", "construction_contract", "site_photograph")
    await walk.reach("building", "2024-07-01")
    report = {"completed_in_month_wan": 12000, "funds_in_place_wan": 20000, "visual_progress": "生产线基础完工"}
    path = f"/v1/projects/{walk.project['id']}/reports/2024-07"
    assert (await office.http.put(path, json=report)).status_code == 200
    await walk.reach("completed", "2025-05-20")
    await walk.reach("producing", "2025-07-01", "first_invoice")

    day = walk.day("2025-12-01")
    short = await walk.advance("full_capacity", day, "output_report", output_ratio="0.95")
    assert (short.status_code, problem(short)) == (422, "amount-not-allowed")
    done = await walk.reach("full_capacity", day, "output_report", output_ratio="2.0")
    assert (done["stage_name"], done["output_ratio"]) == ("达产", "2.0")

    profile = (await office.http.get(f"/v1/projects/{plant['id']}/profile")).json()
    (increment,) = profile["increments"]
    assert (increment["id"], increment["total_investment_wan"]) == (walk.project["id"], INCREMENT_WAN)
    assert (await office.http.get(f"/v1/projects/{plant['id']}")).json()["total_investment_wan"] == PARENT_WAN
    own = (await office.http.get(f"/v1/projects/{walk.project['id']}/profile")).json()
    assert (own["converted_wan"], own["original"]["currency"], own["notices"]) == (INCREMENT_WAN, "USD", [])
    await _told(office, walk)


async def _told(office: Office, walk: Walk) -> None:
    """The history tells it all, in order."""
    facts = (await office.http.get(f"/v1/projects/{walk.project['id']}/history")).json()["items"]
    texts = [fact["text"] for fact in facts]
    assert texts[0].startswith("登记增资项目“安迈铝业增资”")
    supports = [text for text in texts if "给予支持" in text]
    assert supports == [
        "2023-09-12自贸片区、开发区管委给予支持（原材料进口）：原材料进口通关与保税方案",
        "2023-11-08新区管委、区商务局给予支持（政策扶持）：增资奖励与用地政策",
        "2024-01-16开发区管委给予支持（配套服务）：供电、蒸汽与物流配套",
    ]
    at = [fact["at"] for fact in facts]
    assert at == sorted(at)
    assert texts[-1] == "2025-12-01达产，产出为设计的2.0倍，依据：产出报告（output_report-2025-12-01）"
