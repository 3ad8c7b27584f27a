"""What a user can see of a platform, and nothing else: HTTP, the topics by a plain Kafka consumer, robots' receipts."""

import asyncio
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

import aiohttp

from services.operator.demo.stage import Person
from shared.contracts import deliveries, projects, supervision
from shared.contracts.ids import obligation_id
from tests.chaos.load import Ledger
from tests.support.log import Record, read_topic

TOPICS = (projects.PROJECTS, supervision.SUPERVISION, deliveries.DELIVERIES)
_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact as its service's history has it. `kind`: the last but one part of its type."""

    aggregate: UUID
    seq: int
    event_id: UUID
    type: str
    at: datetime
    data: Mapping[str, Any]

    @property
    def kind(self) -> str:
        return self.type.split(".")[-2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Of the projects of one load.

    `logs`: each aggregate's facts in order, by the topic they belong to; nothing of a service that could not be asked.
    `topics`: the records of each topic, partition by partition; `whole`: the broker has lost none of them.
    `obligations`, `messages`: as HTTP lists them; `receipts`: what the robot accepted. `put_aside`, `problems`: what
    the services say waits for a person. `sender_crashes`: how often what sends to the robot was interrupted.
    """

    now: datetime
    ledgers: Sequence[Ledger]
    recorded: Mapping[UUID, str]
    logs: Mapping[str, Mapping[UUID, Sequence[Fact]]]
    topics: Mapping[str, Sequence[Record]]
    whole: bool
    obligations: Mapping[UUID, Mapping[str, Any]]
    messages: Sequence[Mapping[str, Any]]
    receipts: Sequence[Mapping[str, Any]]
    put_aside: Sequence[str]
    problems: Sequence[str]
    sender_crashes: int


def case_of(obligation: UUID) -> UUID:
    """The id of an obligation's case."""
    return uuid5(obligation, "case")


class Histories:
    """Reads histories over HTTP, several at a time."""

    def __init__(self, services: Mapping[str, str], token: str) -> None:
        self._services = services
        self._headers = {"Authorization": f"Bearer {token}"}

    async def read(self, service: str, aggregates: Collection[UUID]) -> dict[UUID, list[Fact]]:
        """The facts of each aggregate in order; empty for one that the service does not know."""
        places = asyncio.Semaphore(_AT_ONCE)
        async with aiohttp.ClientSession(self._services[service], headers=self._headers, trust_env=False) as http:

            async def one(aggregate: UUID) -> list[Fact]:
                async with places:
                    path = f"/v1/log/aggregates/{aggregate}/events"
                    async with http.get(path, params={"limit": "1000"}, raise_for_status=True) as answer:
                        return [_fact(record) for record in (await answer.json())["records"]]

            found = await asyncio.gather(*(one(aggregate) for aggregate in aggregates))
        return dict(zip(aggregates, found, strict=True))


def _fact(record: Mapping[str, Any]) -> Fact:
    headers = record["headers"]
    return Fact(
        aggregate=UUID(record["key"]),
        seq=int(headers["ce_sequence"]),
        event_id=UUID(headers["ce_id"]),
        type=headers["ce_type"],
        at=datetime.fromisoformat(headers["ce_time"]),
        data=json.loads(record["value"]),
    )


async def histories_of(
    ledgers: Sequence[Ledger], histories: Histories, *, away: Collection[str] = ()
) -> dict[str, dict[UUID, list[Fact]]]:
    """What intake and assessment have on record about these projects. `away`: services that cannot be asked."""
    obligations = [obligation_id(ledger.milestone) for ledger in ledgers]
    found = {}
    if "intake" not in away:
        found[projects.PROJECTS] = await histories.read("intake", [ledger.project for ledger in ledgers])
    decided = await histories.read("assessment", obligations)
    missed = [one for one, facts in decided.items() if any(fact.kind == "missed" for fact in facts)]
    decided |= await histories.read("assessment", [case_of(one) for one in missed])
    return {**found, supervision.SUPERVISION: decided}


def listed(person: Person, service: str, path: str, projects_: Collection[UUID]) -> list[dict[str, Any]]:
    """The items of a list that belong to these projects."""
    return [
        item for item in person.every(service, path, limit=200)
        if UUID(item.get("project_id") or item["matter"]["project_id"]) in projects_
    ]  # fmt: skip


async def read_topics(bootstrap: str, aggregates: Collection[UUID]) -> dict[str, list[Record]]:
    """What stands in each topic about these aggregates."""
    found = {}
    for topic in TOPICS:
        records = await read_topic(bootstrap, topic)
        found[topic] = [record for record in records if record.envelope.aggregate_id in aggregates]
    return found
