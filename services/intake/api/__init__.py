"""Record keeping over HTTP: routes only; what they do is in the handlers."""

from fastapi import APIRouter

from services.intake.api import (
    chains,
    common_problems,
    facts,
    filings,
    imports,
    lists,
    measure_workbooks,
    measures,
    people,
    plans,
    posts,
    profiles,
    projects,
    register_workbooks,
    registers,
    requests,
    tasks,
    timetables,
)


def routers() -> tuple[APIRouter, ...]:
    return (
        chains.router,
        common_problems.router,
        facts.router,
        filings.router,
        imports.router,
        lists.router,
        measure_workbooks.router,
        measures.router,
        people.router,
        plans.router,
        posts.router,
        profiles.router,
        projects.router,
        register_workbooks.router,
        registers.router,
        requests.router,
        tasks.router,
        timetables.router,
    )
