"""A proposal for commendation is approved or declined by a person; what was approved may be struck off."""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        ALTER TABLE commendation
            DROP CONSTRAINT commendation_state_check,
            ADD COLUMN decided_on date,
            ADD COLUMN decided_by text,
            ADD COLUMN decision text,
            ADD CHECK (state IN ('proposed', 'approved', 'declined', 'withdrawn', 'struck_off')),
            ADD CHECK ((state IN ('approved', 'declined', 'struck_off')) = (decided_on IS NOT NULL))
        """
    )
    op.execute("CREATE INDEX commendation_honoured ON commendation (decided_on, id) WHERE state = 'approved'")
    op.execute("CREATE INDEX commendation_of_project ON commendation (project_id)")


def downgrade() -> None:
    raise NotImplementedError("a history is not unmade")
