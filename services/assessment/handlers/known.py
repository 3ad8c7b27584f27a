"""What a transaction decides with: policies, calendar, directory; kept from one to the next while nothing changed."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from services.assessment.domain.directory import Directory
from services.assessment.domain.moments import china_date
from services.assessment.domain.policy import PolicyDocument, PolicyRefused
from services.assessment.domain.rules import Rules
from services.assessment.policies.document import read_document
from services.assessment.store import programme
from services.assessment.store import rules as kept
from services.assessment.store.rules import Installed, RulesAreChanging, Standing
from shared.kit.errors import Conflict
from shared.kit.working_days import WorkingCalendar, published

FIRST_RUN = "first run"
FILE = "policy file"
"""Who installed what the service was started with."""


class PolicyChanged(RuntimeError):
    """The policy's file was changed under the version that cases have begun with; a change needs a new version."""


class PolicyUnreadable(RuntimeError):
    """A policy that was installed is not of the shape that is read: nothing was released in which it was."""

    def __init__(self, version: str, refused: PolicyRefused) -> None:
        super().__init__(f"installed policy {version}: {refused.message}")


class NotBegun(Conflict):
    """The service has not run yet, so there is nothing to read."""

    def __init__(self) -> None:
        super().__init__("督导服务尚未启动，请稍后再试")


@dataclass(frozen=True, slots=True)
class Known:
    """As it stands for one transaction. `directory` is shared between transactions: never teach it.

    `current`: in force on the day of the transaction. `in_force_from`: of every version, in the order of these days.
    """

    began_on: date
    began_by: str
    current: Rules
    by_version: Mapping[str, Rules]
    in_force_from: Mapping[str, date]
    directory: Directory
    directory_revision: int
    calendar_revision: int
    recounted_revision: int
    recounted_policy: str

    def version_on(self, day: date) -> str:
        """The version in force on a day; see `Standing.in_force`."""
        versions = tuple(self.in_force_from)
        begun = [version for version in versions if self.in_force_from[version] <= day]
        return (begun or versions)[-1 if begun else 0]

    @property
    def calendar(self) -> WorkingCalendar:
        return self.current.calendar


class Knowledge:
    """Gives each transaction what it decides with, for one small query while nothing changed."""

    def __init__(self, policy: Mapping[str, Any]) -> None:
        self.body: Mapping[str, Any] = dict(policy)
        self.document = read_document(policy)
        self.numbering = asyncio.Lock()
        """Held by one transaction of this process after the other until it has the counters, if it needs any."""
        self._is_installed = False
        self._day: date | None = None
        self._policies: dict[str, PolicyDocument] = {}
        self._directory: tuple[int, Directory] | None = None
        self._calendar: tuple[int, WorkingCalendar] | None = None
        self._rules: Mapping[str, Rules] = {}

    async def now(self, conn: AsyncConnection, now: datetime, *, wait: bool = True) -> Known:
        """What a writing transaction decides with; it stays so until the transaction ends. To be asked before any head
        is locked; `wait`: false for a transaction that holds heads already. The first one ever begins supervision.

        Raises:
            PolicyChanged: see there.
            RulesAreChanging: it must not wait, and would have to.
        """
        day = self._day = china_date(now)
        if not self._is_installed:
            return await self.alone(conn, now, wait=wait)
        await kept.share(conn=conn, wait=wait)
        standing = await kept.standing(conn=conn)
        if standing is None or self.document.version not in standing.policies:
            self._is_installed = False
            raise RulesAreChanging
        return await self._known(standing, conn, day)

    async def alone(self, conn: AsyncConnection, now: datetime, *, wait: bool = True) -> Known:
        """The same for a transaction that changes it: whoever decided with what stood before has committed.

        Raises: as `now`.
        """
        today = self._day = china_date(now)
        await kept.have_alone(conn=conn, wait=wait)
        standing = await kept.standing(conn=conn)
        if standing is not None and self.document.version in standing.policies:
            self._is_installed = True
            self._policies = {}  # what was read before may have been rolled back
            return await self._known(standing, conn, today)
        document = self.document
        await kept.begin(today, FIRST_RUN, document.version, conn=conn)
        mine = Installed(document.version, document.in_force_from or today, now, FILE, self.body)
        await kept.install_policy(mine, conn=conn)
        standing = await kept.standing(conn=conn)
        assert standing is not None
        return await self._known(standing, conn, today)

    async def read(self, conn: AsyncConnection) -> Known:
        """The same for a transaction that only reads: `current` is of the day of this process's last decision.

        Raises:
            NotBegun, PolicyChanged: see there.
        """
        standing = await kept.standing(conn=conn)
        if standing is None:
            raise NotBegun
        return await self._known(standing, conn, self._day)

    async def _known(self, standing: Standing, conn: AsyncConnection, day: date | None) -> Known:
        policies = self._policies  # another transaction may forget them while this one waits
        if policies.keys() != set(standing.policies):
            policies = self._policies = await self._read_policies(conn)
        calendar = await self._read_calendar(standing.calendar_revision, conn)
        by_version = self._rules_with(policies, calendar, standing.began_on)
        return Known(
            began_on=standing.began_on,
            began_by=standing.began_by,
            current=self._current(standing, by_version, day) or Rules.of(self.document, calendar, standing.began_on),
            by_version=by_version,
            in_force_from=dict(zip(standing.policies, standing.in_force_from, strict=True)),
            directory=await self._read_directory(standing.directory_revision, conn),
            directory_revision=standing.directory_revision,
            calendar_revision=standing.calendar_revision,
            recounted_revision=standing.recounted_revision,
            recounted_policy=standing.recounted_policy,
        )

    def _current(self, standing: Standing, by_version: Mapping[str, Rules], day: date | None) -> Rules | None:
        """None where nothing is installed yet. A process that decides nothing goes by its own file's version."""
        if not standing.policies:
            return None
        if day is None and self.document.version in by_version:
            return by_version[self.document.version]
        return by_version[standing.in_force(day or standing.began_on)]

    def _rules_with(
        self, policies: Mapping[str, PolicyDocument], calendar: WorkingCalendar, began_on: date
    ) -> Mapping[str, Rules]:
        """The same ones for as long as nothing changed: they remember what they counted."""
        made = {version: Rules.of(policy, calendar, began_on) for version, policy in policies.items()}
        if made != self._rules:
            self._rules = made
        return self._rules

    async def _read_policies(self, conn: AsyncConnection) -> dict[str, PolicyDocument]:
        installed = await kept.policies(conn=conn)
        policies = {version: _read(version, one.body) for version, one in installed.items()}
        mine = installed.get(self.document.version)
        if mine is not None and mine.body != self.body:
            raise PolicyChanged(f"policy {self.document.version} differs from what is in force; give it a new version")
        return policies

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


def _read(version: str, body: Mapping[str, Any]) -> PolicyDocument:
    try:
        return read_document(body)
    except PolicyRefused as refused:
        raise PolicyUnreadable(version, refused) from refused
