"""The harness's side of `injection`: what shall happen inside which service, and whether it has happened."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.chaos import injection

Action = Literal["kill", "stop", "hold"]


@dataclass(frozen=True, slots=True)
class Order:
    """One order for one point of one service."""

    file: Path

    @property
    def carried_out(self) -> bool:
        return self.file.with_name(f"{self.file.name}.used").exists()

    def release(self) -> None:
        """Let what holds at the point go on."""
        self.file.with_name(f"{self.file.name}.used").unlink()

    def withdraw(self) -> None:
        """Take the order back, unless it was carried out."""
        self.file.unlink(missing_ok=True)


class Orders:
    """The folder that the services under chaos look into."""

    def __init__(self, folder: Path, services: tuple[str, ...]) -> None:
        self.folder = folder
        for service in services:
            (folder / service).mkdir(parents=True, exist_ok=True)

    def arm(self, service: str, point: str, *, action: Action = "kill", hits: int = 1) -> Order:
        """Have the service do this the next time it passes the point (or the `hits`-th time).

        `kill`: SIGKILL to itself. `stop`: SIGSTOP. `hold`: wait there until the order is released.
        """
        assert point in injection.POINTS, point
        order = Order(self.folder / service / point)
        order.file.with_name(f"{point}.used").unlink(missing_ok=True)
        draft = order.file.with_name(f".{point}")
        draft.write_text(json.dumps({"action": action, "hits": hits}))
        draft.replace(order.file)
        return order

    def sabotage(self, service: str, name: str | None) -> None:
        """How the service is to work from its next start on; None: as it was built."""
        file = self.folder / service / injection.SABOTAGE
        if name is None:
            file.unlink(missing_ok=True)
            return
        assert name in injection.SABOTAGES, name
        file.write_text(name)
