"""SQLite or PostgreSQL, opened so that both keep the same promises: what was acknowledged survives kill -9."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlmodel import Session

from bim.errors import BadInput

BUSY_S = 15.0
POOL = 20
WRITES = "sitewright_writes"
"""Execution option of an engine whose transactions write from the start."""


def open_database(url: str) -> Engine:
    """The engine of a database. Raises BadInput for a URL that names neither SQLite nor PostgreSQL."""
    if url.startswith("sqlite:///"):
        Path(url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(url, pool_size=POOL, max_overflow=POOL, pool_timeout=BUSY_S,
                               connect_args={"timeout": BUSY_S, "check_same_thread": False})  # fmt: skip
        event.listen(engine, "connect", _durable)
        event.listen(engine, "begin", _begin)
        return engine
    if url.startswith("postgresql+psycopg://"):
        return create_engine(url, pool_size=POOL, max_overflow=POOL, pool_timeout=BUSY_S, pool_pre_ping=True,
                             connect_args={"connect_timeout": 5})  # fmt: skip
    raise BadInput(f"database_url begins with {url.partition('://')[0]!r}", "sqlite:/// or postgresql+psycopg://",
                   "correct the setting")  # fmt: skip


def _durable(connection: Any, record: Any) -> None:
    connection.isolation_level = None  # transactions begin where `_begin` says, not at the first write
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    # A transaction that turns from reading to writing cannot wait for another writer: it would have to fail.
    writes = connection.get_execution_options().get(WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def reading(engine: Engine, info: Mapping[str, Any] | None = None) -> Session:
    """A session that only reads."""
    return Session(engine, info=dict(info or {}), expire_on_commit=False)


def writing(engine: Engine, info: Mapping[str, Any] | None = None) -> Session:
    """A session that writes: in SQLite it waits for other writers before it reads."""
    return Session(engine.execution_options(**{WRITES: True}), info=dict(info or {}), expire_on_commit=False)


def in_turn(session: Session, what: str) -> None:
    """Let writers of the same thing commit one after another. SQLite's writers always do."""
    if session.get_bind().dialect.name == "postgresql":
        session.connection().execute(text("SELECT pg_advisory_xact_lock(hashtext(:what))"), {"what": what})


def answers(engine: Engine) -> bool:
    """Whether the database answers now."""
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
    except Exception:
        return False
    return True


# --- Migrations -------------------------------------------------------------------------------------------------------


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Bring the tables up to a revision, in one transaction."""
    _migrate(engine, command.upgrade, revision)


def downgrade(engine: Engine, revision: str) -> None:
    """Bring the tables down to a revision, in one transaction."""
    _migrate(engine, command.downgrade, revision)


def _migrate(engine: Engine, step: Callable[[Config, str], None], revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with engine.execution_options(**{WRITES: True}).begin() as connection:
        config.attributes["connection"] = connection
        step(config, revision)
