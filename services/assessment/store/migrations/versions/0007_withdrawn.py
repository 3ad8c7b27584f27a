"""A proposal for commendation may be withdrawn: the record that it rested on was corrected."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE commendation DROP CONSTRAINT commendation_state_check")
    op.execute("ALTER TABLE commendation ADD CHECK (state IN ('proposed', 'withdrawn'))")


def downgrade() -> None:
    raise NotImplementedError("a history is not unmade")
