"""What is kept of a project beside its stages: particulars, support, needs, evidence, reports, corrections."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

RECORDS = r"""
ALTER TABLE project DROP CONSTRAINT project_hold_status_check,
    ADD CONSTRAINT project_hold_status_check CHECK (hold_status IN ('active', 'held', 'terminated', 'struck_off'));
CREATE INDEX project_likeness ON project (regexp_replace(name, '[\s（）()“”"、，,。·—-]|项目|工程', '', 'g'));

CREATE TABLE project_profile (
    project_id uuid PRIMARY KEY REFERENCES project,
    national_code text CHECK (length(national_code) = 24),
    investor_name text,
    investor_uscc text CHECK (length(investor_uscc) = 18),
    capital_source text CHECK (capital_source IN ('domestic', 'foreign')),
    original jsonb CHECK (original IS NULL OR capital_source = 'foreign'),
    fixed_asset_investment_wan bigint CHECK (fixed_asset_investment_wan >= 0),
    annual_plans jsonb NOT NULL,
    parent_project_id uuid REFERENCES project CHECK (parent_project_id <> project_id),
    park_id uuid REFERENCES organisation,
    lead_org_id uuid REFERENCES organisation,
    assisting_org_ids uuid[] NOT NULL,
    reporting_post_id uuid REFERENCES post,
    statistics_registered_on date
);
CREATE INDEX project_profile_code ON project_profile (national_code) WHERE national_code IS NOT NULL;
CREATE INDEX project_profile_investor ON project_profile (investor_uscc) WHERE investor_uscc IS NOT NULL;
CREATE INDEX project_profile_parent ON project_profile (parent_project_id) WHERE parent_project_id IS NOT NULL;
CREATE INDEX project_profile_park ON project_profile (park_id) WHERE park_id IS NOT NULL;

CREATE TABLE project_support (
    id uuid PRIMARY KEY,
    project_id uuid NOT NULL REFERENCES project,
    kind text NOT NULL CHECK (kind IN ('raw_material_import', 'policy', 'supporting_services', 'other')),
    given_on date NOT NULL,
    org_ids uuid[] NOT NULL CHECK (cardinality(org_ids) > 0),
    text text NOT NULL CHECK (text <> '')
);
CREATE INDEX project_support_project ON project_support (project_id, given_on, id);

CREATE TABLE project_need (
    id uuid PRIMARY KEY,
    project_id uuid NOT NULL REFERENCES project,
    kind text NOT NULL CHECK (kind IN ('land', 'energy', 'environment', 'planning', 'other')),
    text text NOT NULL CHECK (text <> ''),
    raised_on date NOT NULL,
    due_on date NOT NULL,
    responsible_post_id uuid NOT NULL REFERENCES post,
    responsible_person_id uuid REFERENCES person,
    status text NOT NULL CHECK (status IN ('open', 'met', 'withdrawn')),
    met_on date,
    outcome text NOT NULL,
    CHECK ((status = 'met') = (met_on IS NOT NULL))
);
CREATE INDEX project_need_project ON project_need (project_id, due_on, id);
CREATE INDEX project_need_open ON project_need (due_on, id) WHERE status = 'open';

CREATE TABLE project_file (
    id uuid PRIMARY KEY,
    project_id uuid NOT NULL REFERENCES project,
    sha256 bytea NOT NULL REFERENCES stored_file,
    name text NOT NULL CHECK (name <> ''),
    media_type text NOT NULL,
    size integer NOT NULL CHECK (size > 0),
    kind text NOT NULL,
    dated_on date NOT NULL,
    filed_at timestamptz NOT NULL,
    actor text NOT NULL
);
CREATE INDEX project_file_project ON project_file (project_id, filed_at, id);

CREATE TABLE project_report (
    project_id uuid NOT NULL REFERENCES project,
    month date NOT NULL CHECK (extract(day FROM month) = 1),
    completed_in_month_wan bigint NOT NULL CHECK (completed_in_month_wan >= 0),
    completed_to_date_wan bigint NOT NULL CHECK (completed_to_date_wan >= completed_in_month_wan),
    funds_in_place_wan bigint NOT NULL CHECK (funds_in_place_wan >= 0),
    visual_progress text NOT NULL CHECK (visual_progress <> ''),
    post_id uuid REFERENCES post,
    reported_on date NOT NULL,
    actor text NOT NULL,
    PRIMARY KEY (project_id, month)
);
CREATE INDEX project_report_month ON project_report (month, project_id);

CREATE TABLE project_correction (
    id uuid PRIMARY KEY,
    project_id uuid NOT NULL REFERENCES project,
    kind text NOT NULL CHECK (kind IN ('reversal', 'replacement', 'strike_off')),
    of_sequence bigint NOT NULL,
    of_type text NOT NULL,
    reason text NOT NULL CHECK (reason <> ''),
    replacement jsonb,
    status text NOT NULL CHECK (status IN ('requested', 'approved', 'refused')),
    requested_on date NOT NULL,
    requested_by text NOT NULL,
    requester text NOT NULL,
    requester_person uuid,
    decided_on date,
    decided_by text,
    opinion text NOT NULL,
    CHECK ((status = 'requested') = (decided_by IS NULL))
);
CREATE UNIQUE INDEX project_correction_waiting ON project_correction (project_id) WHERE status = 'requested';
CREATE INDEX project_correction_project ON project_correction (project_id);

CREATE TABLE replanning (
    id uuid PRIMARY KEY,
    project_id uuid NOT NULL REFERENCES project,
    milestone_id uuid NOT NULL REFERENCES milestone,
    due_on date NOT NULL,
    reason text NOT NULL CHECK (reason <> ''),
    status text NOT NULL CHECK (status IN ('requested', 'approved', 'refused')),
    requested_on date NOT NULL,
    requested_by text NOT NULL,
    requester text NOT NULL,
    requester_person uuid,
    decided_on date,
    decided_by text,
    opinion text NOT NULL,
    CHECK ((status = 'requested') = (decided_by IS NULL))
);
CREATE UNIQUE INDEX replanning_waiting ON replanning (milestone_id) WHERE status = 'requested';
CREATE INDEX replanning_project ON replanning (project_id)
"""


def upgrade() -> None:
    for statement in RECORDS.split(";\n"):
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("a history is not unmade")
