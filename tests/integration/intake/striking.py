"""Records that turn out false: one person asks for their correction, another agrees."""

from typing import Any

import httpx

from shared.kit.web.security import Role
from tests.integration.intake.conftest import a_token

REVIEWER = {"authorization": f"Bearer {a_token(Role.REVIEWER, subject='reviewer-1')}"}


async def strike_off(http: httpx.AsyncClient, project_id: str) -> None:
    """The project is none."""
    await correct(http, project_id, {"kind": "strike_off", "sequence": 1, "reason": "虚报签约"})


async def replace(http: httpx.AsyncClient, project_id: str, **replacement: Any) -> None:
    """The project should have been entered otherwise."""
    body = {"kind": "replacement", "sequence": 1, "reason": "登记有误", "replacement": replacement}
    await correct(http, project_id, body)


async def correct(http: httpx.AsyncClient, project_id: str, body: dict[str, Any]) -> None:
    path = f"/v1/projects/{project_id}/corrections"
    asked = await http.post(path, json=body)
    assert asked.status_code == 201, asked.text
    approved = await http.post(f"{path}/{asked.json()['id']}:approve", json={"opinion": "属实"}, headers=REVIEWER)
    assert approved.status_code == 200, approved.text
