"""The kit's tables as DDL, run by each service's first migration inside its own schema.

A published version is never edited: a change is a new function (`create_v2`, …) called by a new migration.
"""

from typing import Protocol

LOG_V1 = """
CREATE TABLE aggregate_head (
    aggregate_id uuid PRIMARY KEY,
    topic text NOT NULL,
    seq bigint NOT NULL CHECK (seq > 0),
    event_id uuid NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX aggregate_head_bucket ON aggregate_head ((uuid_hash_extended(aggregate_id, 0) & 1023));

CREATE TABLE event_log (
    position bigint GENERATED ALWAYS AS IDENTITY (CACHE 1) PRIMARY KEY,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    event_id uuid NOT NULL,
    topic text NOT NULL,
    aggregate_id uuid NOT NULL,
    seq bigint NOT NULL CHECK (seq > 0),
    type text NOT NULL,
    at timestamptz NOT NULL,
    actor text NOT NULL,
    traceparent text,
    data jsonb NOT NULL,
    UNIQUE (aggregate_id, seq)
);
CREATE INDEX event_log_xid ON event_log (xid);

CREATE TABLE relay_cursor (
    name text PRIMARY KEY,
    revision bigint NOT NULL,
    last pg_snapshot NOT NULL,
    target pg_snapshot,
    hi bigint,
    position bigint NOT NULL,
    incarnation text
);
"""

CONSUMER_V1 = """
CREATE TABLE consumer_partition (
    topic text NOT NULL,
    partition integer NOT NULL,
    epoch bigint NOT NULL DEFAULT 0,
    next_offset bigint NOT NULL DEFAULT 0,
    incarnation text NOT NULL DEFAULT '',
    owner text NOT NULL DEFAULT '',
    PRIMARY KEY (topic, partition)
) WITH (fillfactor = 50);

CREATE TABLE watermark (
    source text NOT NULL,
    aggregate_id uuid NOT NULL,
    seq bigint NOT NULL CHECK (seq > 0),
    event_id uuid NOT NULL,
    PRIMARY KEY (source, aggregate_id)
) WITH (fillfactor = 80);

CREATE TABLE journal (
    position bigint GENERATED ALWAYS AS IDENTITY (CACHE 1) PRIMARY KEY,
    event_id uuid NOT NULL,
    topic text NOT NULL,
    source text NOT NULL,
    aggregate_id uuid NOT NULL,
    seq bigint NOT NULL,
    type text NOT NULL,
    at timestamptz NOT NULL,
    consumed_at timestamptz NOT NULL,
    data jsonb NOT NULL
);

CREATE TABLE parked_aggregate (
    source text NOT NULL,
    aggregate_id uuid NOT NULL,
    reason text NOT NULL CHECK (reason IN ('poison', 'rewound')),
    detail text NOT NULL,
    since timestamptz NOT NULL,
    PRIMARY KEY (aggregate_id, source, reason)
);

CREATE TABLE set_aside (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('record', 'waiting', 'timer')),
    topic text,
    partition integer,
    record_offset bigint,
    source text,
    aggregate_id uuid,
    seq bigint,
    key bytea,
    headers jsonb NOT NULL DEFAULT '[]',
    value bytea,
    error text NOT NULL,
    at timestamptz NOT NULL,
    redriven_at timestamptz,
    redriven_by text
);
CREATE INDEX set_aside_open ON set_aside (source, aggregate_id, seq) WHERE redriven_at IS NULL;
"""

LOG_V2 = """
CREATE TABLE log_epoch (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    epoch text NOT NULL
);
INSERT INTO log_epoch (epoch) VALUES (left(replace(CAST(gen_random_uuid() AS text), '-', ''), 16));
"""

CONSUMER_V2 = """
CREATE TABLE producer_epoch (
    source text PRIMARY KEY,
    epoch text NOT NULL
);
"""

TIMER_V1 = """
CREATE TABLE timer (
    subject uuid NOT NULL,
    kind text NOT NULL,
    due_at timestamptz NOT NULL,
    origin uuid,
    rule_version text NOT NULL,
    calendar_version text NOT NULL,
    PRIMARY KEY (subject, kind)
) WITH (fillfactor = 80);
CREATE INDEX timer_due ON timer (due_at, subject, kind);
CREATE INDEX timer_origin ON timer (origin) WHERE origin IS NOT NULL;
"""

TIMER_V2 = """
ALTER TABLE timer ADD COLUMN turn text COLLATE "C" NOT NULL DEFAULT '';
DROP INDEX timer_due;
CREATE INDEX timer_due ON timer (due_at, turn, subject, kind);
"""

HTTP_V1 = """
CREATE TABLE idempotency_key (
    principal text NOT NULL,
    key text NOT NULL,
    request_hash bytea NOT NULL,
    status integer NOT NULL,
    headers jsonb NOT NULL,
    body bytea NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (principal, key)
);
CREATE INDEX idempotency_key_at ON idempotency_key USING brin (at);
"""


class Operations(Protocol):
    def execute(self, sqltext: str) -> object: ...


def create_v1(op: Operations) -> None:
    """Create the kit's tables in the schema that the search_path names (`op` is alembic's)."""
    for ddl in (LOG_V1, CONSUMER_V1, TIMER_V1, HTTP_V1):
        _execute(ddl, op)


def create_log_v2(op: Operations) -> None:
    """Which life of the log this is, and which lives of its producers' logs a consumer believes (`log.epoch`)."""
    for ddl in (LOG_V2, CONSUMER_V2):
        _execute(ddl, op)


def create_timer_v2(op: Operations) -> None:
    """What is due at one instant fires in turn. For a service that fires timers."""
    _execute(TIMER_V2, op)


def _execute(ddl: str, op: Operations) -> None:
    for statement in ddl.split(";\n"):
        if statement.strip():
            op.execute(statement)
