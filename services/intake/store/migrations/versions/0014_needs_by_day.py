"""Needs of all projects are paged by their due days, those that were met long ago too."""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE INDEX project_need_due ON project_need (due_on, id)")


def downgrade() -> None:
    raise NotImplementedError("a history is not unmade")
