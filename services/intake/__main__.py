"""Record keeping as a process: `python -m services.intake` serves, `python -m services.intake migrate` migrates."""

from pathlib import Path

from services.intake import api
from services.intake.api import imports
from shared.kit.process.declaration import Service
from shared.kit.process.service import serve_or_migrate
from shared.kit.settings import ServiceSettings

NAME = "intake"
MIGRATIONS = Path(__file__).parent / "store" / "migrations"


def service(settings: ServiceSettings) -> Service:
    """The service as it is wired: routes and its own log; it consumes nothing and sets no timers."""
    return Service(name=NAME, settings=settings, routers=api.routers(), statuses=imports.STATUSES)


if __name__ == "__main__":
    serve_or_migrate(NAME, lambda: service(ServiceSettings()), MIGRATIONS)
