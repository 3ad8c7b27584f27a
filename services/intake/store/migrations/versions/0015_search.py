"""Projects are found by words of their names, codes and investors, however these were typed.

The forms in which they are compared stand in columns of their own: computed for every project while a list is read,
they would take most of a second at 100,000 projects.
"""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

SEARCH = (
    r"""
CREATE FUNCTION search_form(given text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN translate(lower(normalize(given, NFKC) COLLATE "C"), E' \t\n\r\u200b\u200c\u200d\u2060\ufeff', '')
""",
    r"""
ALTER TABLE project ADD search_text text NOT NULL
    GENERATED ALWAYS AS (search_form(code) || E'\n' || search_form(name)) STORED
""",
    r"""
ALTER TABLE project_profile ADD search_text text NOT NULL GENERATED ALWAYS AS (
    coalesce(search_form(national_code), '') || E'\n' || coalesce(search_form(investor_name), '') || E'\n'
    || coalesce(search_form(investor_uscc), '')
) STORED
""",
)


def upgrade() -> None:
    for statement in SEARCH:
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("a history is not unmade")
