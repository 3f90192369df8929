"""Everything of a site goes out in open formats and comes in again on an empty server, equal."""

import io
import json
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from bim.errors import BadInput
from bim.isolation import Limits
from tests.web.people import API, HERE, Crowd
from tests.web.test_camera_calibration import PLACES, marked
from tests.web.test_camera_calibration import WAY as CALIBRATION
from tests.web.test_uploads import picture
from web import jobs
from web.database import open_database, reading, upgrade, writing
from web.files import Files
from web.settings import ServerSettings
from web.tables import Job, ModelVersion, Person, Site
from web.work import do
from web.work_archive import MANIFEST, opened, write_site

PLAN = "ID,Name,Duration,Start,Finish,Predecessors\n1,Walls,5 days,2026-03-02 07:00:00,2026-03-06 16:00:00,\n"


def fill(crowd: Crowd) -> None:
    """Something of everything that people and programs enter."""
    manager, robots = crowd.as_("manager"), crowd.program()
    manager("POST", "photos?photo_id=p1", {"Content-Type": "image/jpeg"}, content=picture("JPEG"))
    manager(
        "POST", "issues", json={"title": "Riss 裂缝", "element_ids": ["wall"], "photo_ids": ["p1"], "issue_id": "i1"}
    )
    manager("POST", "issues/i1/comments", json={"text": "See the picture"})
    manager("POST", "zones", json={"name": "Edge", "kind": "edge", "polygon_m": [[0, 0], [1, 0], [0, 1]]})
    manager("POST", "hazards", json={"level": "danger", "text": {"en": "hole", "zh": "洞"}, "photo_ids": ["p1"]})
    manager("PUT", CALIBRATION, json=marked(PLACES))
    manager("PUT", "diary/2026-04-30", json={"crews": [{"trade": "Masonry", "count": 4}]})
    manager("POST", "stop", json={"scope": "site", "reason": {"en": "fire", "zh": "火"}})
    upload = manager.upload(PLAN.encode(), "plan.csv")
    manager("POST", "schedules", json={"name": "P", "upload_id": upload})
    manager("POST", "scans", json={"name": "S", "upload_id": upload, "taken_at": "2026-04-30T16:00:00Z"})
    task = {"task_id": "t1", "kind": "drill", "state": "proposed", "title": {"en": "drill", "zh": "钻孔"}}
    robots("PUT", "robot-tasks/t1", json=task)


def run_jobs(settings: ServerSettings) -> list[Job]:
    """Do every job that waits, here."""
    engine, done = open_database(settings.database), []
    while job := jobs.claim(engine, "worker", timedelta(seconds=60), attempts=3):
        do(job, engine, settings, Limits(), settings.data / "cache")
        with reading(engine) as session:
            done.append(session.get(Job, (job.site_id, job.id)))
    return [job for job in done if job]


def exported(crowd: Crowd) -> bytes:
    job = crowd.as_("manager")("POST", "exports").json()
    run_jobs(crowd.server.settings)
    answer = crowd.as_("manager")("GET", f"exports/{job['job_id']}/file")
    assert answer.status_code == 200, answer.text
    return answer.content


def contents(archive: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened_archive:
        return {name: opened_archive.read(name) for name in opened_archive.namelist()}


@pytest.fixture
def empty(tmp_path: Path) -> ServerSettings:
    """An empty server, on the other machine so to say."""
    settings = ServerSettings(data=tmp_path / "empty")
    upgrade(open_database(settings.database))
    return settings


def brought_in(archive: bytes, empty: ServerSettings) -> Job:
    engine = open_database(empty.database)
    with writing(engine) as session:
        session.add(Site(id="desk", name="Desk"))
        session.flush()
        sha256 = Files(empty.files).keep_bytes(archive)
        jobs.enqueue(session, "desk", "import", {"sha256": sha256})
        session.commit()
    return run_jobs(empty)[0]


def test_what_went_out_comes_in_equal(crowd: Crowd, empty: ServerSettings) -> None:
    fill(crowd)
    archive = exported(crowd)
    job = brought_in(archive, empty)
    assert (job.state, job.result) == ("done", {"site_id": HERE}), job.error
    engine = open_database(empty.database)
    again = io.BytesIO()
    with reading(engine) as session, zipfile.ZipFile(again, "w") as target:
        write_site(session, Files(empty.files), HERE, target)
    assert contents(again.getvalue()) == contents(archive)


def test_no_credentials_leave(crowd: Crowd) -> None:
    fill(crowd)
    everything = b"".join(contents(exported(crowd)).values())
    assert b"password" not in everything
    assert b"secret_hash" not in everything


def test_a_person_who_is_known_by_address_stays_one(crowd: Crowd, empty: ServerSettings) -> None:
    with writing(open_database(empty.database)) as session:
        session.add(Person(id="other", name="Manager", email="manager@example.org"))
        session.commit()
    assert brought_in(exported(crowd), empty).state == "done"
    with reading(open_database(empty.database)) as session:
        same = session.exec(select(Person).where(Person.email == "manager@example.org")).all()
    assert [person.id for person in same] == ["other"]


def test_a_site_that_is_there_is_not_written_over(crowd: Crowd) -> None:
    archive = exported(crowd)
    upload = crowd.as_("manager").upload(archive, "site.zip")
    answer = crowd.as_("admin")("POST", f"{API}/imports", json={"site_id": HERE, "upload_id": upload})
    assert answer.status_code == 202
    job = run_jobs(crowd.server.settings)[-1]
    assert job.state == "failed"
    assert "is on this server" in str(job.error)


def hostile() -> Iterator[tuple[str, dict[str, bytes]]]:
    manifest = json.dumps({"format": "sitewright-site", "schema": 1, "site": {"id": "x"}, "people": []}).encode()
    yield "no manifest", {}
    yield "climbs", {MANIFEST: manifest, "../../etc/cron.d/x": b""}
    yield "another table", {MANIFEST: manifest, "tables/person.jsonl": b"{}"}
    yield "bomb", {MANIFEST: manifest, "tables/issue.jsonl": b" " * (80 * 1024**2)}
    yield "wrong hash", {MANIFEST: manifest, f"files/{'0' * 64}": b"something else"}
    yield "no rows", {MANIFEST: manifest, "tables/issue.jsonl": b"[1]\n"}
    yield "future", {MANIFEST: manifest.replace(b'"schema": 1', b'"schema": 2')}


@pytest.mark.parametrize("files", [pytest.param(files, id=name) for name, files in hostile()])
def test_a_hostile_archive_is_refused_and_leaves_nothing(files: dict[str, bytes], empty: ServerSettings) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    job = brought_in(out.getvalue(), empty)
    assert job.state == "failed"
    assert job.error
    with reading(open_database(empty.database)) as session:
        assert session.exec(select(ModelVersion)).all() == []


def test_what_is_no_archive_is_refused() -> None:
    with pytest.raises(BadInput):
        opened(io.BytesIO(b"PK\3\4 and no more"))
