"""Supervision as a process: `python -m services.assessment` serves, with `migrate` it migrates."""

from functools import partial
from pathlib import Path

from services.assessment import api, policies
from services.assessment.api.access import Office
from services.assessment.handlers import facts, measures, timers, watch
from services.assessment.handlers.known import Knowledge
from services.assessment.settings import AssessmentSettings
from shared.kit.process.declaration import Service
from shared.kit.process.service import serve_or_migrate
from shared.kit.settings import read_secrets

NAME = "assessment"
MIGRATIONS = Path(__file__).parent / "store" / "migrations"


def service(settings: AssessmentSettings) -> Service:
    """The service as it is wired: what it consumes, its timers, its routes.

    Raises:
        PolicyRefused, ValueError: the policy's or a secret's file is not what it should be.
    """
    knowledge = Knowledge(policies.read_file(settings.policy_file))
    secrets = read_secrets(settings.link_secret_file) if settings.link_secret_file else ()
    return Service(
        name=NAME,
        settings=settings,
        routers=api.routers(Office(knowledge, secrets)),
        handler=partial(facts.apply, knowledge=knowledge),
        fire=partial(timers.fire, knowledge=knowledge),
        loops=(watch.Watch(knowledge).run,),
        pending=watch.pending,
        measure=measures.Measures(knowledge).measure,
    )


if __name__ == "__main__":
    serve_or_migrate(NAME, lambda: service(AssessmentSettings()), MIGRATIONS)
