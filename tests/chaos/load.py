"""Clerks who keep recording facts whatever breaks: each fact is asked for again until it is answered, under one key."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random
from typing import Any, Self
from uuid import UUID, uuid4

import aiohttp
import chinese_calendar

from tests.support.platform import Bureau

_PATIENCE = 20.0
_AGAIN_AFTER = 0.1
_FAR = date(2026, 9, 1)
_NEAR_SHARE = 0.2
_HELD_AT_ONCE = 5


@dataclass(frozen=True, slots=True)
class Accepted:
    """A fact as the platform accepted it. `kind`: the last but one part of its type; `day`: the due or expected day."""

    kind: str
    day: date | None = None


@dataclass(slots=True)
class Ledger:
    """One project with one line of a timetable, and every fact of it that was accepted, in order."""

    name: str
    project: UUID
    milestone: UUID
    due_on: date
    version: int
    facts: list[Accepted] = field(default_factory=list)

    @property
    def is_over(self) -> bool:
        return self.facts[-1].kind in ("met", "cancelled")


class Refused(Exception):
    """The platform refused a sound fact."""


class Load:
    """Records projects `{stem}…` and changes them, as an async context; `finish` waits until all is answered.

    `ledgers`: what was accepted. `repeated`: how often a request had to be made again.
    """

    def __init__(
        self,
        *,
        url: str,
        token: str,
        bureau: Bureau,
        stem: str,
        seed: str,
        today: Callable[[], date],
        clerks: int = 3,
        pause: float = 0.03,
    ) -> None:
        """`url`: of intake. `pause`: seconds that each clerk rests between two facts."""
        self.stem = stem
        self.ledgers: list[Ledger] = []
        self.repeated = 0
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"}
        self._bureau = bureau
        self._seed = seed
        self._today = today
        self._clerks = clerks
        self._pause = pause
        self._ending = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def accepted(self) -> int:
        """How many facts the platform has accepted so far."""
        return sum(len(ledger.facts) for ledger in self.ledgers)

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession(
            self._url, headers=self._headers, timeout=aiohttp.ClientTimeout(total=_PATIENCE), trust_env=False
        )
        self._tasks = [asyncio.create_task(self._clerk(number)) for number in range(self._clerks)]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._http.close()

    async def finish(self) -> None:
        """Begin no further fact, and wait until all that were begun are accepted.

        Raises:
            Refused: see there.
        """
        self._ending.set()
        await asyncio.gather(*self._tasks)

    def check(self) -> None:
        """Raises whatever has ended a clerk before its time."""
        for task in self._tasks:
            if task.done() and not task.cancelled():
                task.result()

    async def project(self, due_on: date) -> Ledger:
        """Record one project more, beside the clerks."""
        return await self._record(f"{self.stem}另{len(self.ledgers) + 1}", due_on)

    async def replan(self, ledger: Ledger, due_on: date) -> None:
        """Give a project's line another due day."""
        body = {"due_on": due_on.isoformat(), "reason": "示例调整"}
        await self._change(ledger, "PATCH", "", body, Accepted("replanned", due_on))
        ledger.due_on = due_on

    async def _clerk(self, number: int) -> None:
        random = Random(f"{self._seed}/{self.stem}/{number}")
        held: list[Ledger] = []
        count = 0
        while not self._ending.is_set():
            if len(held) < _HELD_AT_ONCE:
                count += 1
                held.append(await self._record(f"{self.stem}{number}第{count}件", self._due_day(random)))
            else:
                await self._go_on(held, random)
            await asyncio.sleep(self._pause)

    async def _go_on(self, held: list[Ledger], random: Random) -> None:
        ledger = random.choice(held)
        match random.choices(("replan", "delay", "meet", "cancel", "leave"), (5, 2, 1, 1, 2))[0]:
            case "replan":
                await self.replan(ledger, _another(ledger.due_on, random))
            case "delay":
                await self._delay(ledger, ledger.due_on + timedelta(days=random.randint(1, 20)))
            case "meet":
                body = {"met_on": self._today().isoformat()}
                await self._change(ledger, "POST", ":meet", body, Accepted("met", self._today()))
                held.remove(ledger)
            case "cancel":
                await self._change(ledger, "POST", ":cancel", {"reason": "示例取消"}, Accepted("cancelled"))
                held.remove(ledger)
            case "leave":
                held.remove(ledger)

    def _due_day(self, random: Random) -> date:
        if random.random() < _NEAR_SHARE:
            return working_days_after(self._today(), random.randint(4, 6))
        return _FAR + timedelta(days=random.randint(0, 40))

    async def _record(self, name: str, due_on: date) -> Ledger:
        body = self._bureau.body(name, milestones=[self._bureau.line(due_on.isoformat())])
        answer = await self._ask("POST", "/v1/projects", body, {})
        [line] = answer["milestones"]
        facts = [Accepted("recorded"), Accepted("planned", due_on)]
        ledger = Ledger(name, UUID(answer["id"]), UUID(line["id"]), due_on, version=len(facts), facts=facts)
        self.ledgers.append(ledger)
        return ledger

    async def _delay(self, ledger: Ledger, expected_on: date) -> None:
        path = f"/v1/projects/{ledger.project}/delays"
        body = {"milestone_id": str(ledger.milestone), "reason": "示例延期", "expected_on": expected_on.isoformat()}
        await self._ask("POST", path, body, {})
        self._accept(ledger, Accepted("delayed", expected_on))

    async def _change(
        self, ledger: Ledger, method: str, verb: str, body: Mapping[str, Any], accepted: Accepted
    ) -> None:
        path = f"/v1/projects/{ledger.project}/milestones/{ledger.milestone}{verb}"
        await self._ask(method, path, body, {"If-Match": f'"{ledger.version}"'})
        self._accept(ledger, accepted)

    def _accept(self, ledger: Ledger, accepted: Accepted) -> None:
        ledger.facts.append(accepted)
        ledger.version += 1

    async def _ask(self, method: str, path: str, body: Mapping[str, Any], headers: Mapping[str, str]) -> Any:
        """The answer, however often it takes: always the same request, under the same key."""
        keyed = {**headers, "Idempotency-Key": str(uuid4())}
        while True:
            try:
                async with self._http.request(method, path, json=body, headers=keyed) as answer:
                    if answer.status < 400:
                        return await answer.json()
                    if answer.status < 500:
                        raise Refused(f"{method} {path}: {answer.status} {await answer.text()}")
            except (aiohttp.ClientError, TimeoutError, OSError):
                pass
            self.repeated += 1
            await asyncio.sleep(_AGAIN_AFTER)


def _another(day: date, random: Random) -> date:
    """A later day, so that a line that was near stays ahead of the clock."""
    return day + timedelta(days=random.randint(1, 5))


def working_days_after(day: date, count: int) -> date:
    """By a calendar that is not the product's own."""
    while count:
        day += timedelta(days=1)
        count -= chinese_calendar.is_workday(day)
    return day
