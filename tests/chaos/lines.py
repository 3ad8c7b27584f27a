"""TCP lines in front of everything a platform's parts talk to, so that each can be cut, held and refused.

`Lines` is the harness's side: one proxy for each server. `install` runs inside the launcher and has it tell everybody
the lines' addresses instead of the servers' own.
"""

import json
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit, urlunsplit

from services.operator.platform import PORT_OFFSETS
from tests.support.proxy import Proxy

_FILE = "lines.json"


class Lines:
    """Lines to the servers of a platform; used as a context around the platform.

    `postgres` stands between the services and their database, `kafka` between them and Apache Kafka, `robots` between
    notification and the robots, `intake`, `assessment` and `notification` between each and whoever asks it.
    """

    def __init__(self, folder: Path, *, port_base: int, kafka: str = "embedded") -> None:
        """`folder`: where the processes of the platform look (CHAOS_FOLDER). `port_base`: the platform's own."""
        names = [name for name in PORT_OFFSETS if name != "kafka" or kafka == "real"]
        self._proxies = {name: Proxy(port_base + PORT_OFFSETS[name]) for name in names}
        self._running = ExitStack()
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _FILE).write_text(json.dumps({name: proxy.port for name, proxy in self._proxies.items()}))

    def __enter__(self) -> Self:
        for proxy in self._proxies.values():
            self._running.enter_context(proxy)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.close()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._proxies)

    def __getitem__(self, name: str) -> Proxy:
        return self._proxies[name]

    def restore(self) -> None:
        for proxy in self._proxies.values():
            proxy.restore()


def install(folder: Path, argv: Sequence[str]) -> None:
    """Prepare this process, if it is the launcher of a platform that has lines; leave every other alone."""
    if "services.operator" not in argv or "run" not in argv or not (folder / _FILE).exists():
        return
    _lead_over(json.loads((folder / _FILE).read_text()))


def _lead_over(ports: dict[str, int]) -> None:
    from services.operator import parts
    from services.operator.embedded.kafka import RealKafka
    from services.operator.launch import HOST, Launch

    database_url, addresses = parts.database_url, RealKafka._addresses

    def url(self: Launch, name: str) -> str:
        return f"http://{HOST}:{ports[name]}"

    def services_database_url(*arguments: Any, **more: Any) -> str:
        found = urlsplit(database_url(*arguments, **more))
        return urlunsplit(found._replace(netloc=found.netloc.replace(f":{found.port}", f":{ports['postgres']}")))

    def advertised(self: RealKafka) -> str:
        own = f"advertised.listeners=PLAINTEXT://{self.bootstrap}"
        return addresses(self).replace(own, f"advertised.listeners=PLAINTEXT://{HOST}:{ports['kafka']}")

    Launch.url = url  # type: ignore[method-assign]
    vars(parts)["database_url"] = services_database_url
    RealKafka._addresses = advertised  # type: ignore[method-assign]
