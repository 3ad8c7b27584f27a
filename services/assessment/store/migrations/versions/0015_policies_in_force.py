"""Several versions of the policy stand side by side, each in force from a day on."""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE policy ADD COLUMN in_force_from date")
    op.execute("UPDATE policy SET in_force_from = CAST(since AT TIME ZONE 'Asia/Shanghai' AS date)")
    op.execute("ALTER TABLE policy ALTER COLUMN in_force_from SET NOT NULL")
    op.execute("ALTER TABLE policy ADD COLUMN installed_by text NOT NULL DEFAULT 'policy file'")
    op.execute("ALTER TABLE policy ALTER COLUMN installed_by DROP DEFAULT")
    op.execute("ALTER TABLE supervision ADD COLUMN recounted_policy text NOT NULL DEFAULT ''")


def downgrade() -> None:
    op.execute("ALTER TABLE supervision DROP COLUMN recounted_policy")
    op.execute("ALTER TABLE policy DROP COLUMN installed_by")
    op.execute("ALTER TABLE policy DROP COLUMN in_force_from")
