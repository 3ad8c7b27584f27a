"""S3: chains renamed, split, merged and handed over in mid-period; anchor enterprises; the map of a chain."""

import io
from typing import Any
from uuid import UUID

import httpx
import openpyxl
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from services.intake.domain.uscc import check_sign
from shared.contracts.ids import chain_id
from shared.contracts.programme import ChainSplit, PostChainsAssigned
from shared.contracts.projects import ProjectRevised
from shared.contracts.topics import EVENT_TYPES
from shared.kit.log import eventlog
from shared.kit.web.security import Role
from tests.integration.intake.conftest import DISPLAY, Office, a_token
from tests.integration.intake.striking import strike_off
from tests.support.clock import MovableClock

AUTO = chain_id("AUTO")
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def a_code(number: int) -> str:
    first = f"91370211MA3C{number:05d}"
    return first + check_sign(first)


async def chain_of(office: Office, id: object) -> dict[str, Any]:
    (found,) = [one for one in (await office.http.get("/v1/chains")).json()["items"] if one["id"] == str(id)]
    return dict(found)


async def change(office: Office, path: str, version: int, **body: Any) -> httpx.Response:
    return await office.http.post(path, json=body, headers={"if-match": f'"{version}"'})


async def a_post(office: Office, unit: str, title: str, *chains: object, tier: str = "chief") -> str:
    body = {"title": title, "tier": tier, "organisation_id": unit, "chain_ids": [str(one) for one in chains]}
    post = await office.make("/v1/posts", **body, established_on="2025-01-01")
    person = await office.make("/v1/people", name=f"{title}其人", organisation_id=unit)
    await office.make(f"/v1/posts/{post['id']}:assume", person_id=person["id"], from_day="2025-01-01")
    return str(post["id"])


async def responsible(office: Office, chain: object, day: str) -> httpx.Response:
    return await office.http.get(f"/v1/chains/{chain}/responsible", params={"on": day})


async def chiefs(office: Office, chain: object, day: str) -> list[str]:
    tiers = (await responsible(office, chain, day)).json()["tiers"]
    return [post["title"] for tier in tiers if tier["tier"] == "chief" for post in tier["posts"]]


async def history(engine: AsyncEngine, id: str) -> list[eventlog.LoggedFact]:
    async with engine.connect() as conn:
        return await eventlog.history(UUID(id), conn=conn)


async def test_a_chain_is_renamed_from_a_day_on_and_the_days_before_know_it_as_it_was(office: Office) -> None:
    path = f"/v1/chains/{DISPLAY}"
    body = {"name": "新型显示与光电", "category": "traditional_manufacturing", "from_day": "2026-01-01"}
    renamed = await office.http.patch(path, json=body, headers={"if-match": '"1"'})
    assert (renamed.json()["name"], renamed.json()["since"]) == ("新型显示与光电", "2026-01-01")
    before, after = [(await responsible(office, DISPLAY, day)).json() for day in ("2025-12-31", "2026-01-01")]
    assert (before["name"], before["category"]) == ("新型显示", "emerging_manufacturing")
    assert (after["name"], after["category"]) == ("新型显示与光电", "traditional_manufacturing")
    taken = await office.http.post("/v1/chains", json={"code": "SHOW", "name": "新型显示"})
    assert taken.status_code == 409
    future = {"name": "光电", "from_day": "2026-01-06"}
    assert (await office.http.patch(path, json=future, headers={"if-match": '"2"'})).status_code == 422


