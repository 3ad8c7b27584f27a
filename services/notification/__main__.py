"""notification as a process: `python -m services.notification` serves; `… migrate` and `… restored` prepare that."""

from pathlib import Path

from services.notification import api, claims, measures
from services.notification.handlers import facts, robots
from services.notification.handlers.robots import RobotChanged
from services.notification.settings import NotificationSettings
from services.notification.wiring import Wiring
from shared.kit.process.declaration import Service
from shared.kit.process.service import serve_or_migrate

NAME = "notification"
MIGRATIONS = Path(__file__).parent / "store" / "migrations"


def service(settings: NotificationSettings) -> Service:
    """The service as it is wired: it listens, queues, sends, and shows what became of it."""
    wiring = Wiring.of(settings)
    return Service(
        name=NAME,
        settings=settings,
        routers=api.routers(wiring),
        handler=facts.apply,
        loops=(wiring.dispatch,),
        pending=claims.pending,
        measure=measures.measure,
        statuses={RobotChanged: 412},
    )


def main() -> None:
    serve_or_migrate(
        NAME, lambda: service(NotificationSettings()), MIGRATIONS, after_restore=robots.pause_after_restore
    )


if __name__ == "__main__":
    main()
