"""Who may call each route of registers, filings, measures, tasks and plans, and who may not."""

import httpx
import pytest

from services.intake.api.registers import filings, measures, plans, registers, tasks
from services.intake.api.registers import measure_workbook as measure_workbooks
from services.intake.api.registers import workbook as register_workbooks
from shared.kit.web.security import Role
from tests.integration.intake.conftest import a_token

ID = "00000000-0000-4000-8000-000000000000"
READERS = frozenset(Role) - {Role.ENTERPRISE}
CLERK = frozenset({Role.CLERK})
REVIEWER = frozenset({Role.REVIEWER})
HEADS = frozenset({Role.SUPERVISOR, Role.CHIEF})
KEEPERS = frozenset({Role.CLERK, Role.SUPERVISOR})
OFFICIALS = frozenset({Role.CLERK, Role.REVIEWER, Role.CHIEF, Role.SUPERVISOR})
ENTRIES = "/v1/registers/{key}/entries"
ENTRY = ENTRIES + "/{entry_id}"
FILINGS = "/v1/registers/{key}/filings"
FILING = FILINGS + "/{filing_id}"
MEASURE = "/v1/measures/{measure_id}"
STEP = MEASURE + "/steps/{step_id}"
WRITES = {
    ("POST", ENTRIES): CLERK,
    ("PATCH", ENTRY): CLERK,
    ("POST", ENTRY + ":withdraw"): CLERK,
    ("POST", ENTRY + ":accept"): REVIEWER,
    ("POST", ENTRY + ":refuse"): REVIEWER,
    ("POST", "/v1/registers/{key}/lists/{year}:freeze"): HEADS,
    ("POST", "/v1/registers/{key}/imports"): CLERK,
    ("POST", FILINGS): KEEPERS,
    ("PATCH", FILING): KEEPERS,
    ("POST", FILING + ":file"): OFFICIALS,
    ("POST", FILING + ":call-off"): KEEPERS,
    ("POST", "/v1/measures"): KEEPERS,
    ("POST", "/v1/measures/imports"): KEEPERS,
    ("PATCH", MEASURE): KEEPERS,
    ("POST", MEASURE + ":meet"): KEEPERS,
    ("POST", MEASURE + ":cancel"): KEEPERS,
    ("POST", MEASURE + "/steps"): KEEPERS,
    ("PATCH", STEP): KEEPERS,
    ("POST", STEP + ":meet"): KEEPERS,
    ("POST", STEP + ":cancel"): KEEPERS,
}
MODULES = (filings, measure_workbooks, measures, plans, register_workbooks, registers, tasks)
ROUTES = sorted(
    (method, route.path) for module in MODULES for route in module.router.routes for method in route.methods
)


def test_every_write_stands_in_the_table() -> None:
    assert {route for route in ROUTES if route[0] != "GET"} == set(WRITES)


@pytest.mark.parametrize("role", list(Role))
async def test_each_route_lets_in_whom_it_should_and_nobody_else(http: httpx.AsyncClient, role: Role) -> None:
    headers = {"authorization": f"Bearer {a_token(role)}", "if-match": '"1"'}
    for method, path in ROUTES:
        url = path.replace("{key}", "key_technologies").replace("{year}", "2026")
        for name in ("entry_id", "filing_id", "measure_id", "step_id"):
            url = url.replace(f"{{{name}}}", ID)
        answer = await http.request(method, url, headers=headers)
        refused = answer.status_code == 403 and answer.json()["type"] == "urn:liandu:problem:forbidden"
        assert refused == (role not in WRITES.get((method, path), READERS)), (method, path, answer.text)


async def test_nobody_is_let_in_without_a_token(http: httpx.AsyncClient) -> None:
    for method, path in ROUTES:
        url = path.replace("{key}", "key_technologies").replace("{year}", "2026")
        answer = await http.request(method, url.replace("{", "").replace("}", ""), headers={"authorization": ""})
        assert answer.status_code in (401, 422), (method, path)
