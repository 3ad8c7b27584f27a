"""What a transaction decides with: policies, calendar, directory; kept from one to the next while nothing changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from services.assessment.domain.directory import Directory
from services.assessment.domain.moments import china_date
from services.assessment.domain.policy import Policy, read_policy
from services.assessment.domain.rules import Rules
from services.assessment.store import programme
from services.assessment.store import rules as kept
from shared.kit.working_days import WorkingCalendar, published

FIRST_RUN = "first run"


class PolicyChanged(RuntimeError):
    """The policy's file was changed under the version that cases have begun with; a change needs a new version."""


@dataclass(frozen=True, slots=True)
class Known:
    """As it stands for one transaction. `directory` is shared between transactions: never teach it."""

    began_on: date
    began_by: str
    current: Rules
    by_version: Mapping[str, Rules]
    directory: Directory
    calendar_revision: int
    recounted_revision: int

    @property
    def calendar(self) -> WorkingCalendar:
        return self.current.calendar


class Knowledge:
    """Gives each transaction what it decides with, for one small query while nothing changed."""

    def __init__(self, policy: Mapping[str, Any]) -> None:
        self._body = dict(policy)
        self.policy = read_policy(policy)
        self._policies: dict[str, Policy] = {}
        self._directory: tuple[int, Directory] | None = None
        self._calendar: tuple[int, WorkingCalendar] | None = None

    async def now(self, conn: AsyncConnection, now: datetime) -> Known:
        """Raises `PolicyChanged`."""
        standing = await kept.standing(conn=conn)
        if standing is None:
            await kept.begin(china_date(now), FIRST_RUN, conn=conn)
            standing = await kept.standing(conn=conn)
            assert standing is not None
        if len(self._policies) != standing.policies or self.policy.version not in self._policies:
            self._policies = await self._read_policies(conn, now)
        calendar = await self._read_calendar(standing.calendar_revision, conn)
        by_version = {version: Rules(policy, calendar, standing.began_on) for version, policy in self._policies.items()}
        return Known(
            began_on=standing.began_on,
            began_by=standing.began_by,
            current=by_version[self.policy.version],
            by_version=by_version,
            directory=await self._read_directory(standing.directory_revision, conn),
            calendar_revision=standing.calendar_revision,
            recounted_revision=standing.recounted_revision,
        )

    async def _read_policies(self, conn: AsyncConnection, now: datetime) -> dict[str, Policy]:
        await kept.install_policy(self.policy.version, self._body, conn=conn, now=now)
        bodies = await kept.policies(conn=conn)
        if bodies[self.policy.version] != self._body:
            raise PolicyChanged(f"policy {self.policy.version} differs from what is in force; give it a new version")
        return {version: read_policy(body) for version, body in bodies.items()}

    async def _read_calendar(self, revision: int, conn: AsyncConnection) -> WorkingCalendar:
        if self._calendar is None or self._calendar[0] != revision:
            calendar = published()
            for table in await kept.calendar_years(conn=conn):
                calendar = calendar.with_year(table)
            self._calendar = (revision, calendar)
        return self._calendar[1]

    async def _read_directory(self, revision: int, conn: AsyncConnection) -> Directory:
        if self._directory is None or self._directory[0] != revision:
            self._directory = (revision, await programme.load(conn=conn))
        return self._directory[1]
