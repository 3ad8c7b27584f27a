"""Monthly reports over HTTP: offered with last month's figures, refused when they go back or beyond the total."""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import pytest_asyncio

from shared.kit.web.security import Role
from tests.integration.intake.conftest import Office, a_token
from tests.integration.intake.striking import correct
from tests.integration.intake.test_corrections_api import REVIEWER
from tests.support.clock import MovableClock

JANUARY = {"completed_in_month_wan": 5000, "funds_in_place_wan": 6000, "visual_progress": "桩基施工"}


@pytest_asyncio.fixture
async def project(office: Office, bureau: str, clock: MovableClock) -> dict[str, Any]:
    made = await office.project(bureau, stage="building")
    clock.move(datetime(2026, 3, 2, 1, tzinfo=UTC))
    return made


async def report(office: Office, project: dict[str, Any], month: str, **body: Any) -> httpx.Response:
    return await office.http.put(f"/v1/projects/{project['id']}/reports/{month}", json={**JANUARY, **body})


async def test_a_month_is_offered_with_last_months_figures_and_added_to_them(
    office: Office, project: dict[str, Any]
) -> None:
    january = await report(office, project, "2026-01", completed_to_date_wan=25000)
    assert (january.status_code, january.json()["completed_to_date_wan"]) == (200, 25000), january.text
    offered = (await office.http.get(f"/v1/projects/{project['id']}/reports/2026-02")).json()
    assert (offered["submitted"], offered["completed_in_month_wan"], offered["visual_progress"]) == (
        False,
        0,
        "桩基施工",
    )
    assert (offered["completed_to_date_wan"], offered["funds_in_place_wan"]) == (25000, 6000)
    february = await report(office, project, "2026-02", completed_in_month_wan=3000, visual_progress="主体封顶")
    assert (february.json()["completed_to_date_wan"], february.headers["etag"]) == (28000, '"3"')
    again = await report(office, project, "2026-02", completed_in_month_wan=3000, visual_progress="主体封顶")
    assert again.headers["etag"] == '"3"'
    elsewhere = {"authorization": f"Bearer {a_token(Role.SUPERVISOR, subject='inspector')}"}
    path = f"/v1/projects/{project['id']}/reports/2026-02"
    body = {**JANUARY, "completed_in_month_wan": 3000, "visual_progress": "主体封顶"}
    said_again = await office.http.put(path, json=body, headers=elsewhere)
    assert (said_again.headers["etag"], said_again.json()["reported_by"]) == ('"3"', again.json()["reported_by"])
    amended = await report(office, project, "2026-02", completed_in_month_wan=3500, visual_progress="主体封顶")
    assert (amended.json()["completed_to_date_wan"], amended.headers["etag"]) == (28500, '"4"')
    listed = (await office.http.get(f"/v1/projects/{project['id']}/reports")).json()["items"]
    assert [item["month"] for item in listed] == ["2026-02", "2026-01"]
    history = (await office.http.get(f"/v1/projects/{project['id']}/history")).json()["items"]
    assert history[1]["text"] == (
        "2026年01月月报：当月完成投资5000万元，累计完成2.5亿元，到位资金6000万元，形象进度：桩基施工"
    )


@pytest.mark.parametrize(
    ("month", "body", "status", "words"),
    [
        ("2026-02", {"funds_in_place_wan": 5999}, 422, "比上次报送的6000万元减少"),
        ("2026-02", {"completed_to_date_wan": 24999}, 422, "减少"),
        ("2026-02", {"completed_to_date_wan": 31000}, 422, "不符"),
        ("2026-02", {"completed_in_month_wan": 95001}, 422, "超过总投资120000万元"),
        ("2026-02", {"funds_in_place_wan": 120001}, 422, "超过总投资"),
        ("2026-02", {"visual_progress": " "}, 422, ""),
        ("2026-02", {"completed_in_month_wan": -1}, 422, ""),
        ("2026-04", {}, 422, "尚未开始"),
        ("2025-12", {}, 409, "2026年01月已报送"),
        ("2026-13", {}, 422, ""),
    ],
)
async def test_what_does_not_fit_is_refused(
    office: Office, project: dict[str, Any], month: str, body: dict[str, Any], status: int, words: str
) -> None:
    assert (await report(office, project, "2026-01", completed_to_date_wan=25000)).status_code == 200
    refused = await report(office, project, month, **body)
    assert refused.status_code == status, refused.text
    assert words in refused.json()["detail"]


async def test_talks_are_not_reported(office: Office, bureau: str) -> None:
    refused = await report(office, await office.project(bureau), "2026-01")
    assert refused.json()["detail"] == "项目处于“在谈”，签约后才报送月报"


