"""S14: a task knows where it comes from: a conference, an instruction, a plan."""

import pytest

from tests.integration.intake.conftest import Office


@pytest.mark.parametrize(
    ("source", "name"), [("conference", "会议部署"), ("instruction", "领导批示"), ("plan", "工作计划")]
)
async def test_a_task_knows_its_source_and_the_document(office: Office, bureau: str, source: str, name: str) -> None:
    post = await office.post_held_by("张伟", org=bureau)
    project = await office.project(bureau)
    body = {
        "name": "交地",
        "due_on": "2026-03-31",
        "responsible_post_id": post,
        "source": source,
        "source_document": "2024年3月18日大会",
    }
    line = await office.make(f"/v1/projects/{project['id']}/milestones", **body)
    assert (line["source"], line["source_document"]) == (source, "2024年3月18日大会")
    history = (await office.http.get(f"/v1/projects/{project['id']}/history")).json()["items"]
    assert history[-1]["text"].endswith(f"来源：{name}（2024年3月18日大会）")


async def test_a_source_that_is_none_is_refused(office: Office, bureau: str) -> None:
    post = await office.post_held_by("张伟", org=bureau)
    project = await office.project(bureau)
    body = {"name": "交地", "due_on": "2026-03-31", "responsible_post_id": post, "source": "rumour"}
    refused = await office.http.post(f"/v1/projects/{project['id']}/milestones", json=body)
    assert refused.json()["errors"][0]["pointer"] == "#/source"
