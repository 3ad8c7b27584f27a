"""Scores are counted from the journal; what was published of them stands beside what is counted now."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

# By position, so that it grows at one end and costs the consumer next to nothing. These are the types that
# `domain.scoring.ledger` folds as they are today: one more needs another index.
INDEX = """
CREATE INDEX journal_scored ON journal (position)
 WHERE type IN (
    'cn.liandu.project.recorded.v1', 'cn.liandu.project.revised.v1', 'cn.liandu.project.negotiating.v1',
    'cn.liandu.project.signed.v1', 'cn.liandu.project.registered.v1', 'cn.liandu.project.approved.v1',
    'cn.liandu.project.started.v1', 'cn.liandu.project.building.v1', 'cn.liandu.project.completed.v1',
    'cn.liandu.project.producing.v1', 'cn.liandu.project.full_capacity.v1', 'cn.liandu.project.profiled.v1',
    'cn.liandu.project.reported.v1', 'cn.liandu.project.held.v1', 'cn.liandu.project.resumed.v1',
    'cn.liandu.project.terminated.v1', 'cn.liandu.project.corrected.v1', 'cn.liandu.milestone.planned.v1',
    'cn.liandu.milestone.replanned.v1', 'cn.liandu.milestone.cancelled.v1', 'cn.liandu.milestone.reopened.v1',
    'cn.liandu.register_entry.recorded.v1', 'cn.liandu.register_entry.revised.v1',
    'cn.liandu.register_entry.withdrawn.v1'
 )
"""


def upgrade() -> None:
    op.execute(INDEX)
    op.execute(
        """
        CREATE TABLE score_issue (
            period text NOT NULL,
            number integer NOT NULL CHECK (number >= 0),
            table_version text NOT NULL,
            document text NOT NULL,
            issued_at timestamptz NOT NULL,
            issued_by text NOT NULL,
            reason text NOT NULL CHECK ((number = 0) = (reason = '')),
            PRIMARY KEY (period, number)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE score (
            period text NOT NULL,
            number integer NOT NULL,
            chain_id uuid NOT NULL,
            rank integer CHECK (rank > 0),
            opened jsonb NOT NULL,
            PRIMARY KEY (period, chain_id, number),
            FOREIGN KEY (period, number) REFERENCES score_issue
        )
        """
    )


def downgrade() -> None:
    op.execute("DROP TABLE score")
    op.execute("DROP TABLE score_issue")
    op.execute("DROP INDEX journal_scored")
