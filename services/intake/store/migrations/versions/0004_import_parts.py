"""Imports are taken part by part: how far each has come, and what became of the rows of each part."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

PARTS = """
CREATE TABLE workbook_import_part (
    import_id uuid NOT NULL REFERENCES workbook_import,
    first integer NOT NULL CHECK (first >= 0),
    rows jsonb NOT NULL,
    PRIMARY KEY (import_id, first)
);
INSERT INTO workbook_import_part (import_id, first, rows) SELECT id, 0, rows FROM workbook_import;
ALTER TABLE workbook_import
    ADD status text NOT NULL DEFAULT 'done' CHECK (status IN ('running', 'done', 'failed')),
    ADD total integer NOT NULL DEFAULT 0 CHECK (total >= 0),
    ADD done integer NOT NULL DEFAULT 0 CHECK (done BETWEEN 0 AND total),
    ADD subject text NOT NULL DEFAULT '',
    ADD traceparent text,
    ADD moved_at timestamptz NOT NULL DEFAULT '-infinity';
UPDATE workbook_import SET total = jsonb_array_length(rows), done = jsonb_array_length(rows);
ALTER TABLE workbook_import
    DROP rows,
    ALTER status DROP DEFAULT,
    ALTER total DROP DEFAULT,
    ALTER subject DROP DEFAULT,
    ALTER moved_at DROP DEFAULT;
CREATE INDEX workbook_import_running ON workbook_import (moved_at) WHERE status = 'running'
"""


def upgrade() -> None:
    for statement in PARTS.split(";\n"):
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("a history is not unmade")
