"""The kit's tables, and the programme, projects and timetables."""

from alembic import op

from shared.kit import tables

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

PROGRAMME = """
CREATE TABLE organisation (
    id uuid PRIMARY KEY,
    version bigint NOT NULL CHECK (version > 0),
    name text NOT NULL UNIQUE CHECK (name <> ''),
    parent_id uuid REFERENCES organisation DEFERRABLE INITIALLY DEFERRED
);

CREATE TABLE person (
    id uuid PRIMARY KEY,
    version bigint NOT NULL CHECK (version > 0),
    name text NOT NULL CHECK (name <> ''),
    organisation_id uuid NOT NULL REFERENCES organisation
);
CREATE INDEX person_organisation ON person (organisation_id);

CREATE TABLE chain (
    id uuid PRIMARY KEY,
    version bigint NOT NULL CHECK (version > 0),
    code text NOT NULL UNIQUE CHECK (code ~ '^[A-Z][A-Z0-9]{1,15}$'),
    name text NOT NULL UNIQUE CHECK (name <> ''),
    category text NOT NULL
        CHECK (category IN ('traditional_manufacturing', 'emerging_manufacturing', 'modern_service', 'future'))
);

CREATE TABLE post (
    id uuid PRIMARY KEY,
    version bigint NOT NULL CHECK (version > 0),
    title text NOT NULL CHECK (title <> ''),
    tier text NOT NULL CHECK (tier IN
        ('chief_general', 'chief', 'deputy_chief', 'task_force', 'task_force_office', 'unit_head', 'officer')),
    organisation_id uuid NOT NULL REFERENCES organisation,
    chain_ids uuid[] NOT NULL,
    UNIQUE (organisation_id, title)
);

CREATE TABLE post_term (
    post_id uuid NOT NULL REFERENCES post,
    from_day date NOT NULL,
    until_day date CHECK (until_day >= from_day),
    person_id uuid NOT NULL REFERENCES person,
    PRIMARY KEY (post_id, from_day)
);
CREATE UNIQUE INDEX post_term_open ON post_term (post_id) WHERE until_day IS NULL;
CREATE INDEX post_term_person ON post_term (person_id)
"""

PROJECTS = """
CREATE TABLE project_number (
    year integer PRIMARY KEY,
    last integer NOT NULL CHECK (last > 0)
);

CREATE TABLE project (
    id uuid PRIMARY KEY,
    version bigint NOT NULL CHECK (version > 0),
    code text NOT NULL UNIQUE CHECK (code <> ''),
    name text NOT NULL CHECK (name <> ''),
    chain_id uuid NOT NULL REFERENCES chain,
    responsible_org_id uuid NOT NULL REFERENCES organisation,
    kind text NOT NULL CHECK (kind IN ('new', 'expansion')),
    total_investment_wan bigint NOT NULL CHECK (total_investment_wan > 0),
    stage text NOT NULL CHECK (stage IN
        ('lead', 'negotiating', 'signed', 'registered', 'approved', 'started', 'building', 'completed', 'producing',
         'full_capacity')),
    signed_amount_wan bigint CHECK (signed_amount_wan > 0),
    output_ratio numeric CHECK (output_ratio > 0),
    hold_status text NOT NULL CHECK (hold_status IN ('active', 'held', 'terminated')),
    hold_status_on date,
    UNIQUE (responsible_org_id, name)
) WITH (fillfactor = 80);
CREATE INDEX project_stage ON project (stage, code);
CREATE INDEX project_chain ON project (chain_id, code);

CREATE TABLE project_stage_day (
    project_id uuid NOT NULL REFERENCES project,
    stage text NOT NULL,
    reached_on date NOT NULL,
    PRIMARY KEY (project_id, stage)
);
CREATE INDEX project_stage_day_day ON project_stage_day (stage, reached_on);

CREATE TABLE milestone (
    id uuid PRIMARY KEY,
    project_id uuid NOT NULL REFERENCES project,
    name text NOT NULL CHECK (name <> ''),
    due_on date NOT NULL,
    responsible_post_id uuid NOT NULL REFERENCES post,
    responsible_person_id uuid REFERENCES person,
    stage text,
    source text NOT NULL CHECK (source IN ('conference', 'instruction', 'plan')),
    source_document text NOT NULL,
    status text NOT NULL CHECK (status IN ('open', 'met', 'cancelled')),
    met_on date,
    expected_on date,
    delay_reason text NOT NULL,
    CHECK ((status = 'met') = (met_on IS NOT NULL))
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX milestone_name ON milestone (project_id, name) WHERE status <> 'cancelled';
CREATE INDEX milestone_project ON milestone (project_id);
CREATE INDEX milestone_post ON milestone (responsible_post_id) WHERE status = 'open'
"""


def upgrade() -> None:
    tables.create_v1(op)
    for ddl in (PROGRAMME, PROJECTS):
        for statement in ddl.split(";\n"):
            op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("a history is not unmade")
