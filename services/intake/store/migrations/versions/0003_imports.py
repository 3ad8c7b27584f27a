"""Imports: the files as they came in, by content, and what became of their rows."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

IMPORTS = """
CREATE TABLE stored_file (
    sha256 bytea PRIMARY KEY CHECK (octet_length(sha256) = 32),
    content bytea NOT NULL CHECK (octet_length(content) <= 20971520)
);
ALTER TABLE stored_file ALTER COLUMN content SET STORAGE EXTERNAL;

CREATE TABLE workbook_import (
    id uuid PRIMARY KEY,
    at timestamptz NOT NULL,
    actor text NOT NULL,
    file_name text NOT NULL,
    file_sha256 bytea NOT NULL REFERENCES stored_file,
    dry_run boolean NOT NULL,
    rows jsonb NOT NULL,
    notices jsonb NOT NULL
);
CREATE INDEX workbook_import_at ON workbook_import (at, id)
"""


def upgrade() -> None:
    for statement in IMPORTS.split(";\n"):
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("a history is not unmade")
