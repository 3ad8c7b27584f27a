"""What is due, people, and corrections and replannings as they were asked for are paged by an index each."""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

INDEXES = (
    "project_correction_asked ON project_correction (requested_on, id)",
    "replanning_asked ON replanning (requested_on, id)",
    "task_by_day ON task (due_on, id)",
    "person_by_name ON person (name, id)",
)


def upgrade() -> None:
    for index in INDEXES:
        op.execute(f"CREATE INDEX {index}")


def downgrade() -> None:
    raise NotImplementedError("a history is not unmade")
