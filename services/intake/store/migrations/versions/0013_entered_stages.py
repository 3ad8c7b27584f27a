"""A project knows at what stage it was entered: lists of past days rest on it, and a correction may change it."""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE project ADD entered_stage text")
    op.execute("""
        UPDATE project SET entered_stage = data ->> 'stage' FROM event_log WHERE aggregate_id = project.id AND seq = 1
    """)
    op.execute("ALTER TABLE project ALTER entered_stage SET NOT NULL")


def downgrade() -> None:
    raise NotImplementedError("a history is not unmade")
