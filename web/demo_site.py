"""A demo site in the database: its files as if they had been uploaded, its people, a diary, zones and issues."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine
from sqlmodel import Session, select

from web.database import writing
from web.files import Files
from web.identifiers import new_id
from web.issues_bcf import guid_of
from web.jobs import enqueue
from web.security import Role
from web.tables import (
    Comparison,
    Diary,
    DocumentRow,
    Issue,
    Membership,
    Model,
    ModelVersion,
    Person,
    Scan,
    Schedule,
    Site,
    Zone,
)

SITE_ID, PERSON_ID = "demo", "demo-manager"
ZONES: Mapping[str, dict[str, Any]] = {
    "demo-crane": {"name": "Crane swing", "kind": "crane", "storey": "", "low_m": 0.0, "high_m": 30.0,
                   "polygon_m": [[-6.0, -8.0], [8.0, -8.0], [8.0, -2.0], [-6.0, -2.0]]},
    "demo-robots": {"name": "Robots at work, first floor", "kind": "robot", "storey": "01 First floor", "low_m": 3.2,
                    "high_m": 6.2, "polygon_m": [[1.0, 1.0], [9.0, 1.0], [9.0, 5.0], [1.0, 5.0]]},
    "demo-edge": {"name": "Open slab edge", "kind": "edge", "storey": "02 Second floor", "low_m": 6.4, "high_m": 9.4,
                  "polygon_m": [[0.0, 0.0], [24.0, 0.0], [24.0, 1.5], [0.0, 1.5]]},
    "demo-escape": {"name": "Escape route east", "kind": "escape", "storey": "00 Ground floor", "low_m": 0.0,
                    "high_m": 2.5, "polygon_m": [[20.0, 5.1], [24.0, 5.1], [24.0, 6.8], [20.0, 6.8]]},
}  # fmt: skip


@dataclass(frozen=True)
class DemoFiles:
    """The files of a site made in code, and the day that they show."""

    model: Path
    schedule: Path
    scan: Path
    stations: Path
    day: date


def load_demo(engine: Engine, files: Files, site: DemoFiles) -> str:
    """Put the demo site in, once; its comparison waits for a worker. Returns the id of its manager."""
    with writing(engine) as session:
        if session.get(Site, SITE_ID) is None:
            _add_people(session)
            _add_building(session, files, site)
            _add_day(session, site.day)
            session.commit()
        return session.exec(select(Person.id).where(Person.id == PERSON_ID)).one()


def _add_people(session: Session) -> None:
    session.add(Site(id=SITE_ID, name="Riverside Office", address="Riverside 1"))
    manager = Person(id=PERSON_ID, name="Site manager", email="manager@demo.invalid", is_admin=True)
    session.add(manager)
    session.flush()
    session.add(Membership(site_id=SITE_ID, person_id=PERSON_ID, roles=[Role.MANAGER.value]))


def _add_building(session: Session, files: Files, site: DemoFiles) -> None:
    """Model, schedule and scan with the jobs that read and compare them, in this order."""
    evening = datetime(site.day.year, site.day.month, site.day.day, 18, tzinfo=UTC)
    model = Model(site_id=SITE_ID, id="demo-model", name="Riverside Office", discipline="architecture")
    version = ModelVersion(site_id=SITE_ID, model_id=model.id, number=1, **_file(files, site.model))
    schedule = Schedule(site_id=SITE_ID, name="Programme of works", **_file(files, site.schedule))
    scan = Scan(site_id=SITE_ID, name=f"Survey of {site.day}", taken_at=evening, **_file(files, site.scan),
                stations_sha256=files.keep_bytes(site.stations.read_bytes()))  # fmt: skip
    session.add_all([model, version, schedule, scan])
    enqueue(session, SITE_ID, "read_model", {"version_id": version.id})
    enqueue(session, SITE_ID, "read_schedule", {"schedule_id": schedule.id})
    comparison = Comparison(site_id=SITE_ID, name=scan.name, versions=[version.id], scans=[scan.id], at=evening,
                            tolerance_m=0.015, job_id="")  # fmt: skip
    comparison.job_id = enqueue(session, SITE_ID, "compare", {"comparison_id": comparison.id}).id
    session.add(comparison)
    enqueue(session, SITE_ID, "copc", {"scan_id": scan.id})


def _file(files: Files, path: Path) -> dict[str, Any]:
    return {"filename": path.name, "size": path.stat().st_size, "sha256": files.keep_bytes(path.read_bytes())}


def _add_day(session: Session, day: date) -> None:
    """What people have entered: the diary, zones, and two issues."""
    weather = {"sky": "cloud", "temperature_c": 14.0, "wind_m_s": 4.5, "rain_mm": 0.0}
    crews = [{"trade": "Formwork", "company": "Nord Bau", "count": 9}, {"trade": "Masonry", "company": "", "count": 6},
             {"trade": "Services", "company": "", "count": 4}]  # fmt: skip
    today = datetime.now(UTC).date()
    for each in {day, today}:
        _document(session, Diary, each.isoformat(), "", {"weather": weather, "crews": crews, "note": ""})
    for ref, body in ZONES.items():
        _document(session, Zone, ref, body["kind"], {"robots": [], "valid": None, **body})
    _issue(session, 1, "Formwork before the south wall is out of line", "high", today - timedelta(days=2))
    _issue(session, 2, "Guard rail missing at the stair opening", "critical", today + timedelta(days=1))


def _issue(session: Session, number: int, title: str, priority: str, due: date) -> None:
    ref = new_id()
    body = {
        "title": title, "description": "", "type": "Issue", "priority": priority, "assigned_to": None,
        "due_date": due.isoformat(), "element_ids": [], "storey": "01 First floor", "place_m": [3.0 * number, 0.5, 3.6],
        "labels": [], "photo_ids": [], "hazard_id": None, "number": number, "author": "Site manager",
        "bcf_guid": guid_of(ref), "comments": [],
    }  # fmt: skip
    _document(session, Issue, ref, "open", body)


def _document(session: Session, table: type[DocumentRow], ref: str, state: str, body: dict[str, Any]) -> None:
    session.add(table(site_id=SITE_ID, id=ref, state=state, body=body))
