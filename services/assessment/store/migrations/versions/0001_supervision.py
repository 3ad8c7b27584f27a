"""Supervision: the programme and the projects as seen from here, obligations, cases, lights, commendations."""

from alembic import op

from shared.kit.tables import create_v1

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

PROGRAMME = """
CREATE TABLE organisation (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    parent_id uuid
);
CREATE TABLE person (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    organisation_id uuid NOT NULL
);
CREATE TABLE chain (
    id uuid PRIMARY KEY,
    code text NOT NULL,
    name text NOT NULL,
    category text NOT NULL
);
CREATE TABLE post (
    id uuid PRIMARY KEY,
    title text NOT NULL,
    tier text NOT NULL,
    organisation_id uuid NOT NULL,
    chain_ids uuid[] NOT NULL
);
CREATE TABLE post_term (
    post_id uuid NOT NULL,
    from_day date NOT NULL,
    person_id uuid,
    PRIMARY KEY (post_id, from_day)
)
"""

RULES = """
CREATE TABLE supervision (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    began_on date NOT NULL,
    began_by text NOT NULL,
    directory_revision bigint NOT NULL DEFAULT 0,
    calendar_revision bigint NOT NULL DEFAULT 0,
    recounted_revision bigint NOT NULL DEFAULT 0
);
CREATE TABLE policy (
    version text PRIMARY KEY,
    body jsonb NOT NULL,
    since timestamptz NOT NULL
);
CREATE TABLE calendar_year (
    year integer PRIMARY KEY,
    holidays date[] NOT NULL,
    make_up_days date[] NOT NULL,
    source text NOT NULL,
    imported_at timestamptz NOT NULL,
    imported_by text NOT NULL
);
CREATE TABLE document_counter (
    kind text NOT NULL CHECK (kind IN ('case', 'letter')),
    year integer NOT NULL,
    value bigint NOT NULL CHECK (value >= 0),
    PRIMARY KEY (kind, year)
) WITH (fillfactor = 50)
"""

STATES = """
CREATE TABLE project (
    id uuid PRIMARY KEY,
    code text NOT NULL,
    name text NOT NULL,
    chain_id uuid NOT NULL,
    org_id uuid NOT NULL,
    stage text NOT NULL,
    held boolean NOT NULL,
    ended boolean NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX project_chain ON project (chain_id);

CREATE TABLE obligation (
    id uuid PRIMARY KEY,
    version bigint NOT NULL,
    milestone_id uuid NOT NULL,
    project_id uuid NOT NULL,
    name text NOT NULL,
    due_on date NOT NULL,
    planned_on date NOT NULL,
    post_id uuid NOT NULL,
    state text NOT NULL CHECK (state IN ('open', 'baseline', 'missed', 'suspended', 'met', 'cancelled')),
    inner_state text CHECK (inner_state IN ('open', 'baseline', 'missed')),
    suspended_on date,
    supervised_from date,
    reminded boolean NOT NULL,
    provisional boolean NOT NULL,
    asked_on date,
    expected_on date,
    delay_reason text NOT NULL,
    met_on date,
    working_days_early integer,
    CHECK ((state = 'suspended') = (inner_state IS NOT NULL)),
    CHECK ((state = 'suspended') = (suspended_on IS NOT NULL)),
    CHECK ((state = 'met') = (met_on IS NOT NULL))
) WITH (fillfactor = 80);
CREATE INDEX obligation_project ON obligation (project_id);
CREATE INDEX obligation_due ON obligation (due_on, id);
CREATE INDEX obligation_baseline ON obligation (id) WHERE state = 'baseline' OR inner_state = 'baseline';

CREATE TABLE supervision_case (
    id uuid PRIMARY KEY,
    version bigint NOT NULL,
    obligation_id uuid NOT NULL UNIQUE,
    project_id uuid NOT NULL,
    number text NOT NULL UNIQUE,
    policy_version text NOT NULL REFERENCES policy,
    due_on date NOT NULL,
    opened_at timestamptz NOT NULL,
    state text NOT NULL CHECK (state IN ('open', 'suspended', 'closed')),
    rung integer NOT NULL CHECK (rung > 0),
    rung_on date NOT NULL,
    next_at timestamptz,
    anchor_on date,
    anchor_days integer NOT NULL,
    acknowledged boolean NOT NULL,
    held_until timestamptz,
    suspended_on date,
    provisional boolean NOT NULL,
    closed_on date,
    close_reason text NOT NULL,
    CHECK ((state = 'suspended') = (suspended_on IS NOT NULL)),
    CHECK ((state = 'closed') = (closed_on IS NOT NULL))
) WITH (fillfactor = 80);
CREATE INDEX supervision_case_project ON supervision_case (project_id);
CREATE INDEX supervision_case_opened ON supervision_case (opened_at, id);

CREATE TABLE light (
    id uuid PRIMARY KEY,
    version bigint NOT NULL,
    project_id uuid NOT NULL UNIQUE,
    milestone_id uuid NOT NULL,
    planned_on date NOT NULL,
    state text NOT NULL CHECK (state IN ('watching', 'suspended', 'ended')),
    light text NOT NULL CHECK (light IN ('green', 'yellow', 'red')),
    shown boolean NOT NULL,
    excused integer NOT NULL CHECK (excused >= 0),
    suspended_on date,
    changed_on date,
    inputs jsonb,
    policy_version text NOT NULL,
    CHECK ((state = 'suspended') = (suspended_on IS NOT NULL))
) WITH (fillfactor = 80);

CREATE TABLE commendation (
    id uuid PRIMARY KEY,
    version bigint NOT NULL,
    obligation_id uuid NOT NULL UNIQUE,
    project_id uuid NOT NULL,
    state text NOT NULL CHECK (state IN ('proposed')),
    met_on date NOT NULL,
    working_days_early integer NOT NULL,
    policy_version text NOT NULL,
    proposed_at timestamptz NOT NULL
);
CREATE INDEX commendation_proposed ON commendation (proposed_at, id)
"""


def upgrade() -> None:
    create_v1(op)
    for ddl in (PROGRAMME, RULES, STATES):
        for statement in ddl.split(";\n"):
            op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("there is no way back behind the first version; drop the schema instead")
