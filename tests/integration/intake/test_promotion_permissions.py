"""Who may call each route of enterprise requests and of 招商, and who may not."""

import httpx
import pytest
from fastapi.routing import APIRoute

from services.intake.api.promotion import agreements, contacts, leads, promotions, visits
from services.intake.api.promotion import workbook as lead_workbooks
from services.intake.api.requests import common_problems, requests
from shared.kit.web.security import Role, make_token
from tests.integration.intake.conftest import SECRET

ID = "00000000-0000-4000-8000-000000000000"
EVERYBODY = frozenset(Role)
OFFICIALS = EVERYBODY - {Role.ENTERPRISE}
CLERK = frozenset({Role.CLERK})
ENTERPRISE = frozenset({Role.ENTERPRISE})
ANSWERERS = frozenset({Role.CLERK, Role.REVIEWER, Role.CHIEF})
REQUEST = "/v1/requests/{request_id}"
PROBLEM = "/v1/common-problems/{problem_id}"
EXCEPTIONS = {
    ("GET", "/v1/requests"): EVERYBODY,
    ("GET", REQUEST): EVERYBODY,
    ("POST", "/v1/requests"): CLERK | ENTERPRISE,
    ("POST", REQUEST + ":answer"): ANSWERERS,
    ("POST", REQUEST + ":confirm"): ENTERPRISE,
    ("POST", REQUEST + ":send-back"): ENTERPRISE,
    ("POST", REQUEST + ":withdraw"): ENTERPRISE,
    ("POST", PROBLEM + ":answer"): ANSWERERS,
}
"""All others: officials read and clerks write."""
MODULES = (agreements, common_problems, contacts, lead_workbooks, leads, promotions, requests, visits)
ROUTES = sorted(
    (method, route.path)
    for module in MODULES
    for route in module.router.routes
    if isinstance(route, APIRoute)
    for method in route.methods or ()
)


def allowed(method: str, path: str) -> frozenset[Role]:
    return EXCEPTIONS.get((method, path), OFFICIALS if method == "GET" else CLERK)


def url_of(path: str) -> str:
    before, brace, rest = path.partition("{")
    return f"{before}{ID}{url_of(rest.partition('}')[2])}" if brace else before


def test_every_exception_is_a_route() -> None:
    assert set(EXCEPTIONS) <= set(ROUTES)


@pytest.mark.parametrize("role", list(Role))
async def test_each_route_lets_in_whom_it_should_and_nobody_else(http: httpx.AsyncClient, role: Role) -> None:
    token = make_token(SECRET, subject="somebody", roles=[role], uscc="91350100M000100Y43")
    headers = {"authorization": f"Bearer {token}", "if-match": '"1"'}
    for method, path in ROUTES:
        answer = await http.request(method, url_of(path), headers=headers)
        refused = answer.status_code == 403 and answer.json()["type"] == "urn:liandu:problem:forbidden"
        assert refused == (role not in allowed(method, path)), (method, path, answer.text)


async def test_nobody_is_let_in_without_a_token(http: httpx.AsyncClient) -> None:
    for method, path in ROUTES:
        answer = await http.request(method, url_of(path), headers={"authorization": ""})
        assert answer.status_code in (401, 422), (method, path)
