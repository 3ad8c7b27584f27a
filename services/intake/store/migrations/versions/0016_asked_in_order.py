"""Corrections and replannings of all projects are paged in the order in which they were asked for."""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE INDEX project_correction_asked ON project_correction (requested_on, id)")
    op.execute("CREATE INDEX replanning_asked ON replanning (requested_on, id)")


def downgrade() -> None:
    raise NotImplementedError("a history is not unmade")
