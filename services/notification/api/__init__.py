"""notification over HTTP: robots, routes, messages, and the switch of everything outbound."""

from fastapi import APIRouter

from services.notification.api import mentions, messages, outbound, robots, routes
from services.notification.wiring import Wiring


def routers(wiring: Wiring) -> tuple[APIRouter, ...]:
    return (
        robots.router(wiring),
        routes.router,
        mentions.router(wiring),
        messages.router,
        outbound.router,
    )
