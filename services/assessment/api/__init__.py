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
    policies,
    rehearsals,
    scores,
    supervision,
)
from services.assessment.api.access import Office
from services.assessment.policies.scoring import Scoring


def routers(office: Office, scoring: Scoring) -> tuple[APIRouter, ...]:
    return (
        obligations.router(office),
        extensions.router(office),
        cases.router(office),
        documents.router(office),
        lights.router(office),
        commendations.router(office),
        supervision.router(office),
        policies.router(office),
        rehearsals.router(office),
        scores.router(office, scoring),
        forecasts.router(office),
        links.router(office),
    )
