"""Record keeping as a process: `python -m services.intake` serves, `python -m services.intake migrate` migrates."""

import asyncio
import sys
from pathlib import Path

from services.intake import api
from services.intake.settings import IntakeSettings, MigrationSettings
from shared.kit.database import migrate
from shared.kit.service import Service, run

NAME = "intake"
MIGRATIONS = Path(__file__).parent / "store" / "migrations"


def service(settings: IntakeSettings) -> Service:
    """The service as it is wired: routes and its own log; it consumes nothing and sets no timers."""
    return Service(name=NAME, settings=settings, routers=api.routers())


async def bring_up_to_date(settings: MigrationSettings) -> None:
    """Migrate the service's schema, which is made first where an administrator's URL is given."""
    admin_url = settings.admin_database_url
    await migrate(
        NAME,
        MIGRATIONS,
        settings.database_url.get_secret_value(),
        admin_url=admin_url.get_secret_value() if admin_url else None,
    )


def main(arguments: list[str]) -> None:
    match arguments:
        case []:
            run(service(IntakeSettings()))
        case ["migrate"]:
            asyncio.run(bring_up_to_date(MigrationSettings()))
        case _:
            sys.exit("usage: python -m services.intake [migrate]")


if __name__ == "__main__":
    main(sys.argv[1:])