async def test_a_chain_is_split_its_projects_go_over_and_past_days_stay_as_they_were(
    office: Office, bureau: str, engine: AsyncEngine, clock: MovableClock
) -> None:
    chief = await a_post(office, bureau, "链长", DISPLAY)
    stays, goes = await office.project(bureau), await office.project(bureau, name="模组项目")
    clock.move("2026-03-02T09:00+08:00")
    body: dict[str, Any] = {"from_day": "2026-03-01", "reason": "优化调整部分产业链"}
    part = {"code": "MODULE", "name": "显示模组", "project_ids": [goes["id"]]}
    stranger = {**part, "project_ids": ["00000000-0000-4000-8000-000000000000"]}
    path = f"/v1/chains/{DISPLAY}:split"
    assert (await change(office, path, 1, **body, parts=[stranger])).status_code == 422
    left = await change(office, path, 1, **body, parts=[part], close=True)
    assert (left.status_code, left.json()["left"]) == (422, 1)
    done = await change(office, path, 1, **body, parts=[part])
    assert done.status_code == 200, done.text
    assert (done.json()["projects"], done.json()["posts"]) == (1, [chief])

    module = chain_id("MODULE")
    assert (await office.http.get(f"/v1/projects/{goes['id']}")).json()["chain_id"] == str(module)
    assert (await office.http.get(f"/v1/projects/{stays['id']}")).json()["chain_id"] == str(DISPLAY)
    assert (await chain_of(office, module))["opened_from"] == "2026-03-01"
    assert await chiefs(office, module, "2026-03-01") == ["链长"]
    early = await responsible(office, module, "2026-02-28")
    assert (early.status_code, early.json()["opened_from"]) == (404, "2026-03-01")

    facts = await history(engine, goes["id"])
    moved = ProjectRevised.model_validate_json(facts[-1].data)
    assert (moved.chain_id, str(moved.chain_since)) == (module, "2026-03-01")
    (split,) = [fact for fact in await history(engine, str(DISPLAY)) if EVENT_TYPES[fact.type] is ChainSplit]
    assert ChainSplit.model_validate_json(split.data).into == (module,)
    async with engine.connect() as conn:
        rows = await conn.execute(text("SELECT project_id, until_day, chain_id FROM project_former_chain"))
        assert [(str(project), str(day), chain) for project, day, chain in rows] == [
            (goes["id"], "2026-02-28", DISPLAY)
        ]


async def test_a_closed_chain_takes_nothing_more_and_leads_to_its_successors(
    office: Office, bureau: str, clock: MovableClock
) -> None:
    await a_post(office, bureau, "链长", DISPLAY)
    project = await office.project(bureau)
    await strike_off(office.http, (await office.project(bureau, name="虚报项目"))["id"])
    firm = await office.make("/v1/enterprises", uscc=a_code(1), name="示例显示公司", chain_ids=[str(DISPLAY)])
    await office.make(f"/v1/enterprises/{firm['id']}:name-anchor", chain_id=str(DISPLAY), from_day="2025-01-01")
    park = await office.make("/v1/parks", name="新型显示产业园", chain_ids=[str(DISPLAY)])
    clock.move("2026-03-02T09:00+08:00")
    body = {"into": str(AUTO), "from_day": "2026-03-01", "reason": "并链"}
    own = await change(office, f"/v1/chains/{DISPLAY}:merge", 1, **{**body, "into": str(DISPLAY)})
    assert own.status_code == 409
    done = await change(office, f"/v1/chains/{DISPLAY}:merge", 1, **body)
    assert (done.status_code, done.json().get("projects")) == (200, 1), done.text
    closed = await chain_of(office, DISPLAY)
    assert (closed["closed_from"], closed["successor_ids"]) == ("2026-03-01", [str(AUTO)])

    assert (await office.http.get(f"/v1/projects/{project['id']}")).json()["chain_id"] == str(AUTO)
    again = {"name": "新项目", "chain_id": str(DISPLAY), "responsible_org_id": bureau, "total_investment_wan": 10000}
    refused = await office.http.post("/v1/projects", json=again)
    assert (refused.status_code, refused.json()["field"]) == (422, "chain_id")
    assert "已撤并" in refused.json()["detail"]
    batch = await office.http.post("/v1/facts:batch", json={"items": [{"operation": "record_project", **again}]})
    assert batch.status_code == 422
    back = await office.http.patch(
        f"/v1/projects/{project['id']}", json={"chain_id": str(DISPLAY)}, headers={"if-match": '"2"'}
    )
    assert back.status_code == 422
    post = {"title": "新链长", "tier": "chief", "organisation_id": bureau, "chain_ids": [str(DISPLAY)]}
    assert (await office.http.post("/v1/posts", json=post)).status_code == 409
    assert (await change(office, f"/v1/chains/{DISPLAY}:merge", 2, **body)).status_code == 409

    assert await chiefs(office, AUTO, "2026-03-01") == ["链长"]
    assert await chiefs(office, DISPLAY, "2026-02-28") == ["链长"]
    anchors = (await office.http.get("/v1/enterprises", params={"anchor": True, "chain_id": str(AUTO)})).json()
    assert [one["name"] for one in anchors["items"]] == ["示例显示公司"]
    before = (await responsible(office, DISPLAY, "2026-02-28")).json()["anchor_enterprises"]
    assert [one["uscc"] for one in before] == [a_code(1)]
    parks = (await office.http.get(f"/v1/parks/{park['id']}")).json()
    assert [one["name"] for one in parks["chains"]] == ["汽车"]


