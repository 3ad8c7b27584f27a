"""A pulse through a whole platform: projects recorded over HTTP, and when a robot is told of each."""

import asyncio
import re
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import aiohttp

from shared.kit.settings import read_secrets
from shared.kit.web.security import Role, make_token
from tests.support.platform import Bureau, Platform
from tests.support.waiting import eventually

SOON = "2026-01-08"
"""Three working days after the clock's start: its reminder is due at once."""

_EVERY = 0.1
_LOOK_EVERY = 0.02
_ANSWER_SECONDS = 1.0
_PATIENCE = 120.0
_NAME = re.compile(r"脉搏\d+")


@dataclass(slots=True)
class Beat:
    """A project's way through the platform, in real seconds of one clock."""

    asked_at: float
    answered_at: float | None = None
    told_at: list[float] = field(default_factory=list)
    marked: int = 0
    """How many of the messages say that they may be repeats."""


class Pulse:
    """Records a project ten times a second, each until it is answered, for the length of the block.

    `intake`: where projects are recorded; may be set to another process's address from one beat to the next.
    """

    def __init__(self, platform: Platform, bureau: Bureau) -> None:
        self.intake = platform.file.services["intake"]
        self._bureau = bureau
        self._robots = platform.file.robots
        secret = read_secrets(Path(platform.file.jwt_secret_file))[0]
        self._token = make_token(secret, subject="pulse", roles=[Role.CLERK], lifetime=timedelta(hours=1))
        self._beats: dict[str, Beat] = {}
        self._heard_at = self.now
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        timeout = aiohttp.ClientTimeout(total=_ANSWER_SECONDS)
        self._http = aiohttp.ClientSession(timeout=timeout, trust_env=False)
        self._tasks = [asyncio.create_task(self._record_all()), asyncio.create_task(self._listen())]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._http.close()

    @property
    def now(self) -> float:
        return asyncio.get_running_loop().time()

    @property
    def silence(self) -> float:
        """For how many seconds the robot has been told of nothing."""
        return self.now - self._heard_at

    @property
    def marked(self) -> int:
        return sum(beat.marked for beat in self._beats.values())

    def arrival(self, since: float) -> float | None:
        """The seconds until the robot had been told of a project recorded since then, and of all accepted before."""
        beats = self._beats.values()
        later = [beat.told_at[0] for beat in beats if beat.asked_at > since and beat.told_at]
        earlier = [beat for beat in beats if beat.answered_at is not None and beat.answered_at <= since]
        if not later or not all(beat.told_at for beat in earlier):
            return None
        return max([min(later), *(beat.told_at[0] for beat in earlier)]) - since

    async def flows(self, *, since: float | None = None) -> float:
        """Wait until facts arrive that are recorded from now on, or since then; `arrival`."""
        start = self.now if since is None else since

        def arrived() -> float | None:
            for task in self._tasks:
                if task.done():
                    task.result()
            return self.arrival(start)

        found = await eventually(arrived, within=_PATIENCE, what="facts flow")
        assert found is not None
        return found

    def require_each_once(self) -> None:
        """Raises AssertionError when something was told twice without saying so."""
        doubled = [name for name, beat in self._beats.items() if len(beat.told_at) - beat.marked > 1]
        assert doubled == [], f"told twice without a word: {doubled}"

    async def _record_all(self) -> None:
        number = 0
        while True:
            number += 1
            name = f"脉搏{number}"
            self._beats[name] = Beat(self.now)
            await self._record(name, self._beats[name])
            await asyncio.sleep(_EVERY)

    async def _record(self, name: str, beat: Beat) -> None:
        body = self._bureau.body(name, milestones=[self._bureau.line(SOON)])
        headers = {"Authorization": f"Bearer {self._token}", "Idempotency-Key": str(uuid4())}
        await eventually(partial(self._is_accepted, body, headers), within=_PATIENCE, poll=_LOOK_EVERY, what=name)
        beat.answered_at = self.now

    async def _is_accepted(self, body: dict[str, Any], headers: dict[str, str]) -> bool:
        try:
            async with self._http.post(f"{self.intake}/v1/projects", json=body, headers=headers) as answer:
                assert answer.status in (201, 409) or answer.status >= 500, await answer.text()
                return answer.status == 201
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def _listen(self) -> None:
        after = 0
        while True:
            async with self._http.get(f"{self._robots}/_receipts", params={"after": after}) as answer:
                found: list[dict[str, Any]] = (await answer.json())["items"]
            for receipt in found:
                self._note(receipt)
                after = receipt["number"]
            await asyncio.sleep(_LOOK_EVERY)

    def _note(self, receipt: dict[str, Any]) -> None:
        if not receipt["accepted"]:
            return
        words = receipt["message"]["title"] + receipt["message"]["text"]
        if (name := _NAME.search(words)) and (beat := self._beats.get(name[0])):
            self._heard_at = self.now
            beat.told_at.append(self.now)
            beat.marked += "可能重复" in words
