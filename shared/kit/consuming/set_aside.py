"""The one table of what could not be done and was put aside, so that the rest could go on: records and timers."""

from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

Kind = Literal["record", "waiting", "timer"]
"""`record`: it failed, or is not an event of ours. `waiting`: it stands behind a record of its aggregate that failed.
`timer`: it failed when it fired."""

Headers = Sequence[tuple[str, bytes]]

_LONGEST_ERROR = 4000


@dataclass(frozen=True, slots=True)
class PutAside:
    """One thing put aside, with the bytes as they came. `source` and `seq` only where its envelope could be read."""

    kind: Kind
    error: str
    topic: str | None = None
    partition: int | None = None
    offset: int | None = None
    source: str | None = None
    aggregate_id: UUID | None = None
    seq: int | None = None
    key: bytes | None = None
    headers: Headers = ()
    value: bytes | None = None


def describe(error: BaseException) -> str:
    """An error as it is kept with what it stopped: for people, and bounded."""
    return f"{type(error).__name__}: {error}"


async def put_aside(items: Sequence[PutAside], *, conn: AsyncConnection, now: datetime) -> None:
    """Keep these, in one statement, in the order given."""
    if not items:
        return
    columns = {
        "kinds": [item.kind for item in items],
        "topics": [item.topic for item in items],
        "partitions": [item.partition for item in items],
        "offsets": [item.offset for item in items],
        "sources": [item.source for item in items],
        "aggregates": [item.aggregate_id for item in items],
        "seqs": [item.seq for item in items],
        "keys": [item.key for item in items],
        "headers": [dump_headers(item.headers) for item in items],
        "values": [item.value for item in items],
        "errors": [_storable(item.error)[:_LONGEST_ERROR] for item in items],
    }
    await conn.execute(_PUT_ASIDE, {**columns, "now": now})


def dump_headers(headers: Headers) -> str:
    """Headers as JSON, `[[name, value], …]`: text as it is, other bytes as `{"base64": …}`."""
    return orjson.dumps([[_storable(name), _dump_value(value)] for name, value in headers]).decode()


def load_headers(stored: Sequence[tuple[str, str | dict[str, str]]]) -> list[tuple[str, bytes]]:
    """The headers again, from what `dump_headers` made of them (read from the jsonb column)."""
    return [(name, b64decode(v["base64"]) if isinstance(v, dict) else v.encode()) for name, v in stored]


def _dump_value(value: bytes) -> str | dict[str, str]:
    try:
        text_value = value.decode()
    except UnicodeDecodeError:
        text_value = "\0"
    return text_value if "\0" not in text_value else {"base64": b64encode(value).decode()}


def _storable(words: str) -> str:
    """PostgreSQL's text holds no NUL and no lone surrogate; whoever writes garbage must not stop it being put aside."""
    return words.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode()


_PUT_ASIDE = text("""
INSERT INTO set_aside (kind, topic, partition, record_offset, source, aggregate_id, seq, key, headers, value, error, at)
SELECT kind, topic, partition, record_offset, source, aggregate_id, seq, key, CAST(headers AS jsonb), value, error, :now
FROM unnest(
    CAST(:kinds AS text[]), CAST(:topics AS text[]), CAST(:partitions AS integer[]), CAST(:offsets AS bigint[]),
    CAST(:sources AS text[]), CAST(:aggregates AS uuid[]), CAST(:seqs AS bigint[]), CAST(:keys AS bytea[]),
    CAST(:headers AS text[]), CAST(:values AS bytea[]), CAST(:errors AS text[])
) WITH ORDINALITY AS given
    (kind, topic, partition, record_offset, source, aggregate_id, seq, key, headers, value, error, place)
ORDER BY place
""")
