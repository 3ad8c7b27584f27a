"""Rehearsals: what would be otherwise under another policy or calendar, asked for and kept."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

TABLE = """
CREATE TABLE rehearsal (
    id uuid PRIMARY KEY,
    asked_at timestamptz NOT NULL,
    asked_by text NOT NULL,
    from_day date NOT NULL,
    to_day date NOT NULL,
    policy jsonb,
    calendar jsonb,
    state text NOT NULL CHECK (state IN ('waiting', 'running', 'done', 'failed', 'cancelled')),
    facts bigint,
    facts_done bigint,
    ended_at timestamptz,
    error text,
    result jsonb,
    CHECK (from_day <= to_day),
    CHECK (policy IS NOT NULL OR calendar IS NOT NULL)
);
"""
INDEXES = (
    "CREATE INDEX rehearsal_asked ON rehearsal (asked_at DESC, id DESC)",
    "CREATE INDEX rehearsal_open ON rehearsal (asked_at, id) WHERE state IN ('waiting', 'running')",
)


def upgrade() -> None:
    for statement in (TABLE, *INDEXES):
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("a history is not unmade")
