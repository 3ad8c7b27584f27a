"""Apache Kafka 4.1 on one machine, from its own jars (deploy/kafka/pom.xml): KRaft mode, one node; Java and Maven."""

import base64
import fcntl
import shutil
import subprocess
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from services.operator import processes
from services.operator.processes import Program

HOME = Path(__file__).parents[3] / "deploy" / "kafka"
_JARS = HOME / "target" / "lib"
_JVM = ("-Xms256m", "-Xmx768m", f"-Dlog4j2.configurationFile={HOME / 'log4j2.properties'}")


class KafkaUnavailable(Exception):
    """Java, Maven or the jars are not to be had; the message says which, and what to do."""


class KafkaFailed(Exception):
    """Kafka did not come up; the message names the log to read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RealKafka:
    """One node of one data folder. `prepare`, run `program()`, then `wait_ready`."""

    data: Path
    port: int
    controller_port: int
    log: Path

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.port}"

    def prepare(self) -> None:
        """Get the jars if they are not here, write this start's properties, format the data folder once.

        Raises:
            KafkaUnavailable: no Java, no Maven, or the jars could not be had.
            KafkaFailed: the data folder could not be formatted.
        """
        fetch_jars()
        self.data.mkdir(parents=True, exist_ok=True)
        self._properties.write_text((HOME / "server.properties").read_text() + self._addresses())
        if not (self.data / "log" / "meta.properties").exists():
            self._format()

    def program(self) -> Program:
        return Program(name="kafka", argv=java("kafka.Kafka", str(self._properties)), cwd=self.data)

    def is_ready(self) -> bool:
        """Whether it answers with itself as a broker."""
        if not processes.listens(self.port):
            return False
        try:
            admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
            return bool(admin.list_topics(timeout=2).brokers)
        except KafkaException:
            return False

    def wait_ready(self, process: subprocess.Popen[bytes], *, patience: float = 60) -> None:
        """Block until it answers.

        Raises:
            KafkaFailed: it ended, or took longer than `patience` seconds.
        """
        until = time.monotonic() + patience
        while not self.is_ready():
            if process.poll() is not None or time.monotonic() > until:
                raise KafkaFailed(f"Apache Kafka did not come up; see {self.log}")
            time.sleep(0.1)

    @property
    def _properties(self) -> Path:
        return self.data / "server.properties"

    def _addresses(self) -> str:
        return (
            f"\nlisteners=PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{self.controller_port}\n"
            f"advertised.listeners=PLAINTEXT://127.0.0.1:{self.port}\n"
            f"controller.quorum.voters=1@127.0.0.1:{self.controller_port}\n"
            f"log.dirs={self.data / 'log'}\n"
        )

    def _format(self) -> None:
        cluster_id = base64.urlsafe_b64encode(b"\x00" + uuid.uuid4().bytes[1:]).decode().rstrip("=")
        done = processes.run(java("kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", str(self._properties)))
        if done.returncode != 0:
            raise KafkaFailed(f"formatting {self.data} failed: {done.stdout}")


def java(main: str, *arguments: str) -> tuple[str, ...]:
    """The command line that runs a class of Kafka's jars, such as one of its tools."""
    return ("java", *_JVM, "-cp", f"{_JARS}/*", main, *arguments)


def fetch_jars() -> None:
    """Copy Kafka's jars to deploy/kafka/target/lib with Maven, unless they are there for this pom.

    Raises:
        KafkaUnavailable: no Java, no Maven, or Maven could not get them.
    """
    if not shutil.which("java"):
        raise KafkaUnavailable("Apache Kafka needs Java 17 or later: no `java` on the PATH")
    _JARS.parent.mkdir(exist_ok=True)
    with (_JARS.parent / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stamp = _JARS.parent / "pom.xml"
        pom = (HOME / "pom.xml").read_text()
        if stamp.exists() and stamp.read_text() == pom:
            return
        _run_maven()
        stamp.write_text(pom)


def _run_maven() -> None:
    if not shutil.which("mvn"):
        raise KafkaUnavailable("Apache Kafka's jars are fetched with Maven: no `mvn` on the PATH")
    shutil.rmtree(_JARS, ignore_errors=True)
    done = processes.run(["mvn", "--quiet", "--batch-mode", "--file", str(HOME / "pom.xml"), "prepare-package"])
    if done.returncode != 0:
        raise KafkaUnavailable(f"Maven could not get Apache Kafka's jars: {done.stdout.strip()[-2000:]}")


def start(node: RealKafka) -> subprocess.Popen[bytes]:
    """Prepare, start and wait: for whoever runs Kafka without the launcher.

    Raises:
        KafkaUnavailable: see `fetch_jars`.
        KafkaFailed: it did not come up.
    """
    node.prepare()
    process = processes.spawn(node.program(), log=node.log)
    try:
        node.wait_ready(process)
    except BaseException:
        processes.stop(process)
        raise
    return process