async def test_a_chain_is_handed_to_another_chief_with_what_is_open_of_its_work(
    office: Office, bureau: str, engine: AsyncEngine, clock: MovableClock
) -> None:
    giving = await a_post(office, bureau, "专班甲", DISPLAY, AUTO, tier="task_force")
    taking = await a_post(office, bureau, "专班乙", chain_id("IC"), tier="task_force")
    other = await a_post(office, bureau, "链长", DISPLAY)
    line = {"name": "签订合同", "due_on": "2026-04-30", "responsible_post_id": giving, "stage": "signed"}
    here = await office.project(bureau, milestones=[line, {**line, "name": "交地", "stage": None}])
    elsewhere = await office.project(bureau, name="整车项目", chain_id=str(AUTO), milestones=[line])
    met = next(one["id"] for one in here["milestones"] if one["name"] == "交地")
    await office.make(f"/v1/projects/{here['id']}/milestones/{met}:meet", met_on="2026-01-05")
    clock.move("2026-03-02T09:00+08:00")
    path = f"/v1/chains/{DISPLAY}:hand-over"
    body = {"from_post_id": giving, "to_post_id": taking, "from_day": "2026-03-01", "reason": "链长分工调整"}
    wrong = await office.http.post(path, json={**body, "to_post_id": other})
    assert (wrong.status_code, wrong.json()["field"]) == (409, "to_post_id")
    done = await office.make(path, **body)
    assert (done["lines"], done["projects"]) == (1, 1)

    async def posts_of(project: dict[str, Any]) -> dict[str, str]:
        shown = (await office.http.get(f"/v1/projects/{project['id']}")).json()
        return {one["name"]: one["responsible_post_id"] for one in shown["milestones"]}

    assert await posts_of(here) == {"签订合同": taking, "交地": giving}
    assert await posts_of(elsewhere) == {"签订合同": giving}

    async def forces(chain: object, day: str) -> list[str]:
        tiers = (await responsible(office, chain, day)).json()["tiers"]
        return [post["title"] for tier in tiers if tier["tier"] == "task_force" for post in tier["posts"]]

    listed = [
        [post["title"] for post in (await office.http.get("/v1/posts", params=params)).json()["items"]]
        for params in (
            {"chain": "DISPLAY", "tier": "task_force", "on": "2026-02-28"},
            {"chain": "DISPLAY", "tier": "task_force"},
        )
    ]
    assert listed == [["专班甲"], ["专班乙"]]
    assert await forces(DISPLAY, "2026-02-28") == ["专班甲"]
    assert await forces(DISPLAY, "2026-03-01") == ["专班乙"]
    assert await forces(AUTO, "2026-03-01") == ["专班甲"]
    (fact,) = [one for one in await history(engine, giving) if EVENT_TYPES[one.type] is PostChainsAssigned]
    assert PostChainsAssigned.model_validate_json(fact.data).chain_ids == (AUTO,)


async def test_a_filing_that_is_open_goes_with_the_chain_to_the_other_post(office: Office, bureau: str) -> None:
    giving = await a_post(office, bureau, "专班甲", DISPLAY, tier="task_force")
    taking = await a_post(office, bureau, "专班乙", AUTO, tier="task_force")
    filings = "/v1/registers/key_technologies/filings"
    await office.make(filings, year=2026, chain_ids=[str(DISPLAY)], due_on="2026-06-30", responsible_post_id=giving)
    done = await office.make(
        f"/v1/chains/{DISPLAY}:hand-over",
        from_post_id=giving,
        to_post_id=taking,
        from_day="2026-01-05",
        reason="分工调整",
    )
    assert done["filings"] == 1
    (filing,) = (await office.http.get(filings)).json()["items"]
    assert filing["task"]["responsible_post_id"] == taking


