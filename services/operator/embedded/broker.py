"""The embedded broker: librdkafka's mock cluster in a process of its own.

    python -m services.operator.embedded.broker ADDRESS_FILE

It speaks the Kafka protocol on a TCP port of 127.0.0.1 and keeps everything in memory: each start has another port and
no records. So it writes where it is and which start this is; clients read the file again when the connection fails.
"""

import json
import os
import secrets
import signal
import sys
import threading
from pathlib import Path

from confluent_kafka import Producer

from services.operator.processes import Program, end_with_parent

_PARENT_POLL = 1.0


def program(address_file: Path) -> Program:
    return Program(name="broker", argv=(sys.executable, "-m", "services.operator.embedded.broker", str(address_file)))


def read_address(address_file: Path) -> str | None:
    """`host:port` of the broker that runs now; None while there is no file."""
    try:
        bootstrap: str = json.loads(address_file.read_text())["bootstrap"]
    except FileNotFoundError:
        return None
    return bootstrap


def serve(address_file: Path) -> None:
    """Run until SIGTERM or SIGINT, or until the parent dies."""
    end_with_parent()
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    cluster = Producer({"bootstrap.servers": "mock", "test.mock.num.brokers": 1, "log_level": 4})
    broker = next(iter(cluster.list_topics(timeout=10).brokers.values()))
    _publish(address_file, bootstrap=f"{broker.host}:{broker.port}")
    parent = os.getppid()
    while not stopping.wait(_PARENT_POLL) and os.getppid() == parent:
        pass


def _publish(address_file: Path, *, bootstrap: str) -> None:
    draft = address_file.with_name(f".{address_file.name}.{os.getpid()}")
    draft.write_text(json.dumps({"bootstrap": bootstrap, "incarnation": secrets.token_hex(8)}) + "\n")
    draft.replace(address_file)


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
