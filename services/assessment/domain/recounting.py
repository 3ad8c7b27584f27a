"""A calendar came, or another policy: what is due is counted again."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from services.assessment.domain import case as cases
from services.assessment.domain import light as lights
from services.assessment.domain import obligation as obligations
from services.assessment.domain.moments import china_date
from services.assessment.domain.work import CLIMB, DUE, LIGHT, RAISE, Work


def recount(kind: str, waiting: Mapping[UUID, datetime], work: Work) -> None:
    """Set the alarms of one kind again. `waiting`: when each was to go off; the states around them are at hand."""
    for subject, due_at in waiting.items():
        if kind == DUE:
            _due(subject, work)
        elif kind == CLIMB:
            _climb(subject, work)
        elif kind == RAISE:
            _raise(subject, work)
        elif kind == LIGHT:
            _light(subject, due_at, work)


def _due(subject: UUID, work: Work) -> None:
    if obligation := work.obligations.get(subject):
        work.on_obligation(obligation, obligations.recount(obligation, work.rules_for(obligation)))


def _climb(subject: UUID, work: Work) -> None:
    case = work.cases.get(subject)
    if case is not None and case.state is not cases.State.CLOSED:
        work.on_case(case, cases.recount(case, work.rules_of(case), work.now))


def _raise(subject: UUID, work: Work) -> None:
    case = work.cases.get(subject)
    if case is not None and case.state is cases.State.OPEN:
        work.watch(case, RAISE, work.now)


def _light(subject: UUID, due_at: datetime, work: Work) -> None:
    """The look of the same month: it stands even where, by the new count, it should have been before now."""
    light = work.lights.get(subject)
    if light is not None and light.state is lights.State.WATCHING:
        first = china_date(due_at).replace(day=1)
        look = work.rules.morning(work.rules.calendar.add(first, 0).day)
        work.watch(light, LIGHT, max(look, work.now))
