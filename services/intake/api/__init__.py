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
    organisations,
    people,
    plans,
    posts,
    profiles,
    projects,
    register_workbooks,
    registers,
    requests,
    responsible,
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
        organisations.router,
        people.router,
        plans.router,
        posts.router,
        profiles.router,
        projects.router,
        register_workbooks.router,
        registers.router,
        requests.router,
        responsible.router,
        tasks.router,
        timetables.router,
    )
