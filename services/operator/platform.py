"""A running platform as the commands find it: its addresses, its clock, and a token to talk to it."""

import json
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import httpx

DEFAULT_DATA = Path(".liandu")
DEFAULT_PORT_BASE = 8100
PORT_OFFSETS = {"intake": 1, "assessment": 2, "notification": 3, "robots": 4, "postgres": 5, "kafka": 9}
SERVICES = ("intake", "assessment", "notification")
_FILE = "platform.json"


class NoPlatform(Exception):
    """No platform was found; the message says where was looked and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformFile:
    """What `liandu run` writes to DATA/platform.json while it runs.

    `services`: name → base URL. `clock`: `system` or `simulated:FILE`. Secrets are named, not held.
    """

    pid: int
    parts: Sequence[str]
    """Every component that the launcher keeps running."""
    services: Mapping[str, str]
    clock: str
    jwt_secret_file: str
    kafka_bootstrap: str
    database: str
    """host:port/database of PostgreSQL, without credentials."""
    robots: str | None = None

    def write(self, data: Path) -> None:
        draft = data / f".{_FILE}"
        draft.write_text(json.dumps(asdict(self), indent=2) + "\n")
        draft.replace(data / _FILE)

    @classmethod
    def read(cls, data: Path) -> Self:
        """Raises NoPlatform when no platform runs on this data folder."""
        try:
            return cls(**json.loads((data / _FILE).read_text()))
        except FileNotFoundError:
            raise NoPlatform(
                f"no platform runs on {data}: start one with `make run`, or name another folder with LIANDU_DATA"
            ) from None


def data_folder() -> Path:
    """LIANDU_DATA, or .liandu in the current folder; absolute."""
    return Path(os.environ.get("LIANDU_DATA") or DEFAULT_DATA).absolute()


def remove_file(data: Path) -> None:
    (data / _FILE).unlink(missing_ok=True)


def wish_file(data: Path, component: str) -> Path:
    """Where a running launcher is asked to stop and start a component (supervisor.Wish)."""
    return data / "wishes" / component


def service_urls() -> dict[str, str]:
    """The services' addresses: LIANDU_<SERVICE>_URL for each, otherwise those of the platform that runs here.

    Raises:
        NoPlatform: neither says where a service is.
    """
    given = {name: url for name in SERVICES if (url := os.environ.get(f"LIANDU_{name.upper()}_URL"))}
    if len(given) == len(SERVICES):
        return given
    return {**PlatformFile.read(data_folder()).services, **given}


def simulated_clock_file() -> Path:
    """The file that holds the platform's simulated time (LIANDU_CLOCK, otherwise the platform that runs here).

    Raises:
        NoPlatform: no platform runs, or it runs on the system's clock, which nobody moves.
    """
    spec = os.environ.get("LIANDU_CLOCK") or PlatformFile.read(data_folder()).clock
    kind, _, file = spec.partition(":")
    if kind != "simulated":
        raise NoPlatform(
            "the platform runs on real time; start it with `liandu run --clock simulated` to move its clock"
        )
    return Path(file)


def jwt_secret() -> str:
    """The secret that signs local tokens: LIANDU_JWT_SECRET_FILE, otherwise that of the data folder.

    Raises:
        NoPlatform: there is none yet.
    """
    from shared.kit.settings import read_secrets

    given = os.environ.get("LIANDU_JWT_SECRET_FILE")
    file = Path(given) if given else data_folder() / "secrets" / "jwt_secret"
    try:
        return read_secrets(file)[0]
    except FileNotFoundError:
        raise NoPlatform(
            f"no signing secret at {file}: `make run` makes one, or name it in LIANDU_JWT_SECRET_FILE"
        ) from None


def operator_token(*, roles: Collection[str] = ("operator",)) -> str:
    """A token for the person at this terminal: who can read the secret is the operator. Good for an hour.

    LIANDU_TOKEN, when set, is used as it is (an OIDC issuer's).
    """
    if given := os.environ.get("LIANDU_TOKEN"):
        return given
    from datetime import timedelta

    from shared.kit.web.security import Role, make_token

    return make_token(
        jwt_secret(), subject="liandu-cli", roles=[Role(role) for role in roles], lifetime=timedelta(hours=1)
    )


def client(service: str, *, roles: Collection[str] = ("operator",), timeout: float = 30) -> httpx.AsyncClient:
    """An HTTP client of one service, with a token.

    Raises:
        NoPlatform: it is not known where the service is.
    """
    return client_at(service_urls()[service], roles=roles, timeout=timeout)


def client_at(url: str, *, roles: Collection[str] = ("operator",), timeout: float = 30) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {operator_token(roles=roles)}"}
    return httpx.AsyncClient(base_url=url, headers=headers, timeout=timeout, trust_env=False)


class Refused(Exception):
    """A service answered with a problem; the message is the problem's own words."""


async def answer_of(response: httpx.Response) -> Any:
    """The JSON of a response. Raises Refused with the problem's title and detail when it is an error."""
    if response.is_success:
        return response.json() if response.content else None
    try:
        problem = response.json()
    except ValueError:
        problem = {}
    words = " ".join(str(problem[key]) for key in ("title", "detail") if problem.get(key))
    raise Refused(f"{response.status_code} {words or response.reason_phrase}")
