"""The clerk of one chain does not write another's projects, one by one or in batches."""

from typing import Any

from shared.contracts.ids import chain_id
from shared.kit.web.security import Role
from tests.integration.intake.conftest import DISPLAY, Office, a_token
from tests.integration.intake.test_projects_api import CONTRACT, problem


async def test_a_person_with_posts_of_chains_writes_for_those_only(office: Office, bureau: str) -> None:
    body = {"title": "汽车链专班", "tier": "task_force", "organisation_id": bureau}
    post = await office.make("/v1/posts", **body, chain_ids=[str(chain_id("AUTO"))])
    person = await office.make("/v1/people", name="李娜", organisation_id=bureau)
    await office.make(f"/v1/posts/{post['id']}:assume", person_id=person["id"], from_day="2026-01-01")
    project = await office.project(bureau)
    line = {"name": "交地", "due_on": "2026-03-31", "responsible_post_id": post["id"]}
    other: dict[str, Any] = {
        "name": "另一项目",
        "chain_id": str(DISPLAY),
        "responsible_org_id": bureau,
        "total_investment_wan": 1000,
    }
    token = a_token(Role.CLERK, subject="li", person=person["id"])
    headers = {"authorization": f"Bearer {token}", "if-match": '"1"'}
    path = f"/v1/projects/{project['id']}"
    step = {"target": "signed", "on": "2026-01-05", "evidence": [CONTRACT]}
    need = {"kind": "land", "text": "用地", "raised_on": "2026-01-05", "due_on": "2026-02-05"}
    support = {"kind": "policy", "on": "2026-01-05", "org_ids": [bureau], "text": "奖励"}
    report = {"completed_in_month_wan": 1, "funds_in_place_wan": 1, "visual_progress": "施工"}
    correction = {"kind": "strike_off", "sequence": 1, "reason": "虚报"}
    file = {"kind": "approval", "on": "2026-01-05", "name": "a.pdf"}
    plain = {**headers, "content-type": "application/octet-stream"}
    refused = [
        await office.http.post("/v1/projects", json=other, headers=headers),
        await office.http.patch(path, json={"name": "二期"}, headers=headers),
        await office.http.patch(f"{path}/profile", json={"investor_name": "某公司"}, headers=headers),
        await office.http.post(f"{path}/transitions", json=step, headers=headers),
        await office.http.post(f"{path}:hold", json={"reason": "等批复", "on": "2026-01-05"}, headers=headers),
        await office.http.post(f"{path}/milestones", json=line, headers=headers),
        await office.http.post(f"{path}/support", json=support, headers=headers),
        await office.http.post(f"{path}/needs", json={**need, "responsible_post_id": post["id"]}, headers=headers),
        await office.http.put(f"{path}/reports/2026-01", json=report, headers=headers),
        await office.http.post(f"{path}/corrections", json=correction, headers=headers),
        await office.http.post(f"{path}/files", params=file, content=b"%PDF-1", headers=plain),
    ]
    assert [(answer.status_code, problem(answer)) for answer in refused] == [(403, "not-your-chain")] * len(refused)
    items = [
        {"operation": "record_project", **other},
        {"operation": "plan_milestone", "project_id": project["id"], **line},
        {"operation": "record_project", **other, "chain_id": str(chain_id("AUTO"))},
    ]
    batch = await office.http.post("/v1/facts:batch", json={"items": items, "atomic": False}, headers=headers)
    assert [item["outcome"] for item in batch.json()["items"]] == ["refused", "refused", "accepted"]
    assert (await office.http.get(path)).json()["version"] == 1

    own = f"/v1/projects/{batch.json()['items'][2]['project_id']}"
    to_another = {"chain_id": str(DISPLAY)}
    moved = await office.http.patch(own, json=to_another, headers=headers)
    assert (moved.status_code, problem(moved)) == (403, "not-your-chain")
    moving = {"operation": "revise_project", "project_id": own.rpartition("/")[2], "version": 1, **to_another}
    batch = await office.http.post("/v1/facts:batch", json={"items": [moving], "atomic": False}, headers=headers)
    assert batch.json()["items"][0]["problem"]["type"] == "urn:liandu:problem:not-your-chain"
    assert (await office.http.patch(own, json={"name": "二期"}, headers=headers)).status_code == 200


async def test_who_reviews_for_one_chain_corrects_no_project_of_another(office: Office, bureau: str) -> None:
    body = {"title": "汽车链专班", "tier": "task_force", "organisation_id": bureau}
    post = await office.make("/v1/posts", **body, chain_ids=[str(chain_id("AUTO"))])
    person = await office.make("/v1/people", name="李娜", organisation_id=bureau)
    await office.make(f"/v1/posts/{post['id']}:assume", person_id=person["id"], from_day="2026-01-01")
    project = await office.project(bureau)
    path = f"/v1/projects/{project['id']}/corrections"
    false = {"kind": "strike_off", "sequence": 1, "reason": "虚报"}
    asked = (await office.http.post(path, json=false)).json()
    token = a_token(Role.REVIEWER, subject="li", person=person["id"])
    for verb, opinion in (("approve", {}), ("refuse", {"reason": "属实"})):
        answer = await office.http.post(
            f"{path}/{asked['id']}:{verb}", json=opinion, headers={"authorization": f"Bearer {token}"}
        )
        assert (answer.status_code, problem(answer)) == (403, "not-your-chain")
