"""A calendar came, or another policy: what is due is counted again."""

from collections.abc import Iterable
from uuid import UUID

from services.assessment.domain import case as cases
from services.assessment.domain import light as lights
from services.assessment.domain import obligation as obligations
from services.assessment.domain.work import CLIMB, DUE, LIGHT, RAISE, Work


def recount(kind: str, subjects: Iterable[UUID], work: Work) -> None:
    """Set the alarms of one kind again; these subjects have one, and are at hand with what is around them."""
    again = {DUE: _due, CLIMB: _climb, RAISE: _raise, LIGHT: _light}[kind]
    for subject in subjects:
        again(subject, work)


def _due(subject: UUID, work: Work) -> None:
    if obligation := work.obligations.get(subject):
        work.on_obligation(obligation, obligations.recount(obligation, work.rules))


def _climb(subject: UUID, work: Work) -> None:
    if case := work.cases.get(subject):
        work.on_case(case, cases.recount(case, work.rules_of(case), work.now))


def _raise(subject: UUID, work: Work) -> None:
    case = work.cases.get(subject)
    if case is not None and case.state is cases.State.OPEN:
        work.watch(case, RAISE, work.now)


def _light(subject: UUID, work: Work) -> None:
    light = work.lights.get(subject)
    if light is not None and light.state is lights.State.WATCHING:
        work.on_light(light, ())
