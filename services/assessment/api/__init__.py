"""Supervision over HTTP: routes only; what they do is in the handlers."""

from fastapi import APIRouter

from services.assessment.api import (
    cases,
    commendations,
    documents,
    extensions,
    forecasts,
    lights,
    links,
    obligations,
    rehearsals,
    supervision,
)
from services.assessment.api.access import Office


def routers(office: Office) -> tuple[APIRouter, ...]:
    return (
        obligations.router(office),
        extensions.router(office),
        cases.router(office),
        documents.router(office),
        lights.router(office),
        commendations.router(),
        supervision.router(office),
        rehearsals.router(office),
        forecasts.router(office),
        links.router(office),
    )