async def test_needs_reports_and_requests_go_with_the_chain_to_the_other_post(office: Office, bureau: str) -> None:
    giving = await a_post(office, bureau, "专班甲", DISPLAY, AUTO, tier="task_force")
    taking = await a_post(office, bureau, "专班乙", chain_id("IC"), tier="task_force")
    here = await office.project(bureau)
    elsewhere = await office.project(bureau, name="整车项目", chain_id=str(AUTO))
    need = {"kind": "land", "text": "新增用地30亩", "raised_on": "2026-01-02", "due_on": "2026-03-31"}
    for project in (here, elsewhere):
        path = f"/v1/projects/{project['id']}"
        await change(office, f"{path}/needs", project["version"], **need, responsible_post_id=giving)
        await office.http.patch(f"{path}/profile", json={"reporting_post_id": giving}, headers={"if-match": '"2"'})
    asked = {"title": "用地指标不足", "text": "二期厂房需要用地", "enterprise_name": "示例公司"}
    requests = [
        (await office.make("/v1/requests", **asked, chain_id=str(chain), uscc=a_code(number)))["id"]
        for number, chain in enumerate((DISPLAY, DISPLAY, DISPLAY, AUTO))
    ]
    for id in (requests[0], requests[3]):
        await office.make(f"/v1/requests/{id}:assign", responsible_post_id=giving, due_on="2026-01-20")
    problem = await office.make(
        "/v1/common-problems", title="用地", request_ids=requests[1:3], due_on="2026-01-30", responsible_post_id=giving
    )

    body = {"from_post_id": giving, "to_post_id": taking, "from_day": "2026-01-05", "reason": "链长分工调整"}
    done = await office.make(f"/v1/chains/{DISPLAY}:hand-over", **body)
    assert {name: done[name] for name in ("projects", "needs", "reporting", "requests", "problems")} == {
        "projects": 1, "needs": 1, "reporting": 1, "requests": 3, "problems": 1,
    }  # fmt: skip

    async def posts_of(project: dict[str, Any]) -> tuple[str, str]:
        path = f"/v1/projects/{project['id']}"
        (need,) = (await office.http.get(f"{path}/needs")).json()["items"]
        profile = (await office.http.get(f"{path}/profile")).json()
        return need["responsible_post_id"], profile["reporting_post_id"]

    assert await posts_of(here) == (taking, taking)
    assert await posts_of(elsewhere) == (giving, giving)
    shown = [(await office.http.get(f"/v1/requests/{id}")).json() for id in requests]
    assert [one["responsible_post_id"] for one in shown] == [taking, taking, taking, giving]
    assert [(one["due_on"], one["problem_id"]) for one in shown] == [
        ("2026-01-20", None),
        ("2026-01-30", problem["id"]),
        ("2026-01-30", problem["id"]),
        ("2026-01-20", None),
    ]
    answered = await office.make(f"/v1/common-problems/{problem['id']}:answer", answer="已落实指标")
    assert (answered["responsible_post_id"], answered["requests"]) == (taking, {"answered": 2})
    texts = [
        fact["text"]
        for path in (f"common-problems/{problem['id']}", f"requests/{requests[0]}", f"projects/{here['id']}")
        for fact in (await office.http.get(f"/v1/{path}/history")).json()["items"]
    ]
    assert {
        "改由专班乙办理：链长分工调整",
        "交区商务局办理，责任岗位：专班乙，2026-01-20前答复，来源：工作计划，链长分工调整",
        "要素保障需求改由专班乙负责",
        "报送岗位：专班乙",
    } <= set(texts)


