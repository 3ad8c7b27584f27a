"""Who may do what: operators run the robots; 督查室 and other services may read what became of messages."""

from typing import Annotated

from fastapi import Depends, Path, Request
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.kit.process.declaration import Platform
from shared.kit.web.http import Paging, Write, paging, reading, writing
from shared.kit.web.security import Role

Operator = Annotated[Write, Depends(writing(Role.OPERATOR))]
OperatorReader = Annotated[AsyncConnection, Depends(reading(Role.OPERATOR, Role.SERVICE))]
MessageReader = Annotated[AsyncConnection, Depends(reading(Role.OPERATOR, Role.SUPERVISOR, Role.SERVICE))]
Page = Annotated[Paging, Depends(paging)]
RobotId = Annotated[str, Path(pattern="^[a-z0-9][a-z0-9-]{0,62}$", description="a short name, e.g. chain-display")]
Number = Annotated[int, Path(ge=1, le=99_999_999_999, description="the message's number, as it stands in its text")]


def platform_of(request: Request) -> Platform:
    platform: Platform = request.app.state.platform
    return platform


Wired = Annotated[Platform, Depends(platform_of)]
