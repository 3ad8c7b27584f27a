"""Producers' logs over HTTP: the facts that Kafka did not bring, and what auditors compare."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ValidationError

from shared.contracts.cloudevents import source_of
from shared.contracts.topics import Topic
from shared.kit.consuming.arrivals import Arrival, Reader, Standing, Stream
from shared.kit.consuming.taking import ProducerUnavailable
from shared.kit.log import api as log_api

PAGE = 1000
CALL_LIMIT = 10.0
"""Real seconds for one request."""

REST = 2.0
"""Real seconds for which a producer that did not answer is not asked again."""

REST_AT_FIRST = 0.2
"""The same for one that has not answered this process yet: they may just be starting together."""

_Body = TypeVar("_Body", bound=BaseModel)


class LogRestored(Exception):
    """The producer's log was restored from a dump since the cursor was given: compare everything anew."""


class BackFill:
    """The logs of the producers whose topics a service reads, by source (`/liandu/<service>`)."""

    def __init__(
        self,
        *,
        topics: Sequence[Topic],
        urls: Mapping[str, str],
        auth: httpx.Auth | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """`urls`: each producer's address by its service's name; `auth` gives the service's own tokens.

        Raises:
            ValueError: a producer of these topics has no address.
        """
        if missing := sorted({topic.producer for topic in topics} - urls.keys()):
            raise ValueError(f"no address for {', '.join(missing)}: back-fill needs LIANDU_{missing[0].upper()}_URL")
        reader = Reader(topics)
        self.producers = {
            source_of(service): ProducerLog(
                source_of(service),
                httpx.AsyncClient(base_url=urls[service], auth=auth, transport=transport, timeout=CALL_LIMIT),
                topics=[topic.name for topic in topics if topic.producer == service],
                reader=reader,
            )
            for service in sorted({topic.producer for topic in topics})
        }

    async def events(self, stream: Stream, *, after: int, up_to: int | None = None) -> list[Arrival]:
        """The events of one stream, confirmed, after the number `after` up to `up_to` (None: the end).

        Raises:
            ProducerUnavailable: the producer does not answer.
        """
        return await self.producers[stream[0]].events(stream, after=after, up_to=up_to)

    async def epoch(self, source: str) -> str | None:
        """Which life of this producer's log it is; None where it does not say. Raises: ProducerUnavailable."""
        return (await self.producers[source].changed_heads(None)).epoch

    async def close(self) -> None:
        for producer in self.producers.values():
            await producer.close()


class ProducerLog:
    """One producer's log, as far as it concerns the topics that are read here."""

    def __init__(self, source: str, client: httpx.AsyncClient, *, topics: Sequence[str], reader: Reader) -> None:
        self.source = source
        self._client = client
        self._topics = topics
        self._reader = reader
        self._silent_until = 0.0
        self._has_answered = False

    async def events(self, stream: Stream, *, after: int, up_to: int | None = None) -> list[Arrival]:
        found: list[Arrival] = []
        while up_to is None or after < up_to:
            limit = PAGE if up_to is None else min(PAGE, up_to - after)
            path = f"/v1/log/aggregates/{quote(str(stream[1]))}/events"
            page = (await self._get(path, log_api.Records, after=after, limit=limit)).records
            found += [self._confirmed(record) for record in page]
            after += len(page)
            if len(page) < limit:
                break
        return [each for each in found if each.standing is Standing.CONFIRMED]

    async def changed_heads(self, after: str | None) -> log_api.Heads:
        """The last facts of what changed since the cursor, except for the youngest; without one, only the cursor.

        Raises:
            LogRestored: the cursor is of another life of the log.
            ProducerUnavailable: the producer does not answer.
        """
        return await self._get("/v1/log/heads", log_api.Heads, topic=self._topics, limit=PAGE, **_given(after=after))

    async def heads_in(self, bucket: int) -> Sequence[log_api.Head]:
        """The heads of one of the buckets of `digests`. Raises: ProducerUnavailable."""
        return (await self._get("/v1/log/heads", log_api.Heads, topic=self._topics, bucket=bucket)).heads

    async def digests(self) -> Sequence[str]:
        """Over the heads of all aggregates of the topics read here, by bucket. Raises: ProducerUnavailable."""
        return (await self._get("/v1/log/digests", log_api.Digests, topic=self._topics)).digests

    async def close(self) -> None:
        await self._client.aclose()

    def _confirmed(self, record: log_api.Record) -> Arrival:
        """Refused by the reader: it stands in a topic that is not read here."""
        headers = [(name, value.encode()) for name, value in record.headers.items()]
        arrival = self._reader.read(record.topic, record.key.encode(), headers, record.value.encode())
        return arrival.as_(Standing.CONFIRMED) if arrival.counts else arrival

    async def _get(self, path: str, shape: type[_Body], **query: str | int | Sequence[str]) -> _Body:
        loop = asyncio.get_running_loop()
        if loop.time() < self._silent_until:
            raise ProducerUnavailable(f"{self.source} did not answer a moment ago")
        try:
            response = await self._client.get(path, params=query)
            if response.status_code == httpx.codes.CONFLICT:
                raise LogRestored(self.source)
            body = shape.model_validate_json(response.raise_for_status().content)
        except (httpx.HTTPError, ValidationError) as error:
            self._silent_until = loop.time() + (REST if self._has_answered else REST_AT_FIRST)
            raise ProducerUnavailable(f"{self.source}: {error!r}") from error
        self._has_answered = True
        return body


def _given(**parameters: str | None) -> dict[str, str]:
    return {name: value for name, value in parameters.items() if value is not None}
