"""Every route of the running services lets in whom its document names, and nobody else.

A write bears a malformed If-Match here: who may call it is told so (400), and nothing is written.
"""

import re
from uuid import UUID

import httpx
import pytest

from shared.kit.web.security import Role
from tests.support.permissions import Operation, operations
from tests.support.platform import Platform

SERVICES = ("intake", "assessment", "notification")
NOWHERE = str(UUID(int=0))
MALFORMED = {"if-match": "seven"}


@pytest.fixture(scope="module")
def routes(platform: Platform) -> list[tuple[str, Operation]]:
    return [
        (service, operation)
        for service in SERVICES
        for operation in operations(platform.operator.get(service, "/openapi.json"))
    ]


def harmless(operation: Operation) -> bool:
    """Whether a call changes nothing whoever makes it."""
    return operation.method == "GET" or operation.conditional


def is_refused(answer: httpx.Response) -> bool:
    return answer.status_code == 403 and answer.json()["type"] == "urn:liandu:problem:forbidden"


@pytest.mark.parametrize("role", list(Role))
def test_a_route_lets_in_whom_its_document_names(
    platform: Platform, routes: list[tuple[str, Operation]], role: Role
) -> None:
    somebody, wrong = platform.as_(role), []
    for service, operation in routes:
        is_let_in = operation.roles is None or role in operation.roles
        if is_let_in and not harmless(operation):
            continue
        url = re.sub(r"{\w+}", NOWHERE, operation.path)
        answer = somebody.send(operation.method, service, url, headers=MALFORMED)
        if is_refused(answer) == is_let_in or answer.status_code in (401, 500):
            wrong.append((service, operation.method, operation.path, answer.status_code))
    assert wrong == []


def test_nobody_is_let_in_without_a_token(platform: Platform, routes: list[tuple[str, Operation]]) -> None:
    with httpx.Client(trust_env=False) as stranger:
        let_in = [
            (service, operation.method, operation.path)
            for service, operation in routes
            if operation.roles is not None
            and stranger.request(
                operation.method, platform.file.services[service] + re.sub(r"{\w+}", NOWHERE, operation.path)
            ).status_code
            != 401
        ]
    assert let_in == []