async def test_a_chain_with_many_projects_is_merged_in_one_go(office: Office, bureau: str) -> None:
    items = [
        {
            "operation": "record_project",
            "name": f"项目{number}",
            "chain_id": str(DISPLAY),
            "responsible_org_id": bureau,
            "total_investment_wan": 10000,
        }
        for number in range(500)
    ]
    assert (await office.http.post("/v1/facts:batch", json={"items": items})).status_code == 200
    body = {"into": str(AUTO), "from_day": "2026-01-05", "reason": "并链"}
    done = await change(office, f"/v1/chains/{DISPLAY}:merge", 1, **body)
    assert (done.status_code, done.json()["projects"]) == (200, 500)
    listed = (await office.http.get("/v1/projects", params={"chain": "AUTO", "limit": 1})).json()
    assert listed["items"][0]["chain_id"] == str(AUTO)


async def test_an_enterprise_is_known_by_a_code_that_checks_and_is_anchor_from_day_to_day(office: Office) -> None:
    wrong = a_code(7)[:17] + ("1" if a_code(7)[17] == "0" else "0")
    bad = await office.http.post("/v1/enterprises", json={"uscc": wrong, "name": "示例公司"})
    assert (bad.status_code, bad.json()["field"]) == (422, "uscc")
    assert "校验位" in bad.json()["detail"]
    made = await office.make("/v1/enterprises", uscc=f" {a_code(7).lower()} ", name="示例公司")
    assert made["uscc"] == a_code(7)
    again = await office.http.post("/v1/enterprises", json={"uscc": a_code(7), "name": "另名"})
    assert (again.status_code, again.json()["id"]) == (409, made["id"])
    path = f"/v1/enterprises/{made['id']}"
    named = await office.make(f"{path}:name-anchor", chain_id=str(DISPLAY), from_day="2026-01-01")
    assert named["chain_ids"] == [str(DISPLAY)]
    twice = await office.http.post(f"{path}:name-anchor", json={"chain_id": str(DISPLAY), "from_day": "2026-01-02"})
    assert twice.status_code == 409
    leaving = await office.http.patch(path, json={"chain_ids": []}, headers={"if-match": f'"{named["version"]}"'})
    assert leaving.status_code == 409
    await office.make(f"{path}:release-anchor", chain_id=str(DISPLAY), from_day="2026-01-04", reason="调整")
    of_chain = (await office.http.get("/v1/enterprises", params={"chain_id": str(DISPLAY), "name": "示例"})).json()
    assert [one["id"] for one in of_chain["items"]] == [made["id"]]
    query = {"anchor": "true", "chain_id": str(DISPLAY)}
    on = [
        [one["name"] for one in (await office.http.get("/v1/enterprises", params={**query, "on": day})).json()["items"]]
        for day in ("2025-12-31", "2026-01-03", "2026-01-04")
    ]
    assert on == [[], ["示例公司"], []]
    told = [fact["text"] for fact in (await office.http.get(f"{path}/history")).json()["items"]]
    assert told[-1] == "2026-01-04起不再是新型显示产业链的链主企业：调整"


async def test_the_map_of_a_chain_is_a_graph_of_segments(office: Office) -> None:
    path = f"/v1/chains/{DISPLAY}/map"
    assert (await office.http.get(path)).json()["segments"] == []
    segments = [
        {"name": "材料", "position": "upstream"},
        {
            "name": "玻璃基板",
            "position": "upstream",
            "parent": "材料",
            "supplies": ["面板"],
            "gaps": ["高世代线"],
            "target_firms": [{"name": "示例玻璃公司", "uscc": a_code(3)}],
        },
        {"name": "面板", "position": "midstream", "strengths": ["已投产两条线"]},
    ]
    drawn = await office.make(f"{path}/segments", segments=segments)
    by_name = {one["name"]: one for one in drawn["segments"]}
    assert by_name["玻璃基板"]["parent_id"] == by_name["材料"]["id"]
    assert drawn["edges"] == [[by_name["玻璃基板"]["id"], by_name["面板"]["id"]]]
    circle = {"segments": [{"name": "材料", "parent": "玻璃基板"}]}
    refused = await office.http.post(f"{path}/segments", json=circle)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "#/segments/0/parent")
    named = await office.make(f"{path}/segments", segments=[{"id": by_name["材料"]["id"], "name": "上游材料"}])
    assert "上游材料" in {one["name"] for one in named["segments"]}
    held = await office.http.post(f"{path}/segments/{by_name['材料']['id']}:remove")
    assert held.status_code == 409
    await office.make(f"{path}/segments/{by_name['面板']['id']}:remove")
    assert (await office.http.get(path)).json()["edges"] == []
    told = (await office.http.get(f"{path}/history")).json()["items"]
    assert told[1]["text"] == "环节“玻璃基板”（上游），短板：高世代线，目标企业：示例玻璃公司"


