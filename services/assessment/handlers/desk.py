"""The work of one transaction with the database: states are loaded set-wise, and written set-wise at the end."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.assessment.domain import obligation as obligations
from services.assessment.domain.directory import Directory
from services.assessment.domain.moments import china_date
from services.assessment.domain.work import KINDS, Subject, Work
from services.assessment.handlers.known import Known
from services.assessment.store import states
from services.assessment.store.states import Kept
from shared.kit.log.eventlog import NewFact, append, lock_heads
from shared.kit.timers import Timer, cancel_timers, set_timers

T = TypeVar("T")

ACTOR = "督导引擎 <assessment>"


@dataclass(slots=True)
class Desk(Work):
    """Work whose states come from the database; what changed is written by `write`, with its facts and timers."""

    known: Known = field(kw_only=True)
    _versions: dict[UUID, int] = field(default_factory=dict)

    @classmethod
    def of(cls, known: Known, now: datetime, directory: Directory | None = None) -> "Desk":
        by_version, directory = known.by_version, directory or known.directory
        return cls(now, china_date(now), known.current, by_version, directory, known=known)

    async def load_projects(self, ids: Collection[UUID], *, conn: AsyncConnection) -> None:
        self.projects.update(await states.projects(ids, conn=conn))

    async def load_obligations(self, ids: Collection[UUID], *, conn: AsyncConnection) -> None:
        for kept in (await states.obligations(ids, conn=conn)).values():
            self._versions[kept.state.id] = kept.version
            self.place(kept.state)

    async def load_cases(self, ids: Collection[UUID], *, conn: AsyncConnection) -> None:
        self._keep(self.cases, await states.cases(ids, conn=conn))

    async def load_lights(self, ids: Collection[UUID], *, conn: AsyncConnection) -> None:
        self._keep(self.lights, await states.lights(ids, conn=conn))

    async def lock_and_load(
        self,
        *,
        obligation_ids: Collection[UUID],
        with_cases_of: Collection[UUID] = (),
        light_ids: Collection[UUID] = (),
        commendation_ids: Collection[UUID] = (),
        conn: AsyncConnection,
    ) -> None:
        """Lock these obligations, the cases of some of them, these lights and commendations, then read them."""
        case_ids = [obligations.case_id(one) for one in with_cases_of]
        heads = await lock_heads([*obligation_ids, *case_ids, *light_ids, *commendation_ids], conn=conn)
        self._keep(self.commendations, await states.commendations(commendation_ids, conn=conn))
        await self.load_obligations(obligation_ids, conn=conn)
        await self.load_cases(case_ids, conn=conn)
        await self.load_lights(light_ids, conn=conn)
        # A case that a timer opened while we waited for its obligation: nobody can hold it and wait for us.
        if late := self.cases.keys() - heads.keys():
            await lock_heads(late, conn=conn)
            await self.load_cases(late, conn=conn)

    async def load_around(self, *, conn: AsyncConnection) -> None:
        """What the obligations, cases and lights at hand are about: the cases' obligations, and all their projects."""
        of_cases = {case.obligation_id for case in self.cases.values()}
        await self.load_obligations(of_cases - self.obligations.keys(), conn=conn)
        at_hand: tuple[Subject, ...] = (*self.obligations.values(), *self.cases.values(), *self.lights.values())
        await self.load_projects({one.project_id for one in at_hand} - self.projects.keys(), conn=conn)

    async def write(self, *, conn: AsyncConnection, actor: str = ACTOR, traceparent: str | None = None) -> None:
        """Write facts, states and timers: a constant number of statements."""
        stored = frozenset(self._versions)
        facts = [NewFact(one.aggregate_id, one.event, one.at) for one in self.facts]
        self._versions.update(await append(facts, conn=conn, actor=actor, traceparent=traceparent))
        await states.save_projects((self.projects[one] for one in self.changed["project"]), conn=conn)
        await states.save_obligations(self._changed_of("obligation", self.obligations, stored), conn=conn)
        await states.save_cases(self._changed_of("case", self.cases, stored), conn=conn)
        await states.save_lights(self._changed_of("light", self.lights, stored), conn=conn)
        await states.save_commendations(self._changed_of("commendation", self.commendations, stored), conn=conn)
        await self._write_timers(stored, conn)

    def version(self, aggregate_id: UUID) -> int:
        return self._versions[aggregate_id]

    async def _write_timers(self, stored: Collection[UUID], conn: AsyncConnection) -> None:
        for kind in KINDS:
            # What is new has no timer yet.
            gone = [one for (one, of), alarm in self.alarms.items() if of == kind and alarm is None and one in stored]
            await cancel_timers(gone, conn=conn, kind=kind)
        rule_version, calendar_version = self.rules.policy.version, self.known.calendar.version
        timers = [
            Timer(one.subject, one.kind, one.due_at, one.project_id, rule_version, calendar_version, one.turn)
            for one in self.alarms.values()
            if one is not None
        ]
        await set_timers(timers, conn=conn)

    def _keep(self, into: dict[UUID, T], found: dict[UUID, Kept[T]]) -> None:
        for one, kept in found.items():
            into[one] = kept.state
            self._versions[one] = kept.version

    def _changed_of(self, kind: str, of: dict[UUID, T], stored: Collection[UUID]) -> Iterable[Kept[T]]:
        return (Kept(of[one], self._versions[one], one not in stored) for one in self.changed[kind])
