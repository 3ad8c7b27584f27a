"""Needs, corrections, reports, tasks, measures, registers, enterprises and common problems as CSV and xlsx."""

from typing import Any

import httpx
import pytest

from services.intake.domain.uscc import check_sign
from shared.contracts.ids import chain_id
from shared.kit.web.security import Role
from tests.integration.intake.conftest import DISPLAY, Office, a_token
from tests.integration.intake.test_promotion_exports import as_csv
from tests.support.clock import MovableClock

PATHS = (
    "needs",
    "corrections",
    "reports/2026-03",
    "tasks",
    "measures",
    "registers/key_technologies",
    "enterprises",
    "common-problems",
)
MEASURE = {"number": 1, "aspect": "institutions", "text": "试点措施甲", "due_on": "2026-06-30", "source": "conference"}


def a_uscc(number: int) -> str:
    first = f"91370211MA{number:07d}"
    return first + check_sign(first)


async def only(http: httpx.AsyncClient, path: str, **asked: str) -> dict[str, str]:
    (row,) = await as_csv(http, path, **asked)
    return row


async def test_needs_and_corrections_leave_with_their_projects(
    office: Office, bureau: str, clock: MovableClock
) -> None:
    post = await office.post_held_by("张伟", org=bureau)
    body = {"stage": "signed", "signed_on": "2026-01-02", "total_investment_wan": 5000}
    project = await office.project(bureau, name="面板项目", code="P-1", **body)
    path = f"/v1/projects/{project['id']}"
    need = {"kind": "land", "text": "用地30亩", "raised_on": "2026-01-05", "due_on": "2026-02-01"}
    await office.make(f"{path}/needs", **need, responsible_post_id=post)
    asked = {"kind": "replacement", "sequence": 1, "reason": "日期录错", "replacement": {"signed_on": "2026-01-03"}}
    await office.make(f"{path}/corrections", **asked)
    clock.move("2026-02-02T09:00+08:00")
    shown = await only(office.http, "needs", status="open")
    assert (shown["项目编号"], shown["项目名称"], shown["责任岗位"], shown["是否超期"]) == (
        "P-1",
        "面板项目",
        "项目专员",
        "超期",
    )
    assert await as_csv(office.http, "needs", status="met") == []
    correction = await only(office.http, "corrections", status="requested")
    assert (correction["项目编号"], correction["原记录"], correction["原因"], correction["状态"]) == (
        "P-1",
        "登记",
        "日期录错",
        "待审核",
    )


async def test_a_months_reports_leave_with_those_that_are_missing(office: Office, bureau: str) -> None:
    body = {"stage": "started", "signed_on": "2025-03-01", "started_on": "2025-06-01"}
    await office.project(bureau, name="在建项目", **body)
    row = await only(office.http, "reports/2025-12", submitted="false")
    assert (row["项目名称"], row["是否已报"], row["累计完成投资（万元）"]) == ("在建项目", "未报", "")
    assert await as_csv(office.http, "reports/2025-12", submitted="true") == []


async def test_measures_and_what_is_due_of_them_leave_with_post_day_and_source(office: Office, bureau: str) -> None:
    post = await office.post_held_by("张伟", org=bureau)
    await office.make("/v1/measures", **MEASURE, source_document="《运行机制》", responsible_post_id=post)
    measure, task = await only(office.http, "measures"), await only(office.http, "tasks", kind="measure")
    assert (measure["序号"], measure["措施内容"]) == ("1", "试点措施甲")
    for row in (measure, task):
        due = row["责任单位"], row["责任岗位"], row["完成时限"], row["出处文件"]
        assert due == ("区商务局", "项目专员", "2026-06-30", "《运行机制》")


async def test_a_register_has_a_column_for_each_field_and_an_enterprise_its_chains(office: Office) -> None:
    made = await office.make("/v1/enterprises", uscc=a_uscc(1), name="示例公司", chain_ids=[str(DISPLAY)])
    row = await only(office.http, "enterprises", chain_id=str(DISPLAY))
    assert (row["企业名称"], row["统一社会信用代码"], row["产业链"]) == ("示例公司", made["uscc"], "新型显示")
    definition = (await office.http.get("/v1/registers/key_technologies")).json()
    answer = await office.http.get("/v1/exports/registers/key_technologies", params={"format": "csv"})
    heading = answer.content.decode("utf-8-sig").splitlines()[0].split(",")
    assert heading == ["产业链", "年度", *(field["name"] for field in definition["fields"]), "状态", "备注"]


async def test_common_problems_leave_with_how_many_requests_they_join(office: Office, bureau: str) -> None:
    post = await office.post_held_by("张伟", org=bureau)
    asked = {"chain_id": str(DISPLAY), "title": "用地", "text": "缺地", "enterprise_name": "甲厂"}
    ids = [(await office.make("/v1/requests", **asked, uscc=a_uscc(number)))["id"] for number in (1, 2)]
    body: dict[str, Any] = {"title": "用地指标", "request_ids": ids, "due_on": "2026-01-30"}
    await office.make("/v1/common-problems", **body, responsible_post_id=post)
    row = await only(office.http, "common-problems", chain_id=str(DISPLAY))
    assert (row["共性问题"], row["诉求件数"], row["办理时限"]) == ("用地指标", "2", "2026-01-30")
    assert await as_csv(office.http, "common-problems", chain_id=str(chain_id("AUTO"))) == []


@pytest.mark.parametrize("path", PATHS)
async def test_each_comes_as_xlsx_too_and_to_no_enterprise(http: httpx.AsyncClient, path: str) -> None:
    answer = await http.get(f"/v1/exports/{path}")
    assert (answer.status_code, answer.content[:2]) == (200, b"PK")
    headers = {"authorization": f"Bearer {a_token(Role.ENTERPRISE)}"}
    assert (await http.get(f"/v1/exports/{path}", headers=headers)).status_code == 403
