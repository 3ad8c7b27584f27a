"""A clerk who keeps recording projects whatever breaks: each once, asked again until it is answered."""

import threading
from types import TracebackType
from typing import Self
from uuid import uuid4

import httpx

from services.operator.demo.stage import Person
from tests.support.platform import Bureau

_PAUSE = 0.05


class Load:
    """Records projects `{stem}1`, `{stem}2`, … while the block lasts. `recorded`: their ids by name, as answered."""

    def __init__(self, clerk: Person, bureau: Bureau, *, stem: str, due_on: str) -> None:
        self.recorded: dict[str, str] = {}
        self._clerk = clerk
        self._bureau = bureau
        self._stem = stem
        self._due_on = due_on
        self._ending = threading.Event()
        self._refused: httpx.Response | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self._thread.join(30)
        if kind is None:
            assert self._refused is None, self._refused.text
            assert not self._thread.is_alive(), "the last project was not recorded within 30 s"

    def _run(self) -> None:
        number = 0
        while self._refused is None and not self._ending.wait(_PAUSE):
            number += 1
            self._record(f"{self._stem}{number}")

    def _record(self, name: str) -> None:
        body = self._bureau.body(name, milestones=[self._bureau.line(self._due_on)])
        key = {"Idempotency-Key": str(uuid4())}
        while (answer := self._ask(body, key)) is None or answer.status_code >= 500:
            threading.Event().wait(_PAUSE)
        if answer.status_code == 201:
            self.recorded[name] = answer.json()["id"]
        else:
            self._refused = answer

    def _ask(self, body: dict[str, object], headers: dict[str, str]) -> httpx.Response | None:
        try:
            return self._clerk.send("POST", "intake", "/v1/projects", json=body, headers=headers)
        except httpx.TransportError:
            return None
