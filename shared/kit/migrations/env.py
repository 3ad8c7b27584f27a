"""Alembic's environment, shared by all services: it is handed a connection that leads into the service's schema.

The version table has alembic's own name and stands in that schema, which is all that the search_path names.
"""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
