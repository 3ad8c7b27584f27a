"""docs/permissions.md: every route of the services with who may call it, as their OpenAPI documents say.

python -m tests.support.permissions
"""

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from services.assessment.__main__ import service as assessment
from services.assessment.settings import AssessmentSettings
from services.intake.__main__ import service as intake
from services.intake.settings import IntakeSettings
from services.notification.__main__ import service as notification
from services.notification.settings import NotificationSettings
from shared.kit.process.declaration import Service
from shared.kit.process.service import Process
from shared.kit.web.security import Role

PAGE = Path(__file__).parents[2] / "docs" / "permissions.md"
_METHODS = ("get", "post", "put", "patch", "delete")
_HEAD = """# Who may call what

Written by `make schemas` from the services' own OpenAPI documents; not edited by hand. A role opens the door; what is
behind it asks further: the clerk of one chain writes for no other, only a post's holder reports for it, an enterprise
sees its own requests alone. A token with several roles may do what each of them may.
"""


@dataclass(frozen=True, slots=True)
class Operation:
    """`roles`: who may call it; None for whoever comes, with or without a token."""

    method: str
    path: str
    roles: frozenset[Role] | None
    conditional: bool
    """Whether it takes an If-Match, as all writes do."""


def operations(document: Mapping[str, Any]) -> Iterator[Operation]:
    """Those of an OpenAPI document, by their paths."""
    for path, item in sorted(document["paths"].items()):
        for method in _METHODS:
            if (told := item.get(method)) is not None:
                headers = {each["name"] for each in told.get("parameters", ()) if each["in"] == "header"}
                yield Operation(method.upper(), path, _roles(told), "If-Match" in headers)


def _roles(told: Mapping[str, Any]) -> frozenset[Role] | None:
    if "security" not in told:
        return None
    named = frozenset(map(Role, told["security"][0]["bearer"]))
    return named or frozenset(Role)


def page() -> str:
    with tempfile.TemporaryDirectory() as folder:
        documents = {service.name: Process(service).app.openapi() for service in _services(Path(folder))}
    return _HEAD + "".join(_table(name, document) for name, document in documents.items())


def _table(name: str, document: Mapping[str, Any]) -> str:
    rows = [_row(operation) for operation in operations(document)]
    head = ["", f"## {name}", "", f"| route | {' | '.join(Role)} |", "|---|" + ":-:|" * len(Role)]
    return "\n".join([*head, *rows]) + "\n"


def _row(operation: Operation) -> str:
    marks = ("open" if operation.roles is None else "●" if role in operation.roles else " " for role in Role)
    return f"| `{operation.method} {operation.path}` | {' | '.join(marks)} |"


def _services(folder: Path) -> list[Service]:
    secret = folder / "secret"
    secret.write_text("a secret of thirty-two characters!")
    shared: dict[str, Any] = {
        "env": "test",
        "database_url": SecretStr("postgresql://nobody:none@127.0.0.1:1/none"),
        "kafka_bootstrap": "127.0.0.1:1",
        "port": 1,
        "jwt_secret_file": secret,
        "link_secret_file": secret,
        "vault_key_file": secret,
        "public_url": "http://127.0.0.1:1",
        **{f"{name}_url": "http://127.0.0.1:1" for name in ("intake", "assessment", "notification")},
    }
    return [
        intake(IntakeSettings(**shared)),
        assessment(AssessmentSettings(**shared)),
        notification(NotificationSettings(**shared)),
    ]


if __name__ == "__main__":
    PAGE.write_text(page())
