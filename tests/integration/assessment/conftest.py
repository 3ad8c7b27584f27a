"""Assessment on a real PostgreSQL: its handlers with simulated time, and its application over HTTP in one process."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine

from services.assessment.__main__ import service
from services.assessment.settings import AssessmentSettings
from shared.kit.database import open_engine
from shared.kit.process.declaration import Platform
from shared.kit.web.http import create_app
from shared.kit.web.security import Role, make_token
from tests.support.clock import MovableClock
from tests.support.postgres import ScratchDatabase
from tests.support.supervised import Supervised

SECRET = "a secret of thirty-two characters!"
LINK_SECRET = "another secret of thirty-two characters"

Headers = dict[str, str]


@pytest_asyncio.fixture
async def engine(database: ScratchDatabase) -> AsyncIterator[AsyncEngine]:
    engine = open_engine(await database.provision("assessment"), application="test")
    yield engine
    await engine.dispose()


@pytest_asyncio.fixture
async def supervised(engine: AsyncEngine, clock: MovableClock) -> Supervised:
    return Supervised(engine, clock)


@pytest.fixture
def office_forms(tmp_path: Path) -> Path:
    """The folder with the office's own forms of documents."""
    folder = tmp_path / "forms"
    folder.mkdir()
    return folder


@pytest.fixture
def platform(engine: AsyncEngine, clock: MovableClock, tmp_path: Path, office_forms: Path) -> Platform:
    jwt, links = tmp_path / "jwt", tmp_path / "links"
    jwt.write_text(SECRET)
    links.write_text(LINK_SECRET)
    settings = AssessmentSettings(
        env="test",
        database_url=SecretStr("postgresql://nobody@127.0.0.1:1/none"),
        kafka_bootstrap="127.0.0.1:1",
        port=1,
        jwt_secret_file=jwt,
        link_secret_file=links,
        document_templates=office_forms,
    )
    return Platform("assessment", settings, engine, clock)


@pytest_asyncio.fixture
async def http(platform: Platform) -> AsyncIterator[httpx.AsyncClient]:
    """The service's application; a request says who calls with `headers=as_(…)`."""
    assert isinstance(platform.settings, AssessmentSettings)
    app = create_app(service(platform.settings), platform)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://assessment") as client:
        yield client


@pytest.fixture
def as_() -> Callable[..., Headers]:
    def headers(role: Role, person: UUID | None = None) -> Headers:
        token = make_token(SECRET, subject=f"{role}-1", name="某人", roles=[role], person=person)
        return {"authorization": f"Bearer {token}"}

    return headers
