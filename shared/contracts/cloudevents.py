"""CloudEvents 1.0 in Kafka's binary mode: attributes as `ce_` headers, the data alone as the JSON value.

Source: CloudEvents 1.0.2, Kafka protocol binding; extensions `sequence` (here a plain decimal, from 1, gapless for
each aggregate), `epoch` (which life of its producer's log the event is of: a log restored from a backup begins another)
and distributed tracing (`traceparent`, W3C, an ordinary header for tracing tools to find).
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

Headers = list[tuple[str, bytes]]

REQUIRED = frozenset({"ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "ce_sequence"})


class NotACloudEvent(ValueError):
    """The record lacks what every event of the platform carries; the text says what, in English, for operators."""


class Envelope(NamedTuple):
    """What stands around an event's data."""

    event_id: UUID
    source: str
    type: str
    time: datetime
    aggregate_id: UUID
    sequence: int
    traceparent: str | None = None
    epoch: str | None = None

    def key(self) -> bytes:
        return str(self.aggregate_id).encode()

    def headers(self) -> Headers:
        headers = [
            ("ce_specversion", b"1.0"),
            ("ce_id", str(self.event_id).encode()),
            ("ce_source", self.source.encode()),
            ("ce_type", self.type.encode()),
            ("ce_time", self.time.isoformat().encode()),
            ("ce_subject", str(self.aggregate_id).encode()),
            ("ce_sequence", str(self.sequence).encode()),
            ("content-type", b"application/json"),
        ]
        if self.epoch:
            headers.append(("ce_epoch", self.epoch.encode()))
        if self.traceparent:
            headers.append(("traceparent", self.traceparent.encode()))
        return headers


def source_of(service: str) -> str:
    return f"/liandu/{service}"


def read(key: bytes | None, headers: Iterable[tuple[str, bytes]]) -> Envelope:
    """The envelope of a record.

    Raises:
        NotACloudEvent: an attribute is missing or malformed, or the key is not the aggregate's id.
    """
    found: Mapping[str, bytes] = dict(headers)
    if not found.keys() >= REQUIRED:
        raise NotACloudEvent(f"headers missing: {', '.join(sorted(REQUIRED - found.keys()))}")
    if key is None:
        raise NotACloudEvent("the record has no key; it must be the aggregate's id")
    try:
        envelope = Envelope(
            event_id=_uuid(found["ce_id"]),
            source=found["ce_source"].decode(),
            type=found["ce_type"].decode(),
            time=datetime.fromisoformat(found["ce_time"].decode()),
            aggregate_id=_uuid(key),
            sequence=int(found["ce_sequence"]),
            traceparent=found["traceparent"].decode() if "traceparent" in found else None,
            epoch=found["ce_epoch"].decode() or None if "ce_epoch" in found else None,
        )
    except ValueError as error:
        raise NotACloudEvent(f"a CloudEvents attribute is malformed: {error}") from error
    if found["ce_specversion"] != b"1.0" or envelope.sequence < 1 or envelope.time.tzinfo is None:
        raise NotACloudEvent("specversion must be 1.0, sequence at least 1, time with an offset")
    return envelope


def _uuid(text: bytes) -> UUID:
    """In the one form that is written, which takes half the time of all forms that `UUID` reads."""
    if len(text) != 36:
        raise ValueError(f"{text[:40]!r} is no UUID")
    return UUID(int=int(text.replace(b"-", b""), 16))
