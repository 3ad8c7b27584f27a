"""Who may read and who may write what of the organisation: every route, every role."""

import httpx
import pytest

from shared.kit.web.security import Role
from tests.integration.intake.conftest import DISPLAY, a_token

NOBODY = "00000000-0000-4000-8000-000000000000"
READ = (
    "/v1/organisations",
    "/v1/organisations/tree",
    f"/v1/organisations/{NOBODY}",
    f"/v1/organisations/{NOBODY}/history",
    "/v1/people",
    f"/v1/people/{NOBODY}",
    f"/v1/people/{NOBODY}/history",
    f"/v1/people/{NOBODY}/leaves",
    "/v1/chains",
    f"/v1/chains/{DISPLAY}/responsible",
    f"/v1/chains/{DISPLAY}/history",
    f"/v1/chains/{DISPLAY}/map",
    f"/v1/chains/{DISPLAY}/map/history",
    f"/v1/chains/{DISPLAY}/map/workbook",
    "/v1/posts",
    f"/v1/posts/{NOBODY}/holder",
    f"/v1/posts/{NOBODY}/history",
    "/v1/task-forces",
    f"/v1/task-forces/{NOBODY}",
    "/v1/parks",
    f"/v1/parks/{NOBODY}",
    "/v1/enterprises",
    f"/v1/enterprises/{NOBODY}",
    f"/v1/enterprises/{NOBODY}/history",
)
POST = (
    "/v1/organisations",
    "/v1/people",
    f"/v1/people/{NOBODY}/leaves",
    f"/v1/people/{NOBODY}/leaves/{NOBODY}:end",
    f"/v1/people/{NOBODY}/leaves/{NOBODY}:cancel",
    "/v1/chains",
    f"/v1/chains/{DISPLAY}:split",
    f"/v1/chains/{DISPLAY}:merge",
    f"/v1/chains/{DISPLAY}:hand-over",
    f"/v1/chains/{DISPLAY}/map/segments",
    f"/v1/chains/{DISPLAY}/map/segments/{NOBODY}:remove",
    "/v1/posts",
    f"/v1/posts/{NOBODY}:assume",
    f"/v1/posts/{NOBODY}:vacate",
    f"/v1/posts/{NOBODY}:correct-terms",
    "/v1/task-forces",
    f"/v1/task-forces/{NOBODY}:dissolve",
    "/v1/parks",
    "/v1/enterprises",
    f"/v1/enterprises/{NOBODY}:name-anchor",
    f"/v1/enterprises/{NOBODY}:release-anchor",
)
PATCH = (
    f"/v1/organisations/{NOBODY}",
    f"/v1/people/{NOBODY}",
    f"/v1/chains/{DISPLAY}",
    f"/v1/task-forces/{NOBODY}",
    f"/v1/parks/{NOBODY}",
    f"/v1/enterprises/{NOBODY}",
)


@pytest.mark.parametrize("role", list(Role))
async def test_officials_read_and_clerks_and_operators_write(http: httpx.AsyncClient, role: Role) -> None:
    headers = {"authorization": f"Bearer {a_token(role)}"}
    read = {path: (await http.get(path, headers=headers)).status_code for path in READ}
    assert {path for path, status in read.items() if status == 403} == (set(READ) if role is Role.ENTERPRISE else set())
    assert set(read.values()) <= {200, 403, 404}
    written = {(method, path) for method, paths in (("POST", POST), ("PATCH", PATCH)) for path in paths}
    refused = {
        (method, path)
        for method, path in written
        if (await http.request(method, path, json={}, headers=headers)).status_code == 403
    }
    assert refused == (set() if role in (Role.CLERK, Role.OPERATOR) else written)


async def test_without_a_token_nobody_is_let_in(http: httpx.AsyncClient) -> None:
    headers = {"authorization": ""}
    asked = [("GET", path) for path in READ] + [("POST", path) for path in POST] + [("PATCH", path) for path in PATCH]
    assert {(await http.request(method, path, headers=headers)).status_code for method, path in asked} == {401}
