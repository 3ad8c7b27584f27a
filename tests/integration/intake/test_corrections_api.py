"""Corrections over HTTP: a second person approves, states and lists follow, history stays."""

from typing import Any

import httpx
import pytest

from shared.kit.web.security import Role
from tests.integration.intake.conftest import Office, a_token
from tests.integration.intake.test_projects_api import CONTRACT, problem
from tests.support.clock import MovableClock

REVIEWER = {"authorization": f"Bearer {a_token(Role.REVIEWER, subject='reviewer-1')}"}


async def ask(office: Office, project: dict[str, Any], sequence: int, **body: Any) -> httpx.Response:
    body = {"kind": "reversal", "sequence": sequence, "reason": "合同未生效，签约不实", **body}
    return await office.http.post(f"/v1/projects/{project['id']}/corrections", json=body)


async def decide(office: Office, correction: dict[str, Any], verb: str, **body: str) -> httpx.Response:
    path = f"/v1/projects/{correction['project_id']}/corrections/{correction['id']}:{verb}"
    return await office.http.post(path, json=body, headers=REVIEWER)


async def corrected(office: Office, project: dict[str, Any], sequence: int, **body: Any) -> dict[str, Any]:
    asked = await ask(office, project, sequence, **body)
    assert asked.status_code == 201, asked.text
    approved = await decide(office, asked.json(), "approve")
    assert approved.status_code == 200, approved.text
    return await shown(office, project)


