"""Obligations of every kind: what they are due of need be no project, and another unit may answer for one."""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_UP = """
ALTER TABLE project ALTER COLUMN stage DROP NOT NULL;
ALTER TABLE project ALTER COLUMN chain_id DROP NOT NULL;
ALTER TABLE project ALTER COLUMN org_id DROP NOT NULL;
ALTER TABLE project ADD COLUMN post_id uuid, ADD COLUMN reporter_id uuid;
ALTER TABLE obligation ADD COLUMN kind text NOT NULL DEFAULT 'milestone', ADD COLUMN org_id uuid;
ALTER TABLE obligation ALTER COLUMN kind DROP DEFAULT;
CREATE INDEX obligation_beside ON obligation (project_id)
 WHERE kind IN ('report', 'reply') AND state NOT IN ('met', 'cancelled');
CREATE INDEX obligation_replies ON obligation (milestone_id)
 WHERE kind = 'reply' AND state NOT IN ('met', 'cancelled')
"""


def upgrade() -> None:
    for statement in _UP.split(";\n"):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP INDEX obligation_beside")
    op.execute("DROP INDEX obligation_replies")
    op.execute("ALTER TABLE obligation DROP COLUMN kind, DROP COLUMN org_id")
    op.execute("ALTER TABLE project DROP COLUMN post_id, DROP COLUMN reporter_id")
