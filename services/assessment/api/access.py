"""Who may read and do what; what the routes are given."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncConnection

from services.assessment.api.wording import ON_BEHALF
from services.assessment.domain.extension import Who
from services.assessment.handlers.documents import Letterhead
from services.assessment.handlers.known import Knowledge
from services.assessment.handlers.people import Acting
from shared.kit.process.declaration import Platform
from shared.kit.web.http import By, Paging, Write, paging, reading, writing
from shared.kit.web.security import Role

READERS = (Role.CLERK, Role.REVIEWER, Role.SUPERVISOR, Role.CHIEF, Role.OPERATOR, Role.SERVICE)

Reader = Annotated[AsyncConnection, Depends(reading(*READERS))]
Page = Annotated[Paging, Depends(paging)]
Official = Annotated[Write, Depends(writing(Role.CLERK, Role.REVIEWER, Role.CHIEF, Role.SUPERVISOR))]
"""Whoever may hold a post: what they may do depends on the posts they hold."""
Supervisor = Annotated[Write, Depends(writing(Role.SUPERVISOR))]
Reviewer = Annotated[Write, Depends(writing(Role.REVIEWER))]
ReviewerOrSupervisor = Annotated[Write, Depends(writing(Role.REVIEWER, Role.SUPERVISOR))]
Leader = Annotated[Write, Depends(writing(Role.SUPERVISOR, Role.CHIEF))]
"""督查室, or whoever leads a chain: they sign for the chains they answer for."""
Keeper = Annotated[Write, Depends(writing(Role.SUPERVISOR, Role.OPERATOR))]


@dataclass(frozen=True, slots=True)
class Office:
    """What the routes work with. `link_secrets`: the first signs, all are read; none: links are refused.

    `rehearse`: told when a rehearsal waits to be carried out.
    """

    knowledge: Knowledge
    link_secrets: Sequence[str] = ()
    rehearse: Callable[[], None] = lambda: None
    letterhead: Letterhead = field(default_factory=Letterhead)


def present(request: Request) -> datetime:
    """The platform's time."""
    platform: Platform = request.app.state.platform
    return platform.clock.now()


Now = Annotated[datetime, Depends(present)]


def who(by: By) -> Who:
    return Who(by.actor, by.principal.person)


def acting(by: By) -> Acting:
    on_behalf = Role.SUPERVISOR in by.principal.roles
    return Acting(by.actor, f"登录{ON_BEHALF}" if on_behalf else "登录", by.principal.person, on_behalf)
