"""What alembic runs; the connection and its transaction are the caller's (web/database.py)."""

from alembic import context
from sqlmodel import AutoString

from web import tables
from web.columns import Json, UtcTime

assert tables.SQLModel.metadata.tables


def render(kind: str, value: object, autogen_context: object) -> str | bool:
    """Column types of our own by their name in a migration."""
    if isinstance(value, AutoString):
        return "sa.String()"
    return f"columns.{type(value).__name__}()" if isinstance(value, Json | UtcTime) else False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=tables.SQLModel.metadata,
    render_as_batch=True,
    render_item=render,
)
context.run_migrations()
