"""The log says which life of it this is: a log restored from a backup begins another. Outbound knows of a restore."""

from alembic import op

from shared.kit import tables

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    tables.create_log_v2(op)
    op.execute("ALTER TABLE outbound ADD COLUMN restored boolean NOT NULL DEFAULT false")


def downgrade() -> None:
    op.execute("ALTER TABLE outbound DROP COLUMN restored")
    op.execute("DROP TABLE log_epoch, producer_epoch")
