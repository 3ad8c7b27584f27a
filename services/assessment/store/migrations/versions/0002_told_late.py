"""What came after its due day is remembered: its ladder counts from the opening. Posts keep when they were set up."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE obligation ADD COLUMN told_late_on date")
    op.execute("ALTER TABLE post ADD COLUMN established_at timestamptz")


def downgrade() -> None:
    op.execute("ALTER TABLE post DROP COLUMN established_at")
    op.execute("ALTER TABLE obligation DROP COLUMN told_late_on")
