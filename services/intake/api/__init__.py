"""Record keeping over HTTP: routes only; what they do is in the handlers."""

from fastapi import APIRouter

from services.intake.api import (
    chains,
    facts,
    filings,
    imports,
    measure_workbooks,
    measures,
    people,
    plans,
    posts,
    projects,
    register_workbooks,
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
        measure_workbooks.router,
        measures.router,
        people.router,
        plans.router,
        posts.router,
        projects.router,
        register_workbooks.router,
        registers.router,
        tasks.router,
        timetables.router,
    )