async def test_a_map_is_exported_edited_and_imported_with_only_the_edits(office: Office) -> None:
    path = f"/v1/chains/{DISPLAY}/map"
    segments = [
        {"name": "材料", "position": "upstream", "gaps": ["光刻胶", "靶材"]},
        {"name": "面板", "position": "midstream", "parent": "材料"},
    ]
    await office.make(f"{path}/segments", segments=segments)
    book = openpyxl.load_workbook(io.BytesIO((await office.http.get(f"{path}/workbook")).content))
    sheet = book.worksheets[0]
    heading = {str(cell.value).lstrip("*"): cell.column for cell in sheet[1]}
    sheet.cell(3, heading["优势"], "已投产两条线")
    sheet.cell(4, heading["环节名称"], "整机")
    sheet.cell(4, heading["位置"], "下游")
    sheet.cell(4, heading["上级环节"], "面板")
    sheet.cell(5, heading["环节名称"], "设备")
    sheet.cell(5, heading["位置"], "上游")
    sheet.cell(5, heading["上级环节"], "没有的环节")
    out = io.BytesIO()
    book.save(out)

    async def take(**params: str) -> dict[str, Any]:
        answer = await office.http.post(
            f"{path}/imports", params=params, content=out.getvalue(), headers={"content-type": XLSX}
        )
        assert answer.status_code == 200, answer.text
        taken: dict[str, Any] = answer.json()
        return taken

    said = await take(dry_run="true")
    assert [row["outcome"] for row in said["rows"]] == ["unchanged", "changed", "recorded", "refused"]
    assert said["version"] == 2
    done = await take()
    assert (done["recorded"], done["changed"], done["unchanged"], done["refused"]) == (1, 1, 1, 1)
    (refusal,) = done["rows"][3]["reasons"]
    assert (refusal["column"], refusal["reason"]) == ("上级环节", "没有上级环节“没有的环节”")
    assert done["version"] == 4
    shown = {one["name"]: one for one in (await office.http.get(path)).json()["segments"]}
    assert (shown["面板"]["strengths"], shown["材料"]["gaps"]) == (["已投产两条线"], ["光刻胶", "靶材"])
    assert (await take())["unchanged"] == 3


async def a_clerk_of(office: Office, unit: str, chain: object) -> dict[str, str]:
    """The headers of somebody who holds a post of this chain."""
    body = {"title": f"专班{chain}", "tier": "task_force", "organisation_id": unit, "chain_ids": [str(chain)]}
    post = await office.make("/v1/posts", **body)
    person = await office.make("/v1/people", name="张伟", organisation_id=unit)
    await office.make(f"/v1/posts/{post['id']}:assume", person_id=person["id"], from_day="2026-01-01")
    return {"authorization": f"Bearer {a_token(Role.CLERK, subject='z', person=person['id'])}"}


