"""Statistics as they were published, with their corrections; the log can be asked what it holds since a day."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

STATISTICS = """
CREATE TABLE statistics_publication (
    id uuid PRIMARY KEY,
    version bigint NOT NULL CHECK (version > 0),
    period text NOT NULL CHECK (period <> ''),
    number integer NOT NULL CHECK (number > 0),
    from_on date NOT NULL,
    to_on date NOT NULL CHECK (to_on >= from_on),
    UNIQUE (period, number)
);
CREATE INDEX statistics_publication_list ON statistics_publication (to_on, from_on, number);

CREATE TABLE statistics_issue (
    publication_id uuid NOT NULL REFERENCES statistics_publication,
    correction integer NOT NULL CHECK (correction >= 0),
    issued_on date NOT NULL,
    actor text NOT NULL,
    reason text NOT NULL CHECK (reason <> '' OR correction = 0),
    policy jsonb NOT NULL,
    count integer NOT NULL CHECK (count >= 0),
    total_wan bigint NOT NULL CHECK (total_wan >= 0),
    signings jsonb NOT NULL CHECK (jsonb_array_length(signings) = count),
    differences jsonb NOT NULL CHECK (jsonb_typeof(differences) = 'array'),
    PRIMARY KEY (publication_id, correction)
);

CREATE INDEX event_log_at ON event_log USING brin (at)
"""


def upgrade() -> None:
    for statement in STATISTICS.split(";\n"):
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("a history is not unmade")
