"""Run the migrations on the connection that `Database.open` hands over."""

from alembic import context

from p2ptrade.store.models import Base

with_connection = context.config.attributes["connection"]
context.configure(connection=with_connection, target_metadata=Base.metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
