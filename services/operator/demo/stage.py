"""What the demonstration stands on: a platform of its own, the command line, and HTTP as different people."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from services.operator.platform import PlatformFile
from services.operator.words import say

_LIANDU = (sys.executable, "-P", "-m", "services.operator")
_ROOT = Path(__file__).parents[3]
_UP_WITHIN = 180.0
_COLUMNS = str(max(100, shutil.get_terminal_size((120, 24)).columns))
_DOWN_WITHIN = 20.0


class DemoFailed(Exception):
    """The demonstration did not go as it should; the message says where."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A running platform. `data`: its folder. `file`: where everything listens."""

    data: Path
    file: PlatformFile
    environment: Mapping[str, str]
    launcher: subprocess.Popen[bytes]

    def liandu(self, *words: str, codes: tuple[int, ...] = (0,)) -> str:
        """Run a `liandu` command as somebody at a terminal would; what it printed.

        Raises:
            DemoFailed: it ended with another code than one of `codes`.
        """
        ran = subprocess.run([*_LIANDU, *words], env=dict(self.environment), cwd=_ROOT, capture_output=True, text=True)
        if ran.returncode not in codes:
            raise DemoFailed(f"`liandu {' '.join(words)}` ended with {ran.returncode}:\n{ran.stdout}{ran.stderr}")
        return ran.stdout.rstrip()

    def advance_to(self, moment: datetime) -> None:
        self.liandu("clock", "advance", "--to", moment.isoformat())

    def as_(self, role: str, name: str, *, person: str | None = None) -> "Person":
        """Somebody with a token of their own."""
        words = ["token", "--role", role, "--name", name, "--subject", f"demo-{role}"]
        token = self.liandu(*words, *(("--person", person) if person else ()))
        return Person(self.file.services, token)


class Person:
    """Somebody who talks HTTP to the services, with one token."""

    def __init__(self, services: Mapping[str, str], token: str) -> None:
        self._services = services
        self._http = httpx.Client(headers={"Authorization": f"Bearer {token}"}, timeout=30, trust_env=False)

    def close(self) -> None:
        self._http.close()

    def ask(self, method: str, service: str, path: str, body: Any = None, **more: Any) -> Any:
        """The JSON of an answer.

        Raises:
            DemoFailed: the answer is a problem.
        """
        response = self.send(method, service, path, json=body, **more)
        if not response.is_success:
            raise DemoFailed(f"{method} {path}: {response.status_code} {response.text[:500]}")
        return response.json() if response.content else None

    def send(self, method: str, service: str, path: str, **more: Any) -> httpx.Response:
        """Whatever a service answers; `more` as httpx takes it."""
        return self._http.request(method, self._services[service] + path, **more)

    def get(self, service: str, path: str, **params: Any) -> Any:
        return self.ask("GET", service, path, params=params)

    def every(self, service: str, path: str, **params: Any) -> list[dict[str, Any]]:
        """All items of a list, page by page."""
        items: list[dict[str, Any]] = []
        after: dict[str, Any] = {}
        while True:
            page = self.get(service, path, **params, **after)
            items += page["items"]
            if page["next_after"] is None:
                return items
            after = {"after": page["next_after"]}


@contextmanager
def stage(data: Path, *, port_base: int, start: datetime) -> Iterator[Stage]:
    """A platform as `running` gives it, on a folder that is emptied first.

    Raises:
        DemoFailed: it does not become ready, or one runs on this folder.
    """
    _empty(data)
    with running(data, port_base=port_base, start=start) as platform:
        yield platform


@contextmanager
def running(data: Path, *, port_base: int, start: datetime, kafka: str | None = None) -> Iterator[Stage]:
    """`liandu run` with a simulated clock and the robots, on whatever the folder holds; stopped at the end.

    `start`: where simulated time begins on an empty folder. `kafka`: `embedded` or `real`; else as KAFKA says.

    Raises:
        DemoFailed: it does not become ready.
    """
    data.mkdir(parents=True, exist_ok=True)
    environment = {**_neutral(os.environ), "LIANDU_DATA": str(data), "COLUMNS": _COLUMNS}
    words = ["run", "--clock", "simulated", "--start", start.isoformat(), "--robots", "--die-with-parent"]
    words += ["--port-base", str(port_base), *(("--kafka", kafka) if kafka else ())]
    log = data / "launcher.log"
    with log.open("w") as out:
        launcher = subprocess.Popen(
            [*_LIANDU, *words], env=environment, cwd=_ROOT, stdout=out, stderr=out, start_new_session=True
        )
    try:
        _wait_until_ready(launcher, log)
        yield Stage(data, PlatformFile.read(data), environment, launcher)
    finally:
        launcher.send_signal(signal.SIGTERM)
        try:
            launcher.wait(_DOWN_WITHIN)
        except subprocess.TimeoutExpired:
            launcher.kill()


def _empty(data: Path) -> None:
    """Every demonstration starts from nothing; a folder that a platform uses is left alone."""
    if (data / "platform.json").exists():
        pid = int(json.loads((data / "platform.json").read_text())["pid"])
        if Path(f"/proc/{pid}").exists():
            raise DemoFailed(f"a demonstration is running already (process {pid}, {data})")
    shutil.rmtree(data, ignore_errors=True)


def _neutral(environment: Mapping[str, str]) -> dict[str, str]:
    """Without what the person's own platform is told: the demonstration must not touch that one."""
    kept = ("LIANDU_LOG_LEVEL",)
    return {name: value for name, value in environment.items() if not name.startswith("LIANDU_") or name in kept}


def _wait_until_ready(launcher: subprocess.Popen[bytes], log: Path) -> None:
    """Pass on what the launcher says until everything answers."""
    told, until = 0, time.monotonic() + _UP_WITHIN
    while time.monotonic() < until:
        lines = log.read_text().splitlines()
        for line in lines[told:]:
            say(f"  {line}")
        told = len(lines)
        if any(line.startswith("ready") for line in lines):
            return
        if launcher.poll() is not None:
            raise DemoFailed(f"the platform did not start (exit code {launcher.returncode}); see {log.parent / 'log'}")
        time.sleep(0.1)
    raise DemoFailed(f"the platform was not ready within {_UP_WITHIN:.0f} s; see {log.parent / 'log'}")
