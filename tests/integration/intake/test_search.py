"""Lists narrowed by any field and by words, over HTTP; a file has what the list shows."""

import io
from typing import Any

import httpx
import pytest
from openpyxl import load_workbook
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from services.intake.domain.words import search_form
from shared.kit.database import transaction
from tests.integration.intake.conftest import DISPLAY, Office
from tests.integration.intake.test_exports import as_csv

USCC = "91370211MA3C0X0X01"
CODE = "2601-370211-04-01-123456"
NOBODY = "00000000-0000-4000-8000-000000000001"


async def found(http: httpx.AsyncClient, path: str = "/v1/projects", *, of: str = "name", **asked: Any) -> list[Any]:
    answer = await http.get(path, params=asked)
    assert answer.status_code == 200, answer.text
    return [item[of] for item in answer.json()["items"]]


@pytest.mark.parametrize(
    ("typed", "names"),
    [
        ("显示", ["甲 ＯＬＥＤ显示（二期）项目", "丙显示"]),
        ("oled 二期", ["甲 ＯＬＥＤ显示（二期）项目"]),
        ("甲ｏｌｅｄ　显示(二", ["甲 ＯＬＥＤ显示（二期）项目"]),
        ("p-2", ["乙100%_材料"]),
        ("显示 材料", []),
        ("100%", ["乙100%_材料"]),
        ("_", ["乙100%_材料"]),
        ("1%材", []),
        ("示例铝业", ["乙100%_材料"]),
        ("材料 铝业", ["乙100%_材料"]),
        (USCC.lower(), ["乙100%_材料"]),
        ("370211-04-01", ["丙显示"]),
        ("２６０１-370211 丙", ["丙显示"]),
        (" 　", ["甲 ＯＬＥＤ显示（二期）项目", "乙100%_材料", "丙显示"]),
    ],
)
async def test_projects_are_found_by_words(office: Office, bureau: str, typed: str, names: list[str]) -> None:
    await office.project(bureau, code="P-1", name="甲 ＯＬＥＤ显示（二期）项目")
    investor = {"investor_name": "示例 铝业", "investor_uscc": USCC}
    await office.project(bureau, code="P-2", name="乙100%_材料", profile=investor)
    await office.project(bureau, code="P-3", name="丙显示", profile={"national_code": CODE})
    assert await found(office.http, q=typed) == names


async def test_pages_of_what_was_found_go_on_in_order_of_codes(office: Office, bureau: str) -> None:
    for number in range(5):
        await office.project(bureau, code=f"P-{number}", name=f"{'显示' if number != 2 else '材料'}{number}")
    first = (await office.http.get("/v1/projects", params={"q": "显示", "limit": 2})).json()
    rest = await found(office.http, q="显示", after=first["next_after"])
    assert [item["name"] for item in first["items"]] + rest == ["显示0", "显示1", "显示3", "显示4"]


