"""What is due at one instant fires by project and milestone; cases are listed as they are numbered."""

from alembic import op

from shared.kit.tables import create_timer_v2

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TURNS = (
    """
UPDATE timer SET turn = project.code || E'\\t' || obligation.name
  FROM obligation JOIN project ON project.id = obligation.project_id
 WHERE timer.subject = obligation.id
""",
    """
UPDATE timer SET turn = project.code || E'\\t' || obligation.name
  FROM supervision_case one
  JOIN obligation ON obligation.id = one.obligation_id
  JOIN project ON project.id = one.project_id
 WHERE timer.subject = one.id
""",
    """
UPDATE timer SET turn = project.code || E'\\t'
  FROM light JOIN project ON project.id = light.project_id
 WHERE timer.subject = light.id
""",
)


def upgrade() -> None:
    create_timer_v2(op)
    for statement in TURNS:
        op.execute(statement)
    op.execute("DROP INDEX supervision_case_opened")
    op.execute("CREATE INDEX supervision_case_opened ON supervision_case (opened_at, char_length(number), number)")


def downgrade() -> None:
    op.execute("DROP INDEX supervision_case_opened")
    op.execute("CREATE INDEX supervision_case_opened ON supervision_case (opened_at, id)")
    op.execute("DROP INDEX timer_due")
    op.execute("CREATE INDEX timer_due ON timer (due_at, subject, kind)")
    op.execute("ALTER TABLE timer DROP COLUMN turn")
