"""What every service is told by its environment (prefix `LIANDU_`), read once at start."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, FilePath, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

Environment = Literal["production", "development", "demo", "test"]
_SHORTEST_SECRET = 32
_PREFIX = "LIANDU_"
DATABASE_URL_SCHEME = "postgresql://"
DATABASE_URL_RULE = "must be postgresql://USER:PASSWORD@HOST:PORT/DATABASE"


def _require_postgresql(url: SecretStr) -> SecretStr:
    if not url.get_secret_value().startswith(DATABASE_URL_SCHEME):
        raise ValueError(DATABASE_URL_RULE)
    return url


DatabaseUrl = Annotated[SecretStr, AfterValidator(_require_postgresql)]


class ServiceSettings(BaseSettings):
    """Frozen; a service adds its own fields in a subclass. Secrets come from files, never from values."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, frozen=True, extra="ignore")

    env: Environment = "production"
    database_url: DatabaseUrl
    kafka_bootstrap: str
    """`host:port,…`, or `file:PATH` to the address file that the embedded broker writes."""
    clock: str = "system"
    log_format: Literal["json", "console"] = "json"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    host: str = "127.0.0.1"
    port: int
    jwt_secret_file: FilePath | None = None
    oidc_issuer: str | None = None
    oidc_audience: str = "liandu"
    oidc_roles_claim: str = "roles"
    """Where the issuer writes roles; dots go inward, as in Keycloak's `realm_access.roles`."""
    metrics_token_file: FilePath | None = None
    database_pool: int = 8
    link_secret_file: FilePath | None = None
    vault_key_file: FilePath | None = None
    public_url: str | None = None
    """Where people's browsers reach the pages behind signed links (assessment)."""
    intake_url: str | None = None
    assessment_url: str | None = None
    notification_url: str | None = None
    """Where the services reach each other: back-fill and the auditor."""


class MigrationSettings(BaseSettings):
    """What `migrate` is told: the service's database, and an administrator's URL where role and schema are made."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, frozen=True, extra="ignore")

    database_url: DatabaseUrl
    admin_database_url: DatabaseUrl | None = None
    log_format: Literal["json", "console"] = "json"


def said(error: ValidationError) -> str:
    """What is wrong with the environment, setting by setting; no value is repeated."""
    findings = [(_PREFIX + "_".join(map(str, each["loc"])).upper(), each) for each in error.errors()]
    return "; ".join(f"{name}: {each['msg'].removeprefix('Value error, ')}" for name, each in findings)


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
