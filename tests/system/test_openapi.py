"""What the OpenAPI documents promise, tried with generated requests: no server error, no answer that is not documented.

The requests may do anything, so the platform is this module's own.
"""

from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from shared.kit.web.security import Role
from tests.support.platform import Platform
from tests.system.conftest import running

EXAMPLES = 3
"""Requests for each route."""
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    with running() as platform:
        yield platform


@pytest.fixture(scope="module")
def token(platform: Platform) -> str:
    """Of somebody who may do everything."""
    words = [word for role in Role for word in ("--role", role)]
    return platform.liandu("token", *words, "--name", "示例众人", "--subject", "everybody").strip()


@pytest.mark.parametrize("service", ["intake", "assessment", "notification"])
def test_every_route_answers_as_its_document_says(platform: Platform, token: str, service: str) -> None:
    document = schemathesis.openapi.from_dict(platform.operator.get(service, "/openapi.json"))
    document.config.update(base_url=platform.file.services[service])
    found = list(document.get_all_operations())
    sound = [each.ok() for each in found if isinstance(each, Ok)]
    assert len(sound) == len(found)
    wrong = [told for operation in sound if (told := _trouble(operation, token)) is not None]
    assert not wrong, "\n\n".join(wrong)


def _trouble(operation: schemathesis.APIOperation[Any, Any, Any, Any], token: str) -> str | None:
    @hypothesis.settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, database=None,
        phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @hypothesis.given(case=operation.as_strategy())
    def holds(case: schemathesis.Case[Any]) -> None:
        case.call_and_validate(headers={"authorization": f"Bearer {token}"}, checks=CHECKS)

    try:
        holds()
    except FailureGroup as failures:
        return f"{operation.label}: {failures}"
    return None