async def test_a_clerk_of_one_chain_does_not_write_for_another(office: Office, bureau: str) -> None:
    clerk = await a_clerk_of(office, bureau, AUTO)
    assistant = (await office.make("/v1/people", name="李强", organisation_id=bureau))["id"]
    day, why = {"from_day": "2026-01-05"}, {"reason": "调整"}

    async def answers(number: int, chain: object) -> dict[str, int]:
        post = await a_post(office, bureau, f"副链长{number}", chain, tier="deputy_chief")
        holder = (await office.http.get(f"/v1/posts/{post}/holder")).json()["holder"]["person_id"]
        body = {"name": f"专班单位{number}", "kind": "chain", "set_up_on": "2026-01-01", "chain_ids": [str(chain)]}
        force = await office.make("/v1/task-forces", **body)
        new = {
            "title": "办公室",
            "tier": "task_force_office",
            "organisation_id": force["id"],
            "chain_ids": [str(chain)],
        }
        leave = {"from_day": "2026-03-01", "until_day": "2026-03-02", "delegate_id": assistant}
        term = {"person_id": assistant, "from_day": "2025-01-01"}
        asked: dict[str, tuple[str, str, dict[str, Any]]] = {
            "draw": (
                "POST",
                f"/v1/chains/{chain}/map/segments",
                {"segments": [{"name": "材料", "position": "upstream"}]},
            ),
            "establish": ("POST", "/v1/posts", new),
            "leave": ("POST", f"/v1/people/{holder}/leaves", leave),
            "assume": ("POST", f"/v1/posts/{post}:assume", {"person_id": assistant, **day}),
            "vacate": ("POST", f"/v1/posts/{post}:vacate", {"from_day": "2026-02-01"}),
            "correct": ("POST", f"/v1/posts/{post}:correct-terms", {"terms": [term], **why}),
            "set up": ("POST", "/v1/task-forces", {**body, "name": f"另一专班{number}"}),
            "members": ("PATCH", f"/v1/task-forces/{force['id']}", {"members": [{"organisation_id": bureau}]}),
            "dissolve": ("POST", f"/v1/task-forces/{force['id']}:dissolve", {**day, **why}),
            "park": ("POST", "/v1/parks", {"name": f"园区{number}", "chain_ids": [str(chain)]}),
            "rename": ("PATCH", f"/v1/chains/{chain}", {"name": f"新名{number}", **day}),
        }
        found = {}
        for name, (method, path, given) in asked.items():
            shown = await office.http.get(path.partition(":")[0])
            version = '"1"' if name == "rename" else shown.headers.get("etag")
            headers = {**clerk, "if-match": version} if version else clerk
            answer = await office.http.request(method, path, json=given, headers=headers)
            found[name] = answer.status_code
        return found

    assert set((await answers(1, AUTO)).values()) <= {200, 201}
    assert set((await answers(2, DISPLAY)).values()) == {403}
    into = {"into": str(DISPLAY), "from_day": "2026-01-05", "reason": "并链"}
    merged = await office.http.post(f"/v1/chains/{AUTO}:merge", json=into, headers={**clerk, "if-match": '"2"'})
    assert merged.status_code == 403


async def test_what_is_open_of_a_merged_chain_is_written_for_by_those_of_its_successor(
    office: Office, bureau: str
) -> None:
    clerk = await a_clerk_of(office, bureau, AUTO)
    raised = {
        "chain_id": str(DISPLAY),
        "uscc": a_code(5),
        "enterprise_name": "示例公司",
        "title": "用电",
        "text": "扩容",
    }
    request = await office.make("/v1/requests", **raised)
    post = await a_post(office, bureau, "专员", AUTO, tier="task_force_office")
    path = f"/v1/requests/{request['id']}:assign"
    given = {"due_on": "2026-02-01", "responsible_post_id": post}
    assert (await office.http.post(path, json=given, headers=clerk)).status_code == 403
    body = {"into": str(AUTO), "from_day": "2026-01-05", "reason": "并链"}
    assert (await change(office, f"/v1/chains/{DISPLAY}:merge", 1, **body)).status_code == 200
    assigned = await office.http.post(path, json=given, headers=clerk)
    assert assigned.status_code == 200, assigned.text


@pytest.mark.parametrize("role", list(Role))
async def test_clerks_and_operators_write_and_officials_read(http: httpx.AsyncClient, role: Role) -> None:
    headers = {"authorization": f"Bearer {a_token(role)}"}
    written = await http.post("/v1/enterprises", json={"uscc": a_code(9), "name": "示例公司"}, headers=headers)
    assert (written.status_code == 201) == (role in (Role.CLERK, Role.OPERATOR))
    assert (await http.get("/v1/enterprises", headers=headers)).status_code == (403 if role is Role.ENTERPRISE else 200)
