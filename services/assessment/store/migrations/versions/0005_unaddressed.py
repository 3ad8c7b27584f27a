"""What was decided while nobody was there to hear it is remembered, to be addressed when somebody is."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE unaddressed (
            aggregate_id uuid,
            seq bigint,
            type text NOT NULL,
            directory_revision bigint NOT NULL,
            looked_on date NOT NULL,
            PRIMARY KEY (aggregate_id, seq)
        )
        """
    )


def downgrade() -> None:
    op.execute("DROP TABLE unaddressed")
