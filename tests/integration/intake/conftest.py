"""Record keeping on a real PostgreSQL: its handlers in transactions, and its application over HTTP in one process."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine

from services.intake.__main__ import service
from services.intake.settings import IntakeSettings
from shared.contracts.ids import chain_id
from shared.kit.database import open_engine
from shared.kit.process.declaration import Platform
from shared.kit.web.http import By, create_app
from shared.kit.web.security import Principal, Role, make_token
from tests.support.clock import MovableClock
from tests.support.postgres import ScratchDatabase

SECRET = "a secret of thirty-two characters!"
DISPLAY = chain_id("DISPLAY")


@pytest_asyncio.fixture
async def engine(database: ScratchDatabase) -> AsyncIterator[AsyncEngine]:
    engine = open_engine(await database.provision("intake"), application="test")
    yield engine
    await engine.dispose()


@pytest.fixture
def by(clock: MovableClock) -> By:
    """A clerk, on the morning the clock begins."""
    return By(Principal("clerk-1", "王办事员", frozenset({Role.CLERK})), clock.now(), None)


@pytest.fixture
def platform(engine: AsyncEngine, clock: MovableClock, tmp_path: Path) -> Platform:
    secret_file = tmp_path / "jwt"
    secret_file.write_text(SECRET)
    settings = IntakeSettings(
        env="test",
        database_url=SecretStr("postgresql://nobody:none@127.0.0.1:1/none"),
        kafka_bootstrap="127.0.0.1:1",
        port=1,
        jwt_secret_file=secret_file,
    )
    return Platform("intake", settings, engine, clock)


@pytest_asyncio.fixture
async def http(platform: Platform) -> AsyncIterator[httpx.AsyncClient]:
    """The service's application, called as a clerk."""
    app = create_app(service(platform.settings), platform)
    headers = {"authorization": f"Bearer {a_token(Role.CLERK)}"}
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://intake", headers=headers) as client:
        yield client


def a_token(*roles: Role, subject: str = "clerk-1", person: str | None = None) -> str:
    who = UUID(person) if person else None
    return make_token(SECRET, subject=subject, name="王办事员", roles=roles, person=who)


class Office:
    """An office's calls, each expected to succeed unless a test looks at the answer itself."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def make(self, path: str, **body: Any) -> dict[str, Any]:
        answer = await self.http.post(path, json=body)
        assert answer.status_code in (200, 201), answer.text
        made: dict[str, Any] = answer.json()
        return made

    async def project(self, org: str, **changes: Any) -> dict[str, Any]:
        sound = {
            "name": "显示面板项目",
            "chain_id": str(DISPLAY),
            "responsible_org_id": org,
            "total_investment_wan": 120000,
            "stage": "negotiating",
        }
        return await self.make("/v1/projects", **{**sound, **changes})

    async def post_held_by(self, name: str, *, org: str, title: str = "项目专员") -> str:
        post = await self.make("/v1/posts", title=title, tier="officer", organisation_id=org)
        person = await self.make("/v1/people", name=name, organisation_id=org)
        await self.make(f"/v1/posts/{post['id']}:assume", person_id=person["id"], from_day="2026-01-01")
        return str(post["id"])

    async def advance(self, project: dict[str, Any], target: str, **body: Any) -> httpx.Response:
        return await self.http.post(
            f"/v1/projects/{project['id']}/transitions",
            json={"target": target, "on": "2026-01-05", **body},
            headers={"if-match": f'"{project["version"]}"'},
        )


@pytest.fixture
def office(http: httpx.AsyncClient) -> Office:
    return Office(http)


@pytest_asyncio.fixture
async def bureau(office: Office) -> str:
    """The id of an organisation."""
    return str((await office.make("/v1/organisations", name="区商务局"))["id"])
