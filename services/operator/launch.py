"""What is started on one machine, and where: the launcher's input."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from services.operator.platform import PORT_OFFSETS, SERVICES

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSpec:
    """A service as the launcher sees it: `python -m MODULE` serves, `python -m MODULE migrate` migrates."""

    name: str
    module: str
    port_offset: int


PLATFORM = tuple(ServiceSpec(name=name, module=f"services.{name}", port_offset=PORT_OFFSETS[name]) for name in SERVICES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """What is started, and where."""

    data: Path
    port_base: int
    kafka: Literal["embedded", "real"] = "embedded"
    kafka_bootstrap: str | None = None
    """A cluster that is there already, as in LIANDU_KAFKA_BOOTSTRAP."""
    replication_factor: int = 1
    """Of topics made on that cluster."""
    admin_database_url: str | None = None
    """A server that is there already; None: the embedded one."""
    kafka_port: int | None = None
    """Of Apache Kafka; None: counted from port_base like the others."""
    clock: str = "system"
    clock_start: datetime | None = None
    """Where simulated time begins when its file is not there yet."""
    env: str = "development"
    public_url: str | None = None
    """Where browsers reach assessment's pages; None: its address on this machine."""
    robots: bool = False
    verbose: bool = False
    services: Sequence[ServiceSpec] = PLATFORM

    def port(self, name: str) -> int:
        if name == "kafka" and self.kafka_port is not None:
            return self.kafka_port
        offsets = {**PORT_OFFSETS, **{service.name: service.port_offset for service in self.services}}
        return self.port_base + offsets[name]

    def url(self, name: str) -> str:
        return f"http://{HOST}:{self.port(name)}"

    @property
    def ports(self) -> dict[str, int]:
        """The ports this start takes, by what takes them."""
        names = [service.name for service in self.services]
        if self.robots:
            names.append("robots")
        if self.admin_database_url is None:
            names.append("postgres")
        if self.kafka_bootstrap is None and self.kafka == "real":
            names.append("kafka")
        return {name: self.port(name) for name in names}

    @property
    def logs(self) -> Path:
        return self.data / "log"

    @property
    def secrets(self) -> Path:
        return self.data / "secrets"

    def secret_file(self, name: str) -> Path:
        return self.secrets / name

    def secret(self, name: str) -> str:
        return self.secret_file(name).read_text().strip()

    @property
    def clock_file(self) -> Path | None:
        kind, _, file = self.clock.partition(":")
        return Path(file) if kind == "simulated" else None
