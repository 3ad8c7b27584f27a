"""The topics of the registry on a broker."""

from dataclasses import dataclass
from datetime import timedelta

from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from shared.contracts.topics import TOPICS, dead_letters
from shared.kit.broker import BrokerAddress

DEAD_LETTER_RETENTION = timedelta(days=30)
_EXISTS = 36


class TopicsNotCreated(Exception):
    """The broker refused; the message names each topic and why."""


@dataclass(frozen=True, slots=True)
class TopicPlan:
    name: str
    partitions: int
    retention: timedelta
    producer: str
    consumers: tuple[str, ...]

    @property
    def configs(self) -> dict[str, str]:
        return {
            "cleanup.policy": "delete",
            "retention.ms": str(int(self.retention / timedelta(milliseconds=1))),
        }


@dataclass(frozen=True, slots=True)
class Created:
    """What `create_topics` came to. `unsupported`: an embedded broker, where topics appear at first use."""

    new: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    unsupported: bool = False


def all_topics() -> tuple[TopicPlan, ...]:
    """Every topic the platform uses: the registry's, and one for each service's dead letters."""
    facts = [TopicPlan(t.name, t.partitions, t.retention, t.producer, t.consumers) for t in TOPICS]
    services = sorted({service for topic in TOPICS for service in topic.consumers})
    letters = [TopicPlan(dead_letters(s), 1, DEAD_LETTER_RETENTION, s, ("people",)) for s in services]
    return (*facts, *letters)


async def create_topics(bootstrap: str, *, replication_factor: int = 1) -> Created:
    """Create what is not there yet; topics that exist are left as they are.

    `bootstrap`: as in LIANDU_KAFKA_BOOTSTRAP.

    Raises:
        BrokerUnavailable: nobody answers there.
        TopicsNotCreated: the broker refused one (too few brokers for the replication factor, no rights).
    """
    address = await BrokerAddress.resolve(bootstrap)
    client = AIOKafkaAdminClient(bootstrap_servers=address.bootstrap)
    await client.start()
    try:
        if client._client.cluster.controller is None:  # librdkafka's mock cluster has none and cannot create topics
            return Created(unsupported=True)
        return await _create(client, replication_factor)
    finally:
        await client.close()


async def _create(client: AIOKafkaAdminClient, replication_factor: int) -> Created:
    wanted = [
        NewTopic(plan.name, plan.partitions, replication_factor, topic_configs=plan.configs) for plan in all_topics()
    ]
    errors = {error[0]: error[1:] for error in (await client.create_topics(wanted)).topic_errors}
    refused = {name: error for name, error in errors.items() if error[0] not in (0, _EXISTS)}
    if refused:
        raise TopicsNotCreated("; ".join(f"{name}: {error[-1]} (code {error[0]})" for name, error in refused.items()))
    return Created(
        new=tuple(name for name, error in errors.items() if error[0] == 0),
        known=tuple(name for name, error in errors.items() if error[0] == _EXISTS),
    )
