"""A project's kind decides by which rule set it is supervised; a case keeps the one that it began with."""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE project ADD COLUMN kind text NOT NULL DEFAULT 'new'")
    op.execute(
        """
        UPDATE project SET kind = recorded.data ->> 'kind'
          FROM journal recorded
         WHERE recorded.aggregate_id = project.id AND recorded.type = 'cn.liandu.project.recorded.v1'
        """
    )
    op.execute("ALTER TABLE project ALTER COLUMN kind DROP DEFAULT")
    op.execute("ALTER TABLE supervision_case ADD COLUMN rule_set text NOT NULL DEFAULT ''")


def downgrade() -> None:
    op.execute("ALTER TABLE supervision_case DROP COLUMN rule_set")
    op.execute("ALTER TABLE project DROP COLUMN kind")
