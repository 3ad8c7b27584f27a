"""What record keeping is told by its environment."""

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.kit.settings import ServiceSettings


class IntakeSettings(ServiceSettings):
    """What every service is told; record keeping needs nothing more."""


class MigrationSettings(BaseSettings):
    """What `migrate` is told; with an administrator's URL it makes the role and the schema first."""

    model_config = SettingsConfigDict(env_prefix="LIANDU_", frozen=True, extra="ignore")

    database_url: SecretStr
    admin_database_url: SecretStr | None = None