async def test_only_the_reporting_post_reports_and_the_supervisor_for_it(
    office: Office, bureau: str, project: dict[str, Any]
) -> None:
    post = await office.make("/v1/posts", title="统计员", tier="officer", organisation_id=bureau)
    person = await office.make("/v1/people", name="李娜", organisation_id=bureau)
    await office.make(f"/v1/posts/{post['id']}:assume", person_id=person["id"], from_day="2026-01-01")
    path = f"/v1/projects/{project['id']}"
    named = await office.http.patch(
        f"{path}/profile", json={"reporting_post_id": post["id"]}, headers={"if-match": '"1"'}
    )
    assert named.status_code == 200
    refused = await report(office, project, "2026-01")
    assert (refused.status_code, refused.json()["detail"]) == (403, "月报由报送岗位的任职人员报送，您不在该岗位任职")
    holder = a_token(Role.CLERK, subject="li", person=person["id"])
    for token, month in ((holder, "2026-01"), (a_token(Role.SUPERVISOR, subject="s"), "2026-02")):
        headers = {"authorization": f"Bearer {token}"}
        made = await office.http.put(f"{path}/reports/{month}", json=JANUARY, headers=headers)
        assert (made.status_code, made.json()["reporting_post_id"]) == (200, post["id"])


async def test_the_latest_report_is_taken_back_by_a_correction(office: Office, project: dict[str, Any]) -> None:
    await report(office, project, "2026-01")
    await report(office, project, "2026-02", funds_in_place_wan=60000)
    path = f"/v1/projects/{project['id']}/corrections"
    body = {"kind": "reversal", "sequence": 2, "reason": "多报一位"}
    earlier = await office.http.post(path, json=body)
    assert (earlier.status_code, earlier.json()["first"]) == (409, 3)
    asked = await office.make(path, **{**body, "sequence": 3})
    assert (await office.http.post(f"{path}/{asked['id']}:approve", json={}, headers=REVIEWER)).status_code == 200
    listed = (await office.http.get(f"/v1/projects/{project['id']}/reports")).json()["items"]
    assert [item["month"] for item in listed] == ["2026-01"]
    assert (await report(office, project, "2026-02", funds_in_place_wan=6000)).status_code == 200


async def test_a_months_table_has_whoever_is_building_with_what_is_reported_or_offered(
    office: Office, bureau: str, project: dict[str, Any]
) -> None:
    talks = await office.project(bureau, name="在谈项目")
    later = await office.project(bureau, name="三月开工", stage="started", started_on="2026-03-01")
    await report(office, project, "2026-01")
    await report(office, project, "2026-02", completed_in_month_wan=1000)

    async def table(month: str, **params: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await office.http.get(f"/v1/reports/{month}", params=params)).json()["items"]
        return found

    (line,) = await table("2026-02")
    assert (line["code"], line["submitted"], line["completed_to_date_wan"]) == (project["code"], True, 6000)
    march = await table("2026-03")
    assert [(item["code"], item["submitted"]) for item in march] == [(project["code"], False), (later["code"], False)]
    assert [item["completed_to_date_wan"] for item in march] == [6000, 0]
    assert await table("2026-02", submitted=False) == []
    assert await table("2026-03", chain="AUTO") == []
    assert len(await table("2026-03", chain="DISPLAY", submitted=False)) == 2
    first = (await office.http.get("/v1/reports/2026-03", params={"limit": 1})).json()
    rest = await table("2026-03", limit=1, after=first["next_after"])
    assert [item["code"] for item in first["items"] + rest] == [project["code"], later["code"]]
    assert talks["code"] not in {item["code"] for item in march}


@pytest.mark.parametrize("role", list(Role))
async def test_who_reports_and_who_reads(office: Office, project: dict[str, Any], role: Role) -> None:
    headers = {"authorization": f"Bearer {a_token(role)}"}
    path = f"/v1/projects/{project['id']}/reports/2026-01"
    made = await office.http.put(path, json=JANUARY, headers=headers)
    may = role in (Role.CLERK, Role.REVIEWER, Role.CHIEF, Role.SUPERVISOR)
    assert made.status_code == (200 if may else 403)
    assert (await office.http.get(path, headers=headers)).status_code == (403 if role is Role.ENTERPRISE else 200)


async def test_a_month_reported_twice_stands_as_last_reported_until_that_is_taken_back(
    office: Office, project: dict[str, Any]
) -> None:
    for progress in ("桩基施工", "主体封顶"):
        assert (await report(office, project, "2026-01", visual_progress=progress)).status_code == 200
    for sequence, progress in ((1, "主体封顶"), (3, "桩基施工")):
        body = {"kind": "reversal", "sequence": sequence, "reason": "报送有误"}
        if sequence == 1:
            body |= {"kind": "replacement", "replacement": {"kind": "expansion"}}
        await correct(office.http, project["id"], body)
        listed = (await office.http.get(f"/v1/projects/{project['id']}/reports")).json()["items"]
        assert [item["visual_progress"] for item in listed] == [progress]
