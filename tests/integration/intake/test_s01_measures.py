"""S1: measures in six aspects, each with 责任单位, due day, source and a timetable of its own.

The page does not print the texts of the 20 measures; those here are the test's own.
"""

import io
from typing import Any
from uuid import UUID

import httpx
import openpyxl
import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.contracts.registers import MeasureRecorded, TaskMet, TaskPlanned
from shared.contracts.topics import EVENT_TYPES
from shared.kit.log import eventlog
from shared.kit.web.security import Role
from tests.integration.intake.conftest import Office, a_token
from tests.support.clock import MovableClock
from tests.support.workbooks import saved, workbook

MEASURES = "/v1/measures"
ASPECTS = ("institutions", "positioning", "innovation", "investment", "clustering", "guarantees")


@pytest_asyncio.fixture
async def post(office: Office, bureau: str) -> str:
    return await office.post_held_by("张伟", org=bureau)


def body_of(post: str, **changes: Any) -> dict[str, Any]:
    return {
        "number": 1,
        "aspect": "institutions",
        "text": "试点措施甲",
        "due_on": "2026-06-30",
        "responsible_post_id": post,
        "source": "conference",
        "source_document": "《运行机制》",
        **changes,
    }


async def patch(office: Office, path: str, version: int, **body: Any) -> httpx.Response:
    return await office.http.patch(path, json=body, headers={"if-match": f'"{version}"'})


async def test_twenty_measures_stand_by_aspect_with_unit_post_day_and_source(
    office: Office, bureau: str, post: str, clock: MovableClock
) -> None:
    for number in range(1, 21):
        await office.make(
            MEASURES, **body_of(post, number=number, aspect=ASPECTS[number % 6], text=f"试点措施{number}")
        )
    first = (await office.http.get(MEASURES, params={"limit": 12})).json()
    rest = (await office.http.get(MEASURES, params={"limit": 12, "after": first["next_after"]})).json()
    assert [item["number"] for item in (*first["items"], *rest["items"])] == list(range(1, 21))
    one = first["items"][0]
    assert (one["aspect_name"], one["source_name"], one["source_document"]) == (
        "锚定卡位入链",
        "会议部署",
        "《运行机制》",
    )
    assert (one["task"]["responsible_org_name"], one["task"]["responsible_post_title"]) == ("区商务局", "项目专员")
    found = (await office.http.get(MEASURES, params={"aspect": "innovation", "organisation_id": bureau})).json()
    assert [item["number"] for item in found["items"]] == [2, 8, 14, 20]

    clock.move("2026-07-01T09:00+08:00")
    aspects = (await office.http.get(f"{MEASURES}/aspects")).json()["items"]
    assert [item["name"] for item in aspects] == [
        "健全体制机制",
        "锚定卡位入链",
        "深化创新驱动",
        "聚力项目引建",
        "突出聚核聚链",
        "抓实关键保障",
    ]
    assert sum(item["total"] for item in aspects) == sum(item["late"] for item in aspects) == 20


@pytest.mark.parametrize("missing", ["due_on", "responsible_post_id"])
async def test_a_measure_without_a_day_or_a_post_is_refused(office: Office, post: str, missing: str) -> None:
    body = body_of(post)
    del body[missing]
    refused = await office.http.post(MEASURES, json=body)
    assert (refused.status_code, refused.json()["field"]) == (422, missing)


async def test_a_number_stands_once_in_a_document(office: Office, post: str) -> None:
    made = await office.make(MEASURES, **body_of(post))
    again = await office.http.post(MEASURES, json=body_of(post, text="别的"))
    assert (again.status_code, again.json()["id"]) == (409, made["id"])
    await office.make(MEASURES, **body_of(post, source_document="《实施方案》"))


