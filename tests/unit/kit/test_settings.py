"""What a service is told, and how it says that it was told wrong."""

import pytest
from pydantic import ValidationError

from services.assessment.settings import AssessmentSettings
from shared.kit.settings import MigrationSettings, ServiceSettings, said

SOUND = {"DATABASE_URL": "postgresql://a:b@c/d", "KAFKA_BOOTSTRAP": "k:1", "PORT": "1"}


@pytest.mark.parametrize(
    ("kind", "setting", "value", "words"),
    [
        (ServiceSettings, "DATABASE_URL", None, "LIANDU_DATABASE_URL: Field required"),
        (
            ServiceSettings,
            "DATABASE_URL",
            "postgres://a:hidden@b/c",
            "LIANDU_DATABASE_URL: must be postgresql://USER:PASSWORD@HOST:PORT/DATABASE",
        ),
        (
            MigrationSettings,
            "ADMIN_DATABASE_URL",
            "mysql://a:hidden@b/c",
            "LIANDU_ADMIN_DATABASE_URL: must be postgresql://USER:PASSWORD@HOST:PORT/DATABASE",
        ),
        (AssessmentSettings, "POLICY_FILE", "/nowhere.yaml", "LIANDU_POLICY_FILE: Path does not point to a file"),
    ],
)
def test_a_wrong_setting_is_named_without_its_value(
    monkeypatch: pytest.MonkeyPatch,
    kind: type[ServiceSettings] | type[MigrationSettings],
    setting: str,
    value: str | None,
    words: str,
) -> None:
    for name, given in {**SOUND, setting: value}.items():
        if given is None:
            monkeypatch.delenv(f"LIANDU_{name}", raising=False)
        else:
            monkeypatch.setenv(f"LIANDU_{name}", given)

    with pytest.raises(ValidationError) as refused:
        kind()

    assert said(refused.value) == words
