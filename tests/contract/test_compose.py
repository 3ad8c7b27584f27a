"""docker-compose.yml as far as it can be held without containers: it parses and says the same as the code."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from services.operator.platform import PORT_OFFSETS, SERVICES

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    parsed: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return parsed


def test_every_service_runs_after_the_migrations_and_is_checked(compose: dict[str, Any]) -> None:
    for name in SERVICES:
        service = compose["services"][name]
        assert service["command"] == [name]
        assert service["depends_on"]["migrations"]["condition"] == "service_completed_successfully"
        assert "/readyz" in service["healthcheck"]["test"][-1]
        assert service["ports"] == [f"127.0.0.1:{8100 + PORT_OFFSETS[name]}:8000"]


def test_a_service_is_given_its_own_password_only(compose: dict[str, Any]) -> None:
    for name in SERVICES:
        passwords = {secret for secret in compose["services"][name]["secrets"] if secret.endswith("_password")}
        assert passwords == {f"{name}_password"}


def test_every_secret_that_is_named_is_made(compose: dict[str, Any], tmp_path: Path) -> None:
    from services.operator.launcher import make_secrets

    made = {path.name for path in make_secrets(tmp_path, SERVICES)}

    assert set(compose["secrets"]) == made
    assert {secret for service in compose["services"].values() for secret in service.get("secrets", [])} == made


def test_nothing_in_the_image_runs_as_root() -> None:
    dockerfile = (ROOT / "deploy" / "Dockerfile").read_text()

    assert "\nUSER liandu\n" in dockerfile
    assert "--require-hashes" in dockerfile
