"""Both databases keep the same promises; migrations go up, down and up again with everything in place."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, func, insert, inspect, select, text
from sqlmodel import SQLModel

from web.database import downgrade, open_database, upgrade
from web.tables import Audit, ElementVerdict, Event, Site

ROWS = 100_000
CHUNK = 10_000


def migrated(url: str) -> Engine:
    engine = open_database(url)
    upgrade(engine)
    return engine


def contents(engine: Engine) -> list[tuple[object, ...]]:
    with engine.connect() as connection:
        count = select(func.count(), func.sum(ElementVerdict.confidence), func.max(ElementVerdict.global_id))
        return [tuple(connection.execute(count).one()),
                tuple(connection.execute(select(func.count(), func.max(Audit.ref))).one()),
                tuple(connection.execute(select(func.count(), func.max(Event.name))).one())]  # fmt: skip


def fill(engine: Engine) -> None:
    verdict = {"site_id": "s", "comparison_id": "c", "state": "built", "completion_low": 1.0, "completion_high": 1.0,
               "confidence": 0.5, "observable": 1.0, "evidence": {"present": 1}, "reason": {"en": "", "zh": ""},
               "completion": 1.0, "deviation": None, "translation_m": [0, 0, 0], "sigma_m": None}  # fmt: skip
    with engine.begin() as connection:
        connection.execute(insert(Site), [Site(id="s", name="S").model_dump()])
        for start in range(0, ROWS, CHUNK):
            rows = [verdict | {"global_id": f"{n:06}"} for n in range(start, start + CHUNK)]
            connection.execute(insert(ElementVerdict), rows)
        entry = {"site_id": "s", "actor": "a", "actor_name": "A", "verb": "changed", "kind": "issue", "changes": {}}
        at = Site(name="").created_at
        connection.execute(insert(Audit.__table__), [entry | {"ref": f"{n}", "at": at} for n in range(1000)])  # type: ignore[attr-defined]
        connection.execute(insert(Event), [{"site_id": "s", "at": at, "name": f"{n}", "data": {}} for n in range(1000)])


def test_migrations_go_up_down_and_up_with_a_hundred_thousand_rows(database_url: str) -> None:
    engine = migrated(database_url)
    fill(engine)
    before = contents(engine)
    assert before[0][0] == ROWS
    downgrade(engine, "0001")
    upgrade(engine)
    assert contents(engine) == before
    downgrade(engine, "base")
    assert set(inspect(engine).get_table_names()) <= {"alembic_version"}
    upgrade(engine)
    assert contents(engine)[0][0] == 0


def test_the_migrations_make_exactly_the_tables_that_the_code_has(database_url: str) -> None:
    with migrated(database_url).connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), SQLModel.metadata) == []


def test_sqlite_keeps_what_was_committed_when_the_power_fails(tmp_path: object) -> None:
    with migrated(f"sqlite:///{tmp_path}/x.sqlite").connect() as connection:
        pragmas = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar_one() for name in ("journal_mode", "synchronous")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2}
