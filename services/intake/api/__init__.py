"""Record keeping over HTTP: routes only; what they do is in the handlers."""

from fastapi import APIRouter

from services.intake.api import chains, facts, imports, people, posts, projects, registers, timetables


def routers() -> tuple[APIRouter, ...]:
    return (
        chains.router,
        facts.router,
        imports.router,
        people.router,
        posts.router,
        projects.router,
        registers.router,
        timetables.router,
    )
