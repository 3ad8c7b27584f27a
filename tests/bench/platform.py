"""The real platform on the benches' ground: its three processes, and a clerk who records facts over HTTP."""

import asyncio
import itertools
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import psutil  # type: ignore[import-untyped]

from services.operator.platform import SERVICES, NoPlatform, PlatformFile
from shared.contracts.programme import Tier
from shared.kit.clock import CHINA, SystemClock
from shared.kit.settings import read_secrets
from shared.kit.web.security import Role, make_token
from tests.bench.ground import Ground
from tests.bench.harness import say
from tests.bench.robot import QuickRobot
from tests.support.ports import free_port_base
from tests.support.postgres import ScratchDatabase

CHAINS = 20
"""Each with a robot of its own, so that no robot's queue is what is measured."""
LINES = 10
_UP_WITHIN = 120.0
_CONNECTIONS = 64
_ROLES = (Role.CLERK, Role.OPERATOR, Role.SUPERVISOR, Role.SERVICE)


@dataclass(frozen=True, slots=True)
class Platform:
    """`database`: the superuser's URL. `processes`: the services', by name."""

    file: PlatformFile
    database: str
    processes: dict[str, psutil.Process]

    @property
    def pids(self) -> list[int]:
        return [process.pid for process in self.processes.values()]


@asynccontextmanager
async def running_platform(ground: Ground) -> AsyncIterator[Platform]:
    """`liandu run` on a database of its own, until the block ends."""
    scratch = ScratchDatabase(ground.postgres_url)
    await scratch.create()
    try:
        with _launcher(ground, scratch.admin_url) as (launcher, data):
            file = await _file_when_ready(launcher, data)
            children = psutil.Process(launcher.pid).children()
            processes = {name: _process_of(name, children) for name in SERVICES}
            try:
                yield Platform(file, scratch.admin_url, processes)
            except Exception:
                say(_last_errors(data / "log"))
                raise
    finally:
        await scratch.drop()


