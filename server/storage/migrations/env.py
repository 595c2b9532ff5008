"""Alembic's entry: migrate on the connection that `storage.engine.migrate` hands over, inside its transaction."""

from alembic import context

from server.storage.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
