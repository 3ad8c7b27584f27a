"""A closed case is struck off and archived; leave with its delegates, as the programme tells it from now on."""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "ALTER TABLE supervision_case ADD COLUMN ending text CHECK (ending IN ('completed', 'struck_off', 'archived'))"
    )
    op.execute("UPDATE supervision_case SET ending = 'completed' WHERE state = 'closed'")
    op.execute("ALTER TABLE supervision_case ADD CHECK ((state = 'closed') = (ending IS NOT NULL))")
    op.execute(
        """
        CREATE TABLE leave (
            id uuid PRIMARY KEY,
            person_id uuid NOT NULL,
            from_day date NOT NULL,
            until_day date NOT NULL,
            delegate_id uuid NOT NULL,
            post_ids uuid[] NOT NULL,
            cancelled boolean NOT NULL
        )
        """
    )


def downgrade() -> None:
    op.execute("DROP TABLE leave")
    op.execute("ALTER TABLE supervision_case DROP COLUMN ending")