async def test_projects_are_narrowed_by_their_fields_and_a_file_has_the_same(office: Office, bureau: str) -> None:
    other = (await office.make("/v1/organisations", name="新型显示产业园"))["id"]
    signed = {"stage": "signed", "signed_on": "2024-02-01", "total_investment_wan": 50_000}
    parent = await office.project(bureau, code="A", name="甲", **signed)
    profile = {
        "capital_source": "foreign",
        "park_id": other,
        "lead_org_id": bureau,
        "assisting_org_ids": [other],
        "parent_project_id": parent["id"],
    }
    started = {"stage": "started", "signed_on": "2024-03-01", "started_on": "2025-01-01"}
    await office.project(bureau, code="B", name="乙", kind="expansion", profile=profile, **started)
    await office.project(bureau, code="C", name="丙", profile={"capital_source": "domestic"})
    both, expansion = ["甲", "乙"], ["乙"]
    for asked, names in (
        ({"kind": "expansion"}, expansion),
        ({"capital_source": "domestic"}, ["丙"]),
        ({"park_id": other}, expansion),
        ({"lead_org_id": bureau}, expansion),
        ({"assisting_org_id": other}, expansion),
        ({"assisting_org_id": bureau}, []),
        ({"parent_project_id": parent["id"]}, expansion),
        ({"total_investment_from_wan": 50_001}, ["乙", "丙"]),
        ({"total_investment_from_wan": 50_000, "total_investment_to_wan": 50_000}, ["甲"]),
        ({"signed_from": "2024-02-01", "signed_until": "2024-03-01"}, both),
        ({"signed_from": "2024-02-02"}, expansion),
        ({"signed_until": "2024-02-29"}, ["甲"]),
        ({"started_from": "2025-01-01", "started_until": "2025-01-01"}, expansion),
        ({"started_until": "2024-12-31"}, []),
        ({"signed_from": "2024-02-01", "q": "乙", "capital_source": "foreign", "list": "building"}, expansion),
        ({"list": "signed", "chain": "DISPLAY", "responsible_org_id": bureau, "hold_status": "active"}, ["甲"]),
        ({"park_id": NOBODY}, []),
    ):
        assert await found(office.http, **asked) == names, asked
        assert [row[1] for row in (await as_csv(office.http, "projects", **asked))[1:]] == names, asked
        workbook = await office.http.get("/v1/projects/workbook", params=asked)
        sheet = load_workbook(io.BytesIO(workbook.content)).worksheets[0]
        cells = {cell for row in sheet.iter_rows(values_only=True) for cell in row}
        assert cells & {"甲", "乙", "丙"} == set(names), asked


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (
            {"total_investment_from_wan": 20_000, "total_investment_to_wan": 5000},
            "总投资的下限2亿元不能大于上限5000万元",
        ),
        (
            {"signed_from": "2026-01-02", "signed_until": "2026-01-01"},
            "签约时间的起始日2026-01-02不能晚于截止日2026-01-01",
        ),
        ({"started_from": "2026-01-02", "started_until": "2026-01-01"}, "开工时间的起始日"),
        ({"q": "一 二 三 四 五 六 七 八 九 十 百"}, "一次最多查找10个词"),
    ],
)
async def test_what_contradicts_itself_is_refused(http: httpx.AsyncClient, asked: dict[str, Any], words: str) -> None:
    for path in ("/v1/projects", "/v1/exports/projects", "/v1/projects/workbook"):
        answer = await http.get(path, params=asked)
        assert answer.status_code == 422, answer.text
        assert words in answer.json()["detail"]
        assert answer.json()["field"] in asked


async def test_words_of_a_changed_name_or_investor_hit_at_once(office: Office, bureau: str) -> None:
    project = await office.project(bureau, name="旧名称", profile={"investor_name": "某公司"})
    path = f"/v1/projects/{project['id']}"
    revised = await office.http.patch(path, json={"name": "新名称"}, headers={"if-match": f'"{project["version"]}"'})
    version = revised.headers["etag"]
    await office.http.patch(f"{path}/profile", json={"investor_name": None}, headers={"if-match": version})
    assert [await found(office.http, q=word) for word in ("旧名", "某公司", "新名")] == [[], [], ["新名称"]]


