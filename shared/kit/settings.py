"""What every service is told by its environment (prefix `LIANDU_`), read once at start."""

from pathlib import Path
from typing import Literal

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

Environment = Literal["production", "development", "demo", "test"]
_SHORTEST_SECRET = 32


class ServiceSettings(BaseSettings):
    """Frozen; a service adds its own fields in a subclass. Secrets come from files, never from values."""

    model_config = SettingsConfigDict(env_prefix="LIANDU_", frozen=True, extra="ignore")

    env: Environment = "production"
    database_url: SecretStr
    kafka_bootstrap: str
    """`host:port,…`, or `file:PATH` to the address file that the embedded broker writes."""
    clock: str = "system"
    log_format: Literal["json", "console"] = "json"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    host: str = "127.0.0.1"
    port: int
    jwt_secret_file: Path | None = None
    oidc_issuer: str | None = None
    oidc_audience: str = "liandu"
    oidc_roles_claim: str = "roles"
    """Where the issuer writes roles; dots go inward, as in Keycloak's `realm_access.roles`."""
    metrics_token_file: Path | None = None
    database_pool: int = 8
    link_secret_file: Path | None = None
    vault_key_file: Path | None = None
    public_url: str | None = None
    """Where people's browsers reach the pages behind signed links (assessment)."""
    intake_url: str | None = None
    assessment_url: str | None = None
    notification_url: str | None = None
    """Where the services reach each other: back-fill and the auditor."""


class MigrationSettings(BaseSettings):
    """What `migrate` is told: the service's database, and an administrator's URL where role and schema are made."""

    model_config = SettingsConfigDict(env_prefix="LIANDU_", frozen=True, extra="ignore")

    database_url: SecretStr
    admin_database_url: SecretStr | None = None
    log_format: Literal["json", "console"] = "json"


def read_secrets(path: Path) -> tuple[str, ...]:
    """The secrets of a file, one a line: the first makes new signatures, all are accepted (so a secret can be changed).

    Raises:
        ValueError: no secret, or one shorter than 32 characters.
    """
    secrets = tuple(line.strip() for line in path.read_text().splitlines() if line.strip())
    if not secrets:
        raise ValueError(f"{path} holds no secret")
    if any(len(secret) < _SHORTEST_SECRET for secret in secrets):
        raise ValueError(f"{path}: every secret needs at least {_SHORTEST_SECRET} characters")
    return secrets
