"""延期: what is asked for, reviewed and decided, one row each; an obligation knows the number of its newest."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE obligation ADD COLUMN extensions integer NOT NULL DEFAULT 0 CHECK (extensions >= 0)")
    op.execute(
        """
        CREATE TABLE extension (
            obligation_id uuid NOT NULL,
            number integer NOT NULL CHECK (number > 0),
            asked_at timestamptz NOT NULL,
            asked_by text NOT NULL,
            asked_by_person uuid,
            reason text NOT NULL,
            progress text NOT NULL,
            due_before date NOT NULL,
            due_on date NOT NULL,
            granted_before integer NOT NULL,
            state text NOT NULL CHECK (state IN ('requested', 'reviewed', 'granted', 'refused', 'withdrawn')),
            reviewed_by text,
            reviewed_by_person uuid,
            reviewed_on date,
            review text NOT NULL,
            decided_by text,
            decided_by_person uuid,
            decided_on date,
            decision text NOT NULL,
            PRIMARY KEY (obligation_id, number),
            CHECK ((state IN ('granted', 'refused', 'withdrawn')) = (decided_on IS NOT NULL)),
            CHECK (state NOT IN ('reviewed', 'granted') OR reviewed_on IS NOT NULL)
        )
        """
    )
    op.execute("CREATE INDEX extension_asked ON extension (asked_at, obligation_id, number)")
    op.execute(
        """
        CREATE INDEX extension_waiting ON extension (asked_at, obligation_id, number)
         WHERE state IN ('requested', 'reviewed')
        """
    )


def downgrade() -> None:
    op.execute("DROP TABLE extension")
    op.execute("ALTER TABLE obligation DROP COLUMN extensions")