async def test_a_measure_has_a_timetable_and_is_done_after_its_steps(office: Office, bureau: str, post: str) -> None:
    made = await office.make(MEASURES, **body_of(post))
    path = f"{MEASURES}/{made['id']}"
    refused = await office.http.post(f"{path}/steps", json={"name": "印发方案", "due_on": "2026-03-31"})
    assert (refused.status_code, refused.json()["field"]) == (422, "responsible_post_id")
    step = {"name": "印发方案", "due_on": "2026-03-31", "responsible_post_id": post}
    with_step = await office.make(f"{path}/steps", **step)
    (shown,) = with_step["steps"]
    assert (shown["source_document"], shown["subject_name"]) == ("《运行机制》", "第1项措施：试点措施甲")
    assert (await office.http.post(f"{path}/steps", json=step)).status_code == 409

    early = await office.http.post(f"{path}:meet", json={"met_on": "2026-01-05"})
    assert (early.status_code, early.json()["type"]) == (409, "urn:liandu:problem:steps-open")
    other = await office.post_held_by("李娜", org=bureau, title="综合科科长")
    moved = await patch(
        office,
        f"{path}/steps/{shown['id']}",
        with_step["version"],
        due_on="2026-04-30",
        reason="征求意见",
        responsible_post_id=other,
    )
    assert (moved.json()["steps"][0]["due_on"], moved.json()["steps"][0]["responsible_post_id"]) == (
        "2026-04-30",
        other,
    )
    future = await office.http.post(f"{path}/steps/{shown['id']}:meet", json={"met_on": "2026-01-06"})
    assert future.status_code == 422
    await office.make(f"{path}/steps/{shown['id']}:meet", met_on="2026-01-05")
    done = await office.make(f"{path}:meet", met_on="2026-01-05")
    assert (done["task"]["status"], done["task"]["met_on"]) == ("met", "2026-01-05")
    assert (await office.http.post(f"{path}:cancel", json={"reason": "晚了"})).status_code == 409


async def test_a_measure_is_replanned_and_cancelled_with_reasons_and_its_history_tells(
    office: Office, post: str
) -> None:
    made = await office.make(MEASURES, **body_of(post))
    path = f"{MEASURES}/{made['id']}"
    await office.make(f"{path}/steps", name="印发方案", due_on="2026-03-31", responsible_post_id=post)
    silent = await patch(office, path, 3, due_on="2026-09-30")
    assert (silent.status_code, silent.json()["field"]) == (422, "reason")
    moved = await patch(office, path, 3, due_on="2026-09-30", reason="等待上级批复", text="试点措施甲（修订）")
    assert (moved.json()["task"]["due_on"], moved.json()["text"]) == ("2026-09-30", "试点措施甲（修订）")
    assert (await patch(office, path, 3, aspect="clustering")).status_code == 412
    gone = await office.make(f"{path}:cancel", reason="并入第2项")
    assert [gone["task"]["status"], *(step["status"] for step in gone["steps"])] == ["cancelled", "cancelled"]
    history = (await office.http.get(f"{path}/history")).json()["items"]
    assert [fact["text"] for fact in history] == [
        "登记第1项措施（健全体制机制）：试点措施甲，责任单位：区商务局，来源：会议部署（《运行机制》）",
        "确定时限：“试点措施甲”，2026-06-30前完成，责任岗位：项目专员，来源：会议部署（《运行机制》）",
        "列入时间表：“印发方案”，2026-03-31前完成，责任岗位：项目专员，来源：会议部署（《运行机制》）",
        "内容改为：试点措施甲（修订）",
        "“试点措施甲（修订）”时限调整为2026-09-30：等待上级批复",
        "“印发方案”取消：并入第2项",
        "“试点措施甲（修订）”取消：并入第2项",
    ]


async def test_what_is_due_of_a_measure_is_published_for_supervision(
    office: Office, post: str, engine: AsyncEngine
) -> None:
    made = await office.make(MEASURES, **body_of(post))
    await office.make(f"{MEASURES}/{made['id']}:meet", met_on="2026-01-05")
    async with engine.connect() as conn:
        facts = await eventlog.history(UUID(made["id"]), conn=conn)
    assert [EVENT_TYPES[fact.type] for fact in facts] == [MeasureRecorded, TaskPlanned, TaskMet]
    planned = TaskPlanned.model_validate_json(facts[1].data)
    assert (planned.task_id, planned.kind, planned.source) == (UUID(made["id"]), "measure", "conference")
    assert str(planned.responsible_post_id) == post
    assert planned.responsible_person_id is not None


