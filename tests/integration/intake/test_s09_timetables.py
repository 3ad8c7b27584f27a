"""S9: every task has 时间表、路线图、责任人: without a day or a post it is refused; another day needs a reason."""

from dataclasses import replace
from typing import Any

import httpx
import pytest

from services.intake import reference
from shared.kit.web.security import Role
from tests.integration.intake.conftest import Office, a_token
from tests.integration.intake.test_corrections_api import REVIEWER
from tests.integration.intake.test_projects_api import problem


async def planned(office: Office, bureau: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A project, and a line of its timetable."""
    post = await office.post_held_by("张伟", org=bureau)
    project = await office.project(bureau)
    body = {"name": "交地", "due_on": "2026-03-31", "responsible_post_id": post}
    return project, await office.make(f"/v1/projects/{project['id']}/milestones", **body)


async def ask(office: Office, project: dict[str, Any], line: dict[str, Any], **body: str) -> httpx.Response:
    path = f"/v1/projects/{project['id']}/milestones/{line['id']}/replannings"
    return await office.http.post(path, json={"due_on": "2026-05-31", "reason": "等待上级批复", **body})


async def due_on(office: Office, project: dict[str, Any]) -> str:
    shown = (await office.http.get(f"/v1/projects/{project['id']}")).json()
    return str(shown["milestones"][0]["due_on"])


@pytest.mark.parametrize("missing", ["due_on", "responsible_post_id"])
async def test_a_task_without_a_day_or_a_post_is_refused(office: Office, bureau: str, missing: str) -> None:
    post = await office.post_held_by("张伟", org=bureau)
    line = {"name": "交地", "due_on": "2026-03-31", "responsible_post_id": post}
    del line[missing]
    project = await office.project(bureau)
    refused = await office.http.post(f"/v1/projects/{project['id']}/milestones", json=line)
    assert (refused.status_code, problem(refused), refused.json()["field"]) == (422, "field-missing", missing)
    body = {
        "name": "另一项目",
        "chain_id": project["chain_id"],
        "responsible_org_id": bureau,
        "total_investment_wan": 1000,
        "milestones": [line],
    }
    with_project = await office.http.post("/v1/projects", json=body)
    assert (with_project.status_code, with_project.json()["field"]) == (422, missing)
    assert (await office.http.get("/v1/projects")).json()["items"][0]["version"] == 1


async def test_a_timetable_begins_with_the_template_of_its_kind(office: Office, bureau: str) -> None:
    post = await office.post_held_by("张伟", org=bureau)
    builder = await office.post_held_by("李娜", org=bureau, title="建设专员")
    templates = (await office.http.get("/v1/timetable-templates")).json()["items"]
    assert {item["kind"]: [line["stage"] for line in item["lines"]][:3] for item in templates} == {
        "new": ["signed", "registered", "approved"],
        "expansion": ["signed", "started", "completed"],
    }
    project = await office.project(bureau, kind="expansion", stage="signed")
    path = f"/v1/projects/{project['id']}/milestones:from-template"
    body = {
        "begins_on": "2026-01-05",
        "responsible_post_id": post,
        "posts": {"开工建设": builder},
        "source": "conference",
        "source_document": "3月18日大会",
    }
    unowned = await office.http.post(path, json={**body, "responsible_post_id": None})
    assert (unowned.status_code, unowned.json()["field"]) == (422, "responsible_post_id")
    answer = await office.http.post(path, json=body)
    assert answer.status_code == 201, answer.text
    lines = answer.json()
    assert [(line["name"], line["due_on"]) for line in lines][:2] == [
        ("开工建设", "2026-06-04"),
        ("竣工", "2027-06-04"),
    ]
    assert [line["responsible_post_id"] for line in lines] == [builder, post, post, post]
    assert {line["source"] for line in lines} == {"conference"}
    again = await office.http.post(path, json=body)
    assert (again.status_code, problem(again)) == (409, "milestone-not-allowed")
    strange = await office.http.post(path, json={**body, "posts": {"剪彩": post}})
    assert strange.json()["detail"] == "时间表模板中没有节点“剪彩”"


async def test_another_day_needs_a_reason_and_where_asked_for_a_second_person(office: Office, bureau: str) -> None:
    project, line = await planned(office, bureau)
    silent = await office.http.patch(
        f"/v1/projects/{project['id']}/milestones/{line['id']}",
        json={"due_on": "2026-05-31"},
        headers={"if-match": '"2"'},
    )
    assert (silent.status_code, silent.json()["field"]) == (422, "reason")
    asked = await ask(office, project, line)
    assert asked.status_code == 201, asked.text
    assert await due_on(office, project) == "2026-03-31"
    twice = await ask(office, project, line)
    assert twice.json()["detail"] == "该节点已有待审核的调整申请"
    waiting = (await office.http.get("/v1/replannings")).json()["items"]
    assert [item["id"] for item in waiting] == [asked.json()["id"]]

    path = f"/v1/projects/{project['id']}/replannings/{asked.json()['id']}"
    own = {"authorization": f"Bearer {a_token(Role.REVIEWER, subject='clerk-1')}"}
    refused = await office.http.post(f"{path}:approve", json={}, headers=own)
    assert (refused.status_code, problem(refused)) == (403, "own-replanning")
    approved = await office.http.post(f"{path}:approve", json={"opinion": "同意"}, headers=REVIEWER)
    assert (approved.status_code, approved.json()["status"]) == (200, "approved")
    assert await due_on(office, project) == "2026-05-31"
    assert (await office.http.post(f"{path}:refuse", json={"reason": "重复"}, headers=REVIEWER)).status_code == 409

    second = (await ask(office, project, line, due_on="2026-06-30")).json()
    path = f"/v1/projects/{project['id']}/replannings/{second['id']}"
    assert (await office.http.post(f"{path}:refuse", json={"reason": ""}, headers=REVIEWER)).status_code == 422
    no = await office.http.post(f"{path}:refuse", json={"reason": "理由不充分"}, headers=REVIEWER)
    assert (no.json()["status"], await due_on(office, project)) == ("refused", "2026-05-31")
    texts = [fact["text"] for fact in (await office.http.get(f"/v1/projects/{project['id']}/history")).json()["items"]]
    assert texts[2:] == [
        "节点“交地”申请将时限调整为2026-05-31：等待上级批复",
        "节点“交地”时限调整为2026-05-31：等待上级批复",
        "节点“交地”申请将时限调整为2026-06-30：等待上级批复",
        "节点“交地”的调整申请未予同意：理由不充分",
    ]


async def test_what_was_asked_for_a_project_that_ended_since_is_refused_and_waits_no_more(
    office: Office, bureau: str
) -> None:
    project, line = await planned(office, bureau)
    asked = (await ask(office, project, line)).json()
    ended = {"reason": "资金不到位", "on": "2026-01-05"}
    path = f"/v1/projects/{project['id']}"
    answer = await office.http.post(f"{path}:terminate", json=ended, headers={"if-match": '"3"'})
    assert answer.status_code == 200, answer.text
    path = f"{path}/replannings/{asked['id']}"
    assert (await office.http.post(f"{path}:approve", json={}, headers=REVIEWER)).status_code == 409
    refused = await office.http.post(f"{path}:refuse", json={"reason": "项目已终止"}, headers=REVIEWER)
    assert refused.status_code == 200, refused.text
    assert not (await office.http.get("/v1/replannings")).json()["items"]


async def test_an_office_may_ask_for_approval_of_every_replanning(
    office: Office, bureau: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    strict = replace(reference.lifecycle_rules(), replanning_approved=True)
    monkeypatch.setattr(reference, "lifecycle_rules", lambda: strict)
    project, line = await planned(office, bureau)
    body = {"due_on": "2026-05-31", "reason": "等待上级批复"}
    path = f"/v1/projects/{project['id']}/milestones/{line['id']}"
    alone = await office.http.patch(path, json=body, headers={"if-match": '"2"'})
    assert (alone.status_code, alone.json()["detail"]) == (409, "调整时限须经审核，请提交调整申请")
    item = {"operation": "revise_milestone", "project_id": project["id"], "version": 2, "milestone_id": line["id"]}
    batch = await office.http.post("/v1/facts:batch", json={"items": [{**item, **body}]})
    assert batch.json()["errors"][0]["detail"] == "调整时限须经审核，请提交调整申请"
    assert (await ask(office, project, line)).status_code == 201


async def test_the_stage_that_is_missing_is_named(office: Office, bureau: str) -> None:
    project = await office.project(bureau, stage="signed")
    refused = await office.advance(project, "started")
    assert refused.json()["missing"] == ["registered", "approved"]
    assert refused.json()["detail"] == "项目处于“签约”，不能直接转为“开工”，须先办理注册、立项；下一步可转为：注册"


@pytest.mark.parametrize("role", list(Role))
async def test_who_plans_and_who_approves(office: Office, bureau: str, role: Role) -> None:
    project, line = await planned(office, bureau)
    headers = {"authorization": f"Bearer {a_token(role, subject='somebody')}"}
    path = f"/v1/projects/{project['id']}"
    template = await office.http.post(
        f"{path}/milestones:from-template",
        json={"begins_on": "2026-01-05", "responsible_post_id": line["responsible_post_id"]},
        headers=headers,
    )
    assert template.status_code == (201 if role is Role.CLERK else 403)
    asked = (await ask(office, project, line)).json()
    approved = await office.http.post(f"{path}/replannings/{asked['id']}:approve", json={}, headers=headers)
    assert approved.status_code == (200 if role is Role.REVIEWER else 403)