@contextmanager
def _launcher(ground: Ground, database: str) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    data = ground.folder / "platform"
    data.mkdir(exist_ok=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LIANDU_")}
    environment |= {
        "LIANDU_DATA": str(data),
        "LIANDU_DATABASE_URL": database,
        "LIANDU_KAFKA_BOOTSTRAP": ground.broker,
        "LIANDU_ENV": "development",
    }
    command = [sys.executable, "-P", "-m", "services.operator", "run", "--die-with-parent"]
    command += ["--port-base", str(free_port_base())]
    with (data / "launcher.log").open("wb") as log:
        root = Path(__file__).parents[2]
        launcher = subprocess.Popen(command, env=environment, cwd=root, stdout=log, stderr=log, start_new_session=True)
    try:
        yield launcher, data
    finally:
        launcher.terminate()
        try:
            launcher.wait(20)
        except subprocess.TimeoutExpired:
            launcher.kill()


async def _file_when_ready(launcher: subprocess.Popen[bytes], data: Path) -> PlatformFile:
    until = time.monotonic() + _UP_WITHIN
    while True:
        try:
            return PlatformFile.read(data)
        except NoPlatform:
            if launcher.poll() is not None or time.monotonic() > until:
                raise RuntimeError((data / "launcher.log").read_text()) from None
        await asyncio.sleep(0.1)


def _last_errors(logs: Path) -> str:
    """What the services said that went wrong: their folder does not outlive the run."""
    lines = [line for name in SERVICES for line in (logs / f"{name}.log").read_text().splitlines()]
    return "\n".join([line for line in lines if '"level":"error"' in line.replace(" ", "")][-5:])


def _process_of(service: str, children: Sequence[psutil.Process]) -> psutil.Process:
    [found] = [child for child in children if f"services.{service}" in " ".join(child.cmdline())]
    return found


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a timetable that can be met early; `name` stands in the message that follows."""

    project: str
    milestone: str
    name: str


class Clerk:
    """Talks HTTP to the services. Days are those of the platform's clock, which is the system's."""

    def __init__(self, platform: Platform, http: aiohttp.ClientSession) -> None:
        self._services, self._http = platform.file.services, http
        self._numbers = itertools.count(1)
        self._today = SystemClock().now().astimezone(CHINA).date()
        self._unit, self._officer = "", ""
        self._chains: list[str] = []

    @classmethod
    @asynccontextmanager
    async def at_work(cls, platform: Platform) -> AsyncIterator["Clerk"]:
        secret = read_secrets(Path(platform.file.jwt_secret_file))[0]
        headers = {"Authorization": "Bearer " + make_token(secret, subject="bench", roles=_ROLES)}
        timeout = aiohttp.ClientTimeout(total=60)
        connector = aiohttp.TCPConnector(limit=_CONNECTIONS, keepalive_timeout=3)  # the server's is 5
        async with aiohttp.ClientSession(headers=headers, timeout=timeout, connector=connector) as http:
            yield cls(platform, http)

    async def send(self, method: str, service: str, path: str, body: Any = None) -> Any:
        """The JSON of the answer.

        Raises:
            RuntimeError: the answer is a problem.
        """
        async with self._http.request(method, self._services[service] + path, json=body) as response:
            if not response.ok:
                raise RuntimeError(f"{method} {path}: {response.status} {(await response.text())[:500]}")
            return await response.json() if response.content_length != 0 else None

    async def staff(self, robot: QuickRobot) -> None:
        """Chains with a robot each, a unit, and somebody in every post that supervision speaks to."""
        self._unit = await self._made("/v1/organisations", {"name": "示例单位"})
        for number in range(CHAINS):
            code = {"code": f"BENCH{number:02}", "name": f"示例产业链{number}", "category": "future"}
            self._chains.append(await self._made("/v1/chains", code))
        for tier in Tier:
            post = await self._staff(tier)
            self._officer = post if tier is Tier.OFFICER else self._officer
        for number, chain in enumerate(self._chains):
            await self._connect(f"robot-{number}", chain, robot.target(number).url)

    async def projects(self, count: int, *, lines: int = LINES) -> list[Line]:
        """Record projects; their lines in an order in which neighbours are of different projects."""
        recorded: list[list[Line]] = []
        for start in range(0, count, 8):
            recorded += await asyncio.gather(*(self.project(lines) for _ in range(start, min(start + 8, count))))
        return [line for group in zip(*recorded, strict=True) for line in group]

    async def project(self, lines: int = LINES) -> list[Line]:
        number = next(self._numbers)
        timetable = [self._line(f"节点{number}之{line}。") for line in range(lines)]
        body = {**self._project(number), "milestones": timetable}
        shown = await self.send("POST", "intake", "/v1/projects", body)
        return [Line(shown["id"], each["id"], each["name"]) for each in shown["milestones"]]

    async def meet(self, *lines: Line) -> None:
        """A fact for each, several in one request; weeks early, so that a commendation is proposed and a message goes
        out."""
        met_on = {"met_on": self._today.isoformat()}
        if len(lines) == 1:
            path = f"/v1/projects/{lines[0].project}/milestones/{lines[0].milestone}:meet"
            await self.send("POST", "intake", path, met_on)
            return
        items = [{"project_id": line.project, "milestone_id": line.milestone, **met_on} for line in lines]
        await self.batch([{"operation": "meet_milestone", **item} for item in items])

    async def batch(self, items: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Many operations in one request; what became of each.

        Raises:
            RuntimeError: any of them was refused.
        """
        answer = await self.send("POST", "intake", "/v1/facts:batch", {"items": list(items)})
        return list(answer["items"])

    def recording(self) -> dict[str, Any]:
        """A project, as an item of a batch."""
        return {"operation": "record_project", **self._project(next(self._numbers))}

    def planning(self, project: str) -> dict[str, Any]:
        """A line for it, as an item of a batch."""
        return {"operation": "plan_milestone", "project_id": project, **self._line(f"节点{next(self._numbers)}")}

    def _project(self, number: int) -> dict[str, Any]:
        return {
            "name": f"示例智能装备产业园{number}号项目",
            "chain_id": self._chains[number % CHAINS],
            "responsible_org_id": self._unit,
            "total_investment_wan": 120_000,
            "stage": "signed",
            "signed_on": "2025-12-01",
        }

    def _line(self, name: str) -> dict[str, Any]:
        due_on = self._today + timedelta(days=60)
        return {"name": name, "due_on": due_on.isoformat(), "responsible_post_id": self._officer}

    async def _staff(self, tier: Tier) -> str:
        of_chains = tier not in (Tier.OFFICER, Tier.UNIT_HEAD, Tier.CHIEF_GENERAL)
        body = {"title": f"示例{tier}", "tier": tier, "organisation_id": self._unit}
        post = await self._made("/v1/posts", {**body, "chain_ids": self._chains if of_chains else []})
        person = await self._made("/v1/people", {"name": f"某{tier}", "organisation_id": self._unit})
        term = {"person_id": person, "from_day": "2025-01-01"}
        await self.send("POST", "intake", f"/v1/posts/{post}:assume", term)
        return post

    async def _connect(self, robot: str, chain: str, url: str) -> None:
        body = {"name": robot, "channel": "dingtalk", "url": url, "secret": "a secret for signing", "per_minute": 0}
        await self.send("PUT", "notification", f"/v1/robots/{robot}", body)
        await self.send("POST", "notification", "/v1/routes", {"robot": robot, "chain_id": chain})

    async def _made(self, path: str, body: dict[str, Any]) -> str:
        return str((await self.send("POST", "intake", path, body))["id"])
