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
from services.assessment.store.rules import Standing
from shared.kit.errors import Conflict
from shared.kit.working_days import WorkingCalendar, published

FIRST_RUN = "first run"


class PolicyChanged(RuntimeError):
    """The policy's file was changed under the version that cases have begun with; a change needs a new version."""


class NotBegun(Conflict):
    """The service has not run yet, so there is nothing to read."""

    def __init__(self) -> None:
        super().__init__("督导服务尚未启动，请稍后再试")


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
        self.body: Mapping[str, Any] = dict(policy)
        self.policy = read_policy(policy)
        self._policies: dict[str, Policy] = {}
        self._directory: tuple[int, Directory] | None = None
        self._calendar: tuple[int, WorkingCalendar] | None = None
        self._rules: tuple[object, Mapping[str, Rules]] | None = None

    async def now(self, conn: AsyncConnection, now: datetime) -> Known:
        """What a writing transaction decides with. The first one ever begins supervision.

        Raises:
            PolicyChanged: see there.
        """
        standing = await kept.standing(conn=conn)
        if standing is None:
            await kept.begin(china_date(now), FIRST_RUN, conn=conn)
            standing = await kept.standing(conn=conn)
            assert standing is not None
        if self._lacks(standing):
            await kept.install_policy(self.policy.version, self.body, conn=conn, now=now)
        return await self._known(standing, conn)

    async def read(self, conn: AsyncConnection) -> Known:
        """The same for a transaction that only reads.

        Raises:
            NotBegun, PolicyChanged: see there.
        """
        standing = await kept.standing(conn=conn)
        if standing is None:
            raise NotBegun
        return await self._known(standing, conn)

    async def _known(self, standing: Standing, conn: AsyncConnection) -> Known:
        if self._lacks(standing):
            self._policies = await self._read_policies(conn)
        calendar = await self._read_calendar(standing.calendar_revision, conn)
        by_version = {version: Rules(policy, calendar, standing.began_on) for version, policy in self._policies.items()}
        return Known(
            began_on=standing.began_on,
            began_by=standing.began_by,
            current=Rules(self.policy, calendar, standing.began_on),
            by_version=by_version,
            directory=await self._read_directory(standing.directory_revision, conn),
            calendar_revision=standing.calendar_revision,
            recounted_revision=standing.recounted_revision,
        )

    def _rules_with(self, calendar: WorkingCalendar, began_on: date) -> Mapping[str, Rules]:
        key = (calendar.version, began_on, tuple(self._policies))
        if self._rules is None or self._rules[0] != key:
            made = {version: Rules(policy, calendar, began_on) for version, policy in self._policies.items()}
            self._rules = (key, made)
        return self._rules[1]

    def _lacks(self, standing: Standing) -> bool:
        return len(self._policies) != standing.policies or self.policy.version not in self._policies

    async def _read_policies(self, conn: AsyncConnection) -> dict[str, Policy]:
        bodies = await kept.policies(conn=conn)
        if bodies.get(self.policy.version, self.body) != self.body:
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
