"""What every service is told by its environment (prefix `LIANDU_`), read once at start."""

from pathlib import Path
from typing import Literal

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

Environment = Literal["production", "development", "demo", "test"]


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
    metrics_token_file: Path | None = None
    database_pool: int = 8