async def test_organisations_people_posts_and_enterprises_are_found_by_words(office: Office, bureau: str) -> None:
    http = office.http
    organisation = (await http.get(f"/v1/organisations/{bureau}")).json()
    renamed = {"name": "区商务 和投资促进局", "from_day": "2026-01-05"}
    answer = await http.patch(
        f"/v1/organisations/{bureau}", json=renamed, headers={"if-match": f'"{organisation["version"]}"'}
    )
    assert answer.status_code == 200, answer.text
    await office.make("/v1/organisations", name="区工信局")
    for typed, names in (("商务和投资", [renamed["name"]]), ("区商务局", [renamed["name"]]), ("工信", ["区工信局"])):
        assert await found(http, "/v1/organisations", q=typed) == names
    await office.post_held_by("欧阳 娜", org=bureau, title="８号专员")
    await office.post_held_by("张伟", org=bureau, title="9号专员")
    assert await found(http, "/v1/people", q="阳娜") == ["欧阳 娜"]
    for typed in ("8号", "欧阳娜", "商务 8"):
        assert await found(http, "/v1/posts", of="title", q=typed) == ["８号专员"]
    assert len(await found(http, "/v1/posts", q="投资促进", of="title")) == 2
    await office.make("/v1/enterprises", uscc="91350100M000100Y43", name="示例（青岛）显示有限公司")
    for typed in ("青岛 显示", "示例(青岛)", "m000100y43"):
        assert await found(http, "/v1/enterprises", q=typed) == ["示例（青岛）显示有限公司"]
    assert await found(http, "/v1/enterprises", q="%") == []


async def test_requests_leads_entries_and_measures_are_found_by_words(office: Office, bureau: str) -> None:
    http, chain = office.http, str(DISPLAY)
    asking = {"chain_id": chain, "uscc": "91350100M000100Y43", "text": "请协调", "enterprise_name": "示例光电"}
    await office.make("/v1/requests", title="用电 增容", **asking)
    await office.make("/v1/requests", title="用工", **asking)
    assert await found(http, "/v1/requests", of="title", q="用电增容 光电") == ["用电 增容"]
    assert [row[0] for row in (await as_csv(http, "requests", q="用工"))[1:]] == ["用工"]

    lead = {"chain_id": chain, "responsible_org_id": bureau, "found_on": "2026-01-05"}
    await office.make("/v1/leads", name="驱动芯片", firm="Ｎｏｒｔｈ Displays", **lead)
    await office.make("/v1/leads", name="偏光片", firm="South", **lead)
    assert await found(http, "/v1/leads", q="芯片 northdis") == ["驱动芯片"]
    assert [row[0] for row in (await as_csv(http, "promotion/lead", q="south"))[1:]] == ["偏光片"]

    project = await office.project(bureau, code="P-7", name="显示面板 二期")
    entries = "/v1/registers/key_technologies/entries"
    fields = {"problem": "受制于人", "lead_org": "示例研究院", "finish_on": "2026-12-31"}
    partners = [{"name": "示例大学"}]
    body = {"chain_id": chain, "year": 2026}
    made = await office.make(entries, **body, fields={**fields, "name": "甲", "project": project["id"]})
    await office.make(entries, **body, fields={**fields, "name": "乙", "partners": partners})
    for typed, name in (("面板二期", "甲"), ("p-7 研究院", "甲"), ("大学", "乙")):
        shown = (await http.get(entries, params={"q": typed})).json()["items"]
        assert [item["fields"]["name"] for item in shown] == [name], typed
    for typed in (made["fields"]["project"][:8], "name"):
        assert (await http.get(entries, params={"q": typed})).json()["items"] == []

    post = await office.post_held_by("张伟", org=bureau)
    due = {"due_on": "2026-06-30", "responsible_post_id": post, "source_document": "运行机制"}
    aspect = (await http.get("/v1/measures/aspects")).json()["items"][0]["aspect"]
    await office.make("/v1/measures", number=1, aspect=aspect, text="建立 专班例会", **due)
    await office.make("/v1/measures", number=2, aspect=aspect, text="梳理图谱", **due)
    assert await found(http, "/v1/measures", of="number", q="专班例会 机制") == [1]


@pytest.mark.parametrize("name", ["ＯＬＥＤ ８.5代（二期）", "①%_\\“引号”", "\u3000Äß\u200bé ﬁ", "Ⅲ㎡　Ｘ"])
async def test_the_database_compares_as_the_words_do(engine: AsyncEngine, name: str) -> None:
    async with transaction(engine) as conn:
        made = (await conn.execute(text("SELECT search_form(:name)"), {"name": name})).scalar_one()
    assert made == search_form(name)
