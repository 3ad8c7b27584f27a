"""Record keeping as a process: `python -m services.intake` serves, `python -m services.intake migrate` migrates."""

from datetime import datetime
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake import api
from services.intake.api import imports
from services.intake.api.projects import evidence, facts
from services.intake.importer import finish_abandoned
from services.intake.settings import IntakeSettings
from services.intake.store import imports as store
from shared.kit.process.declaration import Pending, Service
from shared.kit.process.service import serve_or_migrate
from shared.kit.settings import ServiceSettings

NAME = "intake"
MIGRATIONS = Path(__file__).parent / "store" / "migrations"


def service(settings: ServiceSettings) -> Service:
    """The service as it is wired: routes, its own log, imports; it consumes nothing and sets no timers."""
    return Service(
        name=NAME,
        settings=settings,
        routers=api.routers(),
        loops=[finish_abandoned],
        pending=pending,
        statuses={**imports.STATUSES, **facts.STATUSES, **evidence.STATUSES},
    )


async def pending(conn: AsyncConnection, now: datetime) -> Pending:
    """Imports under way; nothing here waits for a moment."""
    running = await store.running(conn=conn)
    return Pending((f"{running} imports under way",)) if running else Pending()


if __name__ == "__main__":
    serve_or_migrate(NAME, lambda: service(IntakeSettings()), MIGRATIONS)
