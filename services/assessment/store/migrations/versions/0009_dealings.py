"""What people did to a case: its feedback, each to be sent back by its number. That of before holds as it was given."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE supervision_case ADD COLUMN dealings jsonb")
    op.execute(
        """
        UPDATE supervision_case one
           SET dealings = jsonb_build_object('plain', NULL, 'feedback', given.feedback)
          FROM (SELECT aggregate_id, jsonb_agg(jsonb_build_array(place, NULL, NULL, false) ORDER BY place) AS feedback
                  FROM (SELECT aggregate_id, row_number() OVER (PARTITION BY aggregate_id ORDER BY seq) AS place
                          FROM event_log WHERE type = 'cn.liandu.case.feedback_given.v1') AS numbered
                 GROUP BY aggregate_id) AS given
         WHERE given.aggregate_id = one.id
        """
    )


def downgrade() -> None:
    op.execute("ALTER TABLE supervision_case DROP COLUMN dealings")
