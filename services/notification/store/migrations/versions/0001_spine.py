"""Directory, robots, routes, messages, attempts on their way and the ledger of attempts."""

from alembic import op

from shared.kit import tables

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

DIRECTORY = """
CREATE TABLE organisation (
    id uuid PRIMARY KEY,
    name text NOT NULL
);
CREATE TABLE person (
    id uuid PRIMARY KEY,
    name text NOT NULL
);
CREATE TABLE chain (
    id uuid PRIMARY KEY,
    name text NOT NULL
);
CREATE TABLE post (
    id uuid PRIMARY KEY,
    title text NOT NULL,
    tier text NOT NULL,
    organisation_id uuid NOT NULL
);
CREATE TABLE tenure (
    post_id uuid NOT NULL,
    from_day date NOT NULL,
    person_id uuid,
    PRIMARY KEY (post_id, from_day)
);
CREATE TABLE mention (
    person_id uuid PRIMARY KEY,
    mobile bytea NOT NULL
);
"""

ROBOTS = """
CREATE TABLE robot (
    id text PRIMARY KEY CHECK (id ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    name text NOT NULL,
    channel text NOT NULL,
    target bytea NOT NULL,
    per_minute integer CHECK (per_minute >= 0),
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'cooling', 'off')),
    resume_at timestamptz,
    failures integer NOT NULL DEFAULT 0 CHECK (failures >= 0),
    why text NOT NULL DEFAULT '',
    version bigint NOT NULL DEFAULT 1,
    CHECK ((state = 'cooling') = (resume_at IS NOT NULL))
) WITH (fillfactor = 50);

CREATE TABLE route (
    id uuid PRIMARY KEY,
    robot_id text NOT NULL REFERENCES robot,
    post_id uuid,
    tier text,
    chain_id uuid,
    mention boolean NOT NULL DEFAULT false,
    version bigint NOT NULL DEFAULT 1,
    CHECK (post_id IS NULL OR (tier IS NULL AND chain_id IS NULL)),
    UNIQUE NULLS NOT DISTINCT (post_id, tier, chain_id)
);
CREATE INDEX route_robot ON route (robot_id);

CREATE TABLE outbound (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    paused boolean NOT NULL DEFAULT false,
    reason text NOT NULL DEFAULT '',
    switched_by text NOT NULL DEFAULT '',
    since timestamptz
);
INSERT INTO outbound DEFAULT VALUES;
"""

MESSAGES = """
CREATE TABLE message_counter (
    year integer PRIMARY KEY,
    last bigint NOT NULL CHECK (last > 0)
);

CREATE TABLE message (
    id uuid PRIMARY KEY,
    number bigint NOT NULL UNIQUE,
    cause_id uuid NOT NULL,
    part integer NOT NULL DEFAULT 0,
    kind text NOT NULL,
    event jsonb NOT NULL,
    decided_at timestamptz NOT NULL,
    listeners jsonb NOT NULL,
    robot_id text,
    project_id uuid,
    chain_id uuid,
    case_id uuid,
    rung integer,
    state text NOT NULL CHECK (state IN ('unroutable', 'queued', 'sent', 'undelivered')),
    not_before timestamptz NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    refusals integer NOT NULL DEFAULT 0,
    unknowns integer NOT NULL DEFAULT 0,
    reason text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL,
    settled_at timestamptz,
    traceparent text,
    CHECK ((state = 'unroutable') = (robot_id IS NULL)),
    UNIQUE NULLS NOT DISTINCT (cause_id, robot_id, part)
) WITH (fillfactor = 70);
CREATE INDEX message_queue ON message (robot_id, number) WHERE state = 'queued';
CREATE INDEX message_test ON message (robot_id, number) WHERE state = 'queued' AND kind = 'test';
CREATE INDEX message_waiting ON message (number) WHERE state = 'queued';
CREATE INDEX message_undelivered ON message (number) WHERE state = 'undelivered';
CREATE INDEX message_unroutable ON message (number) WHERE state = 'unroutable';
CREATE INDEX message_case ON message (case_id, number) WHERE case_id IS NOT NULL;
CREATE INDEX message_project ON message (project_id, number);
CREATE INDEX message_robot ON message (robot_id, number);
"""

ATTEMPTS = """
CREATE TABLE flight (
    message_id uuid PRIMARY KEY,
    attempt integer NOT NULL,
    robot_id text NOT NULL,
    owner bigint NOT NULL,
    claimed_at timestamptz NOT NULL,
    body_sha256 bytea NOT NULL,
    body_text text NOT NULL
) WITH (fillfactor = 50);
CREATE INDEX flight_robot ON flight (robot_id, owner);

CREATE TABLE attempt (
    message_id uuid NOT NULL REFERENCES message,
    attempt integer NOT NULL CHECK (attempt > 0),
    robot_id text NOT NULL,
    channel text NOT NULL,
    claimed_at timestamptz NOT NULL,
    done_at timestamptz NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('sent', 'retry', 'cool_down', 'give_up', 'unknown')),
    code text NOT NULL,
    answer text NOT NULL,
    reason text NOT NULL,
    not_before timestamptz,
    body_sha256 bytea NOT NULL,
    body_text text NOT NULL,
    PRIMARY KEY (message_id, attempt)
);
CREATE INDEX attempt_window ON attempt (robot_id, done_at);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'the ledger of attempts is append-only'; END $$;
CREATE TRIGGER attempt_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON attempt
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""


def upgrade() -> None:
    tables.create_v1(op)
    for ddl in (DIRECTORY, ROBOTS, MESSAGES, ATTEMPTS):
        for statement in ddl.split(";\n"):
            if statement.strip():
                op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("the first revision has nothing to go back to")
