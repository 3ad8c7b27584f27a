"""The parts of the platform as processes: what each is started with, and how it is told to be ready."""

import asyncio
import http.client
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from aiokafka.errors import KafkaError

from services.operator.embedded import broker
from services.operator.embedded.kafka import RealKafka
from services.operator.embedded.postgres import EmbeddedPostgres
from services.operator.launch import HOST, Launch, ServiceSpec
from services.operator.processes import Program, free_port
from services.operator.supervisor import Component
from services.operator.topics import TopicsNotCreated, create_topics
from shared.kit.broker import BrokerUnavailable

DATABASE = "liandu"
_ROOT = Path(__file__).parents[2]


def ground(launch: Launch) -> list[Component]:
    """PostgreSQL and the broker, as far as they are not there already."""
    return database(launch) + broker_or_kafka(launch)


def database(launch: Launch) -> list[Component]:
    """PostgreSQL, unless one is given."""
    if launch.admin_database_url is not None:
        return []
    server = embedded_postgres(launch)
    return [Component(name="postgres", program=server.program, prepare=server.prepare, is_ready=server.is_ready)]


def broker_or_kafka(launch: Launch) -> list[Component]:
    """The embedded broker or Apache Kafka, unless a cluster is given."""
    if launch.kafka_bootstrap is not None:
        return []
    return [_kafka_part(launch) if launch.kafka == "real" else _broker_part(launch)]


def services(launch: Launch, admin_url: str) -> list[Component]:
    """The services and, where asked for, the robots' simulator."""
    parts = [_service_part(launch, spec, admin_url) for spec in launch.services]
    return [*parts, _robots_part(launch)] if launch.robots else parts


def embedded_postgres(launch: Launch) -> EmbeddedPostgres:
    return EmbeddedPostgres(
        data=launch.data / "postgres",
        port=launch.port("postgres"),
        password=launch.secret("postgres_password"),
        log=launch.logs / "postgres.log",
    )


def kafka_bootstrap(launch: Launch) -> str:
    """LIANDU_KAFKA_BOOTSTRAP of the services."""
    if launch.kafka_bootstrap is not None:
        return launch.kafka_bootstrap
    if launch.kafka == "real":
        return f"{HOST}:{launch.port('kafka')}"
    return f"file:{_address_file(launch)}"


def migration(launch: Launch, spec: ServiceSpec, admin_url: str) -> Program:
    env = {**_service_env(launch, spec, admin_url), "LIANDU_ADMIN_DATABASE_URL": admin_url}
    return Program(name=f"{spec.name} migrate", argv=(sys.executable, "-m", spec.module, "migrate"), env=env, cwd=_ROOT)


def beginning_anew(launch: Launch, spec: ServiceSpec, admin_url: str) -> Program:
    """What follows when the service's database was restored."""
    env = _service_env(launch, spec, admin_url)
    return Program(
        name=f"{spec.name} restored", argv=(sys.executable, "-m", spec.module, "restored"), env=env, cwd=_ROOT
    )


def migrations(spec: ServiceSpec) -> Path:
    """The folder of the service's chain of migrations."""
    return _ROOT.joinpath(*spec.module.split("."), "store", "migrations")


def database_url(admin_url: str, *, user: str, password: str) -> str:
    """The same database for another role."""
    parts = urlsplit(admin_url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{user}:{quote(password, safe='')}@{host}"))


def on_database(admin_url: str, database: str) -> str:
    """The same server's other database."""
    return urlunsplit(urlsplit(admin_url)._replace(path=f"/{database}"))


def answers(port: int, path: str) -> bool:
    """Whether something on this machine answers 200 there."""
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _kafka_part(launch: Launch) -> Component:
    node = RealKafka(
        data=launch.data / "kafka",
        port=launch.port("kafka"),
        controller_port=free_port(),
        log=launch.logs / "kafka.log",
    )
    return Component(
        name="kafka",
        program=node.program,
        prepare=node.prepare,
        is_ready=lambda: node.is_ready() and _has_topics(node.bootstrap),
    )


def _has_topics(bootstrap: str) -> bool:
    """Make the topics that are missing, as at the first start and after its data was lost; whether all are there."""
    try:
        asyncio.run(create_topics(bootstrap))
    except (BrokerUnavailable, KafkaError, TopicsNotCreated):
        return False
    return True


def _broker_part(launch: Launch) -> Component:
    file = _address_file(launch)
    return Component(
        name="broker",
        program=lambda: broker.program(file),
        prepare=lambda: file.unlink(missing_ok=True),
        is_ready=lambda: broker.read_address(file) is not None,
    )


def _service_part(launch: Launch, spec: ServiceSpec, admin_url: str) -> Component:
    env = _service_env(launch, spec, admin_url)
    port = launch.port(spec.name)
    return Component(
        name=spec.name,
        program=lambda: Program(name=spec.name, argv=(sys.executable, "-m", spec.module), env=env, cwd=_ROOT),
        is_ready=lambda: answers(port, "/readyz"),
        speaks=True,
    )


def _robots_part(launch: Launch) -> Component:
    port = launch.port("robots")
    argv = (sys.executable, "-m", "services.operator", "robots", "--port", str(port))
    return Component(
        name="robots",
        program=lambda: Program(name="robots", argv=argv, env=_common_env(launch), cwd=_ROOT),
        is_ready=lambda: answers(port, "/healthz"),
        speaks=True,
    )


def _service_env(launch: Launch, spec: ServiceSpec, admin_url: str) -> Mapping[str, str]:
    password = launch.secret(f"{spec.name}_password")
    return {
        **_common_env(launch),
        "LIANDU_DATABASE_URL": database_url(admin_url, user=f"liandu_{spec.name}", password=password),
        "LIANDU_KAFKA_BOOTSTRAP": kafka_bootstrap(launch),
        "LIANDU_HOST": HOST,
        "LIANDU_PORT": str(launch.port(spec.name)),
        "LIANDU_LOG_FORMAT": "json",
        "LIANDU_LINK_SECRET_FILE": str(launch.secret_file("link_secret")),
        "LIANDU_VAULT_KEY_FILE": str(launch.secret_file("vault_key")),
        "LIANDU_PUBLIC_URL": launch.public_url or launch.url("assessment"),
        **{f"LIANDU_{each.name.upper()}_URL": launch.url(each.name) for each in launch.services},
    }


def _common_env(launch: Launch) -> Mapping[str, str]:
    return {
        "LIANDU_ENV": launch.env,
        "LIANDU_CLOCK": launch.clock,
        "LIANDU_DATA": str(launch.data),
        "LIANDU_JWT_SECRET_FILE": str(launch.secret_file("jwt_secret")),
        "PYTHONUNBUFFERED": "1",
    }


def _address_file(launch: Launch) -> Path:
    return launch.data / "broker.json"
