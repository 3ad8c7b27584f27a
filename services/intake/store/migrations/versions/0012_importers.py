"""An import knows the person who brought it: a clerk of one chain imports no other's projects."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE workbook_import ADD person uuid")
