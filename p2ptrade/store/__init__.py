"""The daemons' memory beside the chain: SQLite by default, any SQLAlchemy database by URL.

To add tables: a module beside `outbox.py` with models on `Base`, named in `models.py`, and a migration in
`migrations/versions/` called `<branch>_<number>.py` (see `outbox_0001.py`). Every branch is migrated on its own, so
services do not wait for each other. A test compares models and migrations.
"""

from p2ptrade.store.database import Base, Database, Durability

__all__ = ["Base", "Database", "Durability"]
