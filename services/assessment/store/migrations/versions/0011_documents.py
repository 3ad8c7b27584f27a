"""Documents that a person signs are found in the log itself; signed once for each rung. Their templates are kept."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE document_form (digest text PRIMARY KEY, body bytea NOT NULL)")
    op.execute(
        """
        CREATE INDEX case_document ON event_log (position)
         WHERE type = 'cn.liandu.case.escalated.v1' AND data ->> 'document' <> 'urge'
        """
    )
    op.execute(
        """
        CREATE UNIQUE INDEX case_document_signed ON event_log (aggregate_id, (data ->> 'rung'))
         WHERE type = 'cn.liandu.case.document_signed.v1'
        """
    )


def downgrade() -> None:
    op.execute("DROP INDEX case_document_signed")
    op.execute("DROP INDEX case_document")
    op.execute("DROP TABLE document_form")
