"""What alembic runs; the connection and its transaction are the caller's (web/database.py)."""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlmodel import AutoString, SQLModel

from web import tables
from web.columns import Json, UtcTime

assert tables.Site.metadata is SQLModel.metadata


def render(kind: str, value: Any, _: AutogenContext) -> str | Literal[False]:
    """Column types of our own by their name in a migration."""
    if isinstance(value, AutoString):
        return "sa.String()"
    return f"columns.{type(value).__name__}()" if isinstance(value, Json | UtcTime) else False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    render_as_batch=True,
    render_item=render,
)
context.run_migrations()
