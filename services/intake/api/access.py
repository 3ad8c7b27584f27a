"""Who may read and write what, and the day it is."""

from datetime import date
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.kit.clock import CHINA
from shared.kit.process.declaration import Platform
from shared.kit.web.http import Paging, Write, paging, reading, writing
from shared.kit.web.security import Role

READERS = (Role.CLERK, Role.REVIEWER, Role.SUPERVISOR, Role.CHIEF, Role.OPERATOR, Role.SERVICE)

Clerk = Annotated[Write, Depends(writing(Role.CLERK))]
Registrar = Annotated[Write, Depends(writing(Role.CLERK, Role.OPERATOR))]
"""Whoever keeps the programme's organisation: chains, organisations, people, posts."""

Reviewer = Annotated[Write, Depends(writing(Role.REVIEWER))]

Reader = Annotated[AsyncConnection, Depends(reading(*READERS))]
Page = Annotated[Paging, Depends(paging)]


def present_day(request: Request) -> date:
    """Today in Asia/Shanghai, by the platform's clock."""
    platform: Platform = request.app.state.platform
    return platform.clock.now().astimezone(CHINA).date()


Today = Annotated[date, Depends(present_day)]