async def shown(office: Office, project: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = (await office.http.get(f"/v1/projects/{project['id']}")).json()
    return found


async def signed(office: Office, bureau: str) -> dict[str, Any]:
    post = await office.post_held_by("张伟", org=bureau)
    line = {"name": "签订合同", "due_on": "2026-02-28", "responsible_post_id": post, "stage": "signed"}
    project = await office.project(bureau, milestones=[line])
    answer = await office.advance(project, "signed", evidence=[CONTRACT], amount_wan=110000)
    found: dict[str, Any] = answer.json()
    return found


async def test_a_false_signing_falls_back_only_when_another_person_agrees(office: Office, bureau: str) -> None:
    project = await signed(office, bureau)
    asked = await ask(office, project, 3)
    assert asked.status_code == 201, asked.text
    correction = asked.json()
    assert (correction["record_name"], correction["status_name"]) == ("签约", "待审核")
    assert (await shown(office, project))["stage"] == "signed"
    assert (await ask(office, project, 3)).status_code == 409
    queue = (await office.http.get("/v1/corrections", params={"status": "requested"})).json()["items"]
    assert [item["id"] for item in queue] == [correction["id"]]

    own = {"authorization": f"Bearer {a_token(Role.REVIEWER, subject='clerk-1')}"}
    path = f"/v1/projects/{project['id']}/corrections/{correction['id']}:approve"
    refused = await office.http.post(path, json={}, headers=own)
    assert (refused.status_code, problem(refused)) == (403, "own-correction")

    approved = await decide(office, correction, "approve", opinion="已核实")
    assert (approved.json()["status"], approved.json()["opinion"]) == ("approved", "已核实")
    after = await shown(office, project)
    assert (after["stage"], after["list"], after["signed_amount_wan"]) == ("negotiating", "negotiating", None)
    assert (after["signed_on"], after["reached"]) == (None, {})
    assert [line["status"] for line in after["milestones"]] == ["open"]
    lists = {name: (await office.http.get(f"/v1/lists/{name}")).json()["count"] for name in ("negotiating", "signed")}
    assert lists == {"negotiating": 1, "signed": 0}

    history = (await office.http.get(f"/v1/projects/{project['id']}/history")).json()["items"]
    assert history[2]["text"].startswith("2026-01-05签约，签约金额11亿元")
    assert history[4]["text"] == "申请撤销第3条记录（签约）：合同未生效，签约不实"
    assert history[5]["text"] == (
        "经他人审核撤销第3条记录（签约）：合同未生效，签约不实（申请人：王办事员 <clerk-1>），更正后：在谈、正常推进"
    )
    assert history[6]["text"] == "节点“签订合同”因更正重新计为未完成"
    assert (await decide(office, correction, "refuse", reason="重复")).status_code == 409
    again = await office.advance(after, "signed", evidence=[CONTRACT])
    assert again.json()["stage"] == "signed"


async def test_an_amount_is_replaced_and_the_replacement_taken_back(office: Office, bureau: str) -> None:
    project = await signed(office, bureau)
    after = await corrected(office, project, 3, kind="replacement", replacement={"amount_wan": 98000})
    assert (after["stage"], after["signed_amount_wan"]) == ("signed", 98000)
    history = (await office.http.get(f"/v1/projects/{project['id']}/history")).json()["items"]
    place = next(fact["seq"] for fact in history if fact["type"].endswith("project.corrected.v1"))
    assert (await corrected(office, project, place))["signed_amount_wan"] == 110000


async def test_a_false_project_is_struck_off_every_list_and_can_come_back(office: Office, bureau: str) -> None:
    project = await signed(office, bureau)
    after = await corrected(office, project, 1, kind="strike_off", reason="虚报项目")
    assert (after["hold_status"], after["list"]) == ("struck_off", None)
    assert (await office.http.get("/v1/lists/signed")).json()["count"] == 0
    refused = await office.http.patch(
        f"/v1/projects/{project['id']}", json={"name": "二期"}, headers={"if-match": f'"{after["version"]}"'}
    )
    assert (refused.status_code, refused.json()["detail"]) == (409, "项目已剔除，不能再变更")
    history = (await office.http.get(f"/v1/projects/{project['id']}/history")).json()["items"]
    place = next(fact["seq"] for fact in history if fact["type"].endswith("project.corrected.v1"))
    back = await corrected(office, project, place, reason="查明属实")
    assert (back["hold_status"], back["stage"], back["list"]) == ("active", "signed", "signed")


async def test_a_correction_that_was_refused_changes_nothing(office: Office, bureau: str) -> None:
    project = await signed(office, bureau)
    asked = (await ask(office, project, 3)).json()
    assert (await decide(office, asked, "refuse", reason="合同已生效")).json()["status_name"] == "未同意"
    assert (await shown(office, project))["stage"] == "signed"


@pytest.mark.parametrize(
    ("sequence", "body", "status"),
    [
        (99, {}, 409),
        (1, {}, 409),
        (2, {}, 409),
        (3, {"kind": "strike_off"}, 409),
        (3, {"kind": "replacement"}, 422),
        (3, {"kind": "replacement", "replacement": {"output_ratio": "2"}}, 422),
        (3, {"kind": "replacement", "replacement": {"on": "2026-02-01"}}, 422),
        (3, {"reason": " "}, 422),
    ],
)
async def test_what_cannot_be_corrected_is_refused_when_it_is_asked_for(
    office: Office, bureau: str, sequence: int, body: dict[str, Any], status: int
) -> None:
    refused = await ask(office, await signed(office, bureau), sequence, **body)
    assert refused.status_code == status, refused.text


@pytest.mark.parametrize("role", list(Role))
async def test_who_asks_and_who_approves(office: Office, bureau: str, role: Role) -> None:
    project = await signed(office, bureau)
    headers = {"authorization": f"Bearer {a_token(role, subject='somebody')}"}
    path = f"/v1/projects/{project['id']}/corrections"
    body = {"kind": "reversal", "sequence": 3, "reason": "签约不实"}
    asked = await office.http.post(path, json=body, headers=headers)
    may_ask = role in (Role.CLERK, Role.REVIEWER, Role.SUPERVISOR)
    assert asked.status_code == (201 if may_ask else 403)
    correction = asked.json() if may_ask else (await ask(office, project, 3)).json()
    approved = await office.http.post(f"{path}/{correction['id']}:approve", json={}, headers=headers)
    assert approved.status_code == 403
    if role is Role.REVIEWER:
        other = {"authorization": f"Bearer {a_token(role, subject='somebody-else')}"}
        assert (await office.http.post(f"{path}/{correction['id']}:approve", json={}, headers=other)).is_success


async def test_the_reviewers_queue_is_in_the_order_in_which_it_was_asked(
    office: Office, bureau: str, clock: MovableClock
) -> None:
    asked = []
    for day in (6, 7, 8, 9):
        clock.move(f"2026-01-0{day}T09:00+08:00")
        project = await office.project(bureau, name=f"项目{day}")
        advanced = await office.advance(project, "signed", evidence=[CONTRACT], amount_wan=1000)
        asked.append((await ask(office, advanced.json(), 2)).json()["id"])
    found: list[str] = []
    after: str | None = ""
    while after is not None:
        params = {"limit": "1", **({"after": after} if after else {})}
        shown = (await office.http.get("/v1/corrections", params=params)).json()
        found += [item["id"] for item in shown["items"]]
        after = shown["next_after"]
    assert found == asked
