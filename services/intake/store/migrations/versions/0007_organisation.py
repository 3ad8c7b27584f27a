"""Kinds and former names of organisations, task forces, parks, leave, what posts and projects belonged to before,
enterprises, and the segments of the chains' maps."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

ORGANISATION = """
ALTER TABLE organisation ADD COLUMN kind text CHECK (kind IN
    ('government', 'development_zone', 'sub_district', 'task_force', 'park', 'enterprise', 'institution',
     'association', 'other'));
CREATE INDEX organisation_parent ON organisation (parent_id);

CREATE TABLE organisation_former (
    organisation_id uuid NOT NULL REFERENCES organisation,
    until_day date NOT NULL,
    name text NOT NULL CHECK (name <> ''),
    PRIMARY KEY (organisation_id, until_day)
);
CREATE INDEX organisation_former_name ON organisation_former (name);

CREATE TABLE task_force (
    id uuid PRIMARY KEY REFERENCES organisation,
    kind text NOT NULL CHECK (kind IN ('chain', 'investment')),
    chain_ids uuid[] NOT NULL CHECK ((kind = 'chain') = (cardinality(chain_ids) > 0)),
    members jsonb NOT NULL CHECK (jsonb_typeof(members) = 'array'),
    set_up_on date NOT NULL,
    dissolved_from date CHECK (dissolved_from > set_up_on)
);

CREATE TABLE park (
    id uuid PRIMARY KEY REFERENCES organisation,
    chain_ids uuid[] NOT NULL,
    address text NOT NULL
);

CREATE TABLE leave (
    id uuid PRIMARY KEY,
    person_id uuid NOT NULL REFERENCES person,
    from_day date NOT NULL,
    until_day date NOT NULL CHECK (until_day >= from_day),
    delegate_id uuid NOT NULL REFERENCES person CHECK (delegate_id <> person_id),
    post_ids uuid[] NOT NULL,
    reason text NOT NULL,
    cancelled boolean NOT NULL
);
CREATE INDEX leave_person ON leave (person_id, from_day);
CREATE INDEX leave_delegate ON leave (delegate_id, from_day)
"""

CHAIN = """
ALTER TABLE chain ADD COLUMN since date,
    ADD COLUMN opened_from date,
    ADD COLUMN closed_from date,
    ADD COLUMN successor_ids uuid[] NOT NULL DEFAULT '{}';

CREATE TABLE chain_former (
    chain_id uuid NOT NULL REFERENCES chain,
    until_day date NOT NULL,
    name text NOT NULL,
    category text NOT NULL,
    PRIMARY KEY (chain_id, until_day)
);

ALTER TABLE post ADD COLUMN established_on date;
UPDATE post SET established_on = (at AT TIME ZONE 'Asia/Shanghai')::date
  FROM event_log WHERE aggregate_id = post.id AND seq = 1;

CREATE TABLE post_former (
    post_id uuid NOT NULL REFERENCES post,
    until_day date NOT NULL,
    chain_ids uuid[] NOT NULL,
    PRIMARY KEY (post_id, until_day)
);

ALTER TABLE project ADD COLUMN chain_since date;

CREATE TABLE project_former_chain (
    project_id uuid NOT NULL REFERENCES project,
    until_day date NOT NULL,
    chain_id uuid NOT NULL REFERENCES chain,
    PRIMARY KEY (project_id, until_day)
)
"""

FIRMS = """
CREATE TABLE enterprise (
    id uuid PRIMARY KEY,
    version bigint NOT NULL CHECK (version > 0),
    uscc text NOT NULL UNIQUE CHECK (uscc ~ '^[0-9A-HJ-NPQRTUWXY]{18}$'),
    name text NOT NULL CHECK (name <> ''),
    chain_ids uuid[] NOT NULL
);
CREATE INDEX enterprise_name ON enterprise (name, id);
CREATE INDEX enterprise_chains ON enterprise USING gin (chain_ids);

CREATE TABLE anchor (
    enterprise_id uuid NOT NULL REFERENCES enterprise,
    chain_id uuid NOT NULL REFERENCES chain,
    from_day date NOT NULL,
    until_day date CHECK (until_day >= from_day),
    PRIMARY KEY (enterprise_id, chain_id, from_day)
);
CREATE INDEX anchor_chain ON anchor (chain_id);

CREATE TABLE chain_map (
    id uuid PRIMARY KEY,
    version bigint NOT NULL CHECK (version > 0),
    chain_id uuid NOT NULL UNIQUE REFERENCES chain
);

CREATE TABLE segment (
    id uuid PRIMARY KEY,
    map_id uuid NOT NULL REFERENCES chain_map,
    name text NOT NULL CHECK (name <> ''),
    position text NOT NULL CHECK (position IN ('upstream', 'midstream', 'downstream')),
    parent_id uuid,
    supplies uuid[] NOT NULL,
    strengths text[] NOT NULL,
    gaps text[] NOT NULL,
    target_firms jsonb NOT NULL CHECK (jsonb_typeof(target_firms) = 'array'),
    removed boolean NOT NULL
);
CREATE UNIQUE INDEX segment_name ON segment (map_id, name) WHERE NOT removed
"""


def upgrade() -> None:
    for ddl in (ORGANISATION, CHAIN, FIRMS):
        for statement in ddl.split(";\n"):
            op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("a history is not unmade")