@pytest.mark.parametrize("role", list(Role))
async def test_clerks_and_supervisors_write_and_officials_read(http: httpx.AsyncClient, post: str, role: Role) -> None:
    headers = {"authorization": f"Bearer {a_token(role)}"}
    written = await http.post(MEASURES, json=body_of(post), headers=headers)
    assert written.status_code == (201 if role in (Role.CLERK, Role.SUPERVISOR) else 403)
    assert (await http.get(MEASURES, headers=headers)).status_code == (403 if role is Role.ENTERPRISE else 200)


async def test_the_texts_are_imported_and_an_export_comes_back_with_what_was_edited(office: Office, post: str) -> None:
    heading = ("序号", "方面", "措施内容", "责任单位", "责任人", "完成时限", "出处文件")
    rows = [
        (n, "深化创新驱动", f"试点措施{n}", "区商务局", "项目专员", "2026年6月", "《运行机制》") for n in range(1, 21)
    ]
    bad = [(21, "别的方面", "试点措施21", "区商务局", "科长", None, "《运行机制》"), rows[0]]
    content = workbook({"措施": [("《运行机制》措施分解表",), heading, *rows, *bad]})

    async def upload(sheet: bytes, **params: str) -> dict[str, Any]:
        answer = await office.http.post(f"{MEASURES}/imports", params=params, content=sheet)
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    assert (await upload(content, dry_run="true"))["imported"] == 20
    taken = await upload(content)
    assert (taken["imported"], taken["refused"]) == (20, 2)
    assert {reason["cell"] for reason in taken["rows"][20]["reasons"]} == {"B23", "E23"}
    assert taken["rows"][21]["reasons"][0]["reason"] == "与“措施”第3行是同一措施，请只保留一行"
    assert (await office.http.get(taken["error_sheet"])).status_code == 200
    assert (await upload(content))["unchanged"] == 20

    exported = await office.http.get(f"{MEASURES}/workbook", params={"document": "《运行机制》"})
    assert (await upload(exported.content))["unchanged"] == 20
    book = openpyxl.load_workbook(io.BytesIO(exported.content))
    page = book["措施清单"]
    at = {cell.value: cell.column for cell in page[1]}
    page.cell(2, at["*措施内容"]).value = "试点措施1（修订）"
    page.cell(3, at["*完成时限"]).value = "2026年9月"
    page.cell(4, at["*完成时限"]).value = "2026年9月"
    page.cell(4, at["调整原因"]).value = "等待上级批复"
    edited = await upload(saved(book))
    assert [row["outcome"] for row in edited["rows"][:3]] == ["changed", "refused", "changed"]
    assert [row.get("changed") for row in edited["rows"][:3]] == [["措施内容"], None, ["完成时限"]]
    assert edited["rows"][1]["reasons"][0]["reason"] == "调整原因不能为空"
    (moved,) = edited["rows"][2]["changes"]
    assert (moved["name"], moved["old"], moved["new"]) == ("完成时限", "2026-06-30", "2026-09-30")
    items = (await office.http.get(MEASURES, params={"limit": 3})).json()["items"]
    assert [item["task"]["due_on"] for item in items] == ["2026-06-30", "2026-06-30", "2026-09-30"]
    template = openpyxl.load_workbook(io.BytesIO((await office.http.get(f"{MEASURES}/template")).content))
    assert [cell.value for cell in template["措施清单"][1]][:3] == ["*编号", "*方面", "*措施内容"]


async def test_more_measures_than_a_workbook_takes_are_refused_not_cut_off(
    office: Office, post: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2):
        await office.make(MEASURES, **body_of(post, number=number))
    monkeypatch.setattr("services.intake.api.registers.measure_workbook.MOST_ROWS", 1)
    refused = await office.http.get(f"{MEASURES}/workbook")
    assert (refused.status_code, refused.json()["detail"]) == (422, "一次最多导出1条措施供修改，请按出处文件分别导出")
