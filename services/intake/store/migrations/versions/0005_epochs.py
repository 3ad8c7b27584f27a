"""The log says which life of it this is: a log restored from a backup begins another."""

from alembic import op

from shared.kit import tables

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    tables.create_log_v2(op)


def downgrade() -> None:
    op.execute("DROP TABLE log_epoch, producer_epoch")
