"""Record keeping over HTTP: routes only; what they do is in the handlers."""

from fastapi import APIRouter

from services.intake.api import (
    chains,
    facts,
    filings,
    imports,
    measures,
    people,
    plans,
    posts,
    projects,
    registers,
    tasks,
    timetables,
)


def routers() -> tuple[APIRouter, ...]:
    return (
        chains.router,
        facts.router,
        filings.router,
        imports.router,
        measures.router,
        people.router,
        plans.router,
        posts.router,
        projects.router,
        registers.router,
        tasks.router,
        timetables.router,
    )
