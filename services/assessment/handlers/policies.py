"""A new version of the policy is installed: from its day on it is in force for what begins; cases keep their own."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from services.assessment.domain.moments import china_date
from services.assessment.domain.policy import Fault, PolicyDocument, PolicyRefused
from services.assessment.handlers.known import Knowledge
from services.assessment.store import rules as kept
from services.assessment.store.rules import Installed
from shared.kit.errors import Conflict, NotFound


class NoSuchPolicy(NotFound):
    def __init__(self, version: str) -> None:
        super().__init__("没有该版本的督办规则", version=version)


class AlreadyInstalled(Conflict):
    """What a version says never changes: cases go by it."""

    def __init__(self, version: str) -> None:
        super().__init__("该版本号已使用，内容不能更改，请换一个新的 version", version=version)


async def install(
    document: PolicyDocument,
    body: Mapping[str, Any],
    *,
    conn: AsyncConnection,
    now: datetime,
    by: str,
    knowledge: Knowledge,
) -> Installed:
    """Keep a version that is in force from a later day on; timers are counted again when that day comes.

    Of two for one day the one that was installed later holds.

    Raises:
        PolicyRefused: it does not say from when, or not from tomorrow at the earliest.
        AlreadyInstalled: see there.
    """
    tomorrow = china_date(now) + timedelta(1)
    if document.in_force_from is None or document.in_force_from < tomorrow:
        reason = f"请写明自哪一天起施行，最早为{tomorrow.isoformat()}"
        raise PolicyRefused([Fault("in_force_from", reason)])
    known = await knowledge.alone(conn, now)
    if document.version in known.by_version:
        raise AlreadyInstalled(document.version)
    one = Installed(document.version, document.in_force_from, now, by, body)
    await kept.install_policy(one, conn=conn)
    return one


async def installed(version: str, *, conn: AsyncConnection) -> Installed:
    """Raises NoSuchPolicy."""
    found = (await kept.policies(conn=conn)).get(version)
    if found is None:
        raise NoSuchPolicy(version)
    return found
