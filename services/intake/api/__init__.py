"""Record keeping over HTTP: routes only; what they do is in the handlers."""

from fastapi import APIRouter

from services.intake.api import chains, people, posts, projects, timetables


def routers() -> tuple[APIRouter, ...]:
    return (chains.router, people.router, posts.router, projects.router, timetables.router)
