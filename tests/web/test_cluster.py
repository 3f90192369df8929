"""A comparison on a Dask cluster that runs here: its outcome is that of a worker alone, and its troubles are said."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from distributed import LocalCluster
from sqlmodel import col, select

from bim.ifc import read_building
from bim.ifc_authoring import Author
from bim.isolation import Limits
from bim.verdict import State
from scan_to_bim.clouds import write_las
from scan_to_bim.simulate import SimulatedScanner, simulate_scan
from scan_to_bim.simulated_site import Truth, stand
from web import jobs
from web.database import open_database, reading, upgrade, writing
from web.files import Files
from web.settings import ServerSettings
from web.tables import Comparison, ElementVerdict, Job, Model, ModelVersion, Scan, Site
from web.work import do

HERE = "here"
WALLS = (((0.0, 0.0), (8.0, 0.0)), ((8.0, 0.0), (8.0, 5.0)), ((8.0, 5.0), (0.0, 5.0)), ((0.0, 5.0), (0.0, 0.0)),
         ((5.0, 0.0), (5.0, 3.0)))  # fmt: skip


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A room as model.ifc, scanned as scan.laz from two stations, without its partition."""
    folder = tmp_path_factory.mktemp("room")
    author = Author("Room")
    level = author.storey("Ground", 0.0)
    author.slab(level, "Slab", [(0.0, 0.0), (8.0, 0.0), (8.0, 5.0), (0.0, 5.0)], 0.2)
    for number, (start, end) in enumerate(WALLS):
        author.wall(level, f"Wall {number}", start, end, 3.0, 0.2)
    author.write(folder / "model.ifc")
    building = read_building([folder / "model.ifc"])
    truths = [Truth(State.ABSENT if each.name == "Wall 4" else State.BUILT) for each in building.elements]
    stations = np.array([(2.0, 2.0, 1.6), (6.5, 3.5, 1.6)])
    scan = simulate_scan(stand(building, truths), stations, SimulatedScanner(step_rad=0.01), np.random.default_rng(1))
    write_las(folder / "scan.laz", scan.xyz, scan.station)
    rows = [f"{number},{x},{y},{z}" for number, (x, y, z) in enumerate(stations, 1)]
    (folder / "stations.csv").write_text("\n".join(["station,x,y,z", *rows]))
    return folder


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    """A scheduler, and a worker in a process of its own."""
    with LocalCluster(n_workers=1, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0") as running:
        yield running


def compared(room: Path, folder: Path, scheduler: str | None) -> tuple[Job, Comparison, list[ElementVerdict], Files]:
    """What comes of a comparison of the room on a server of its own."""
    settings = ServerSettings(data=folder, dask_scheduler=scheduler)
    engine, files = open_database(settings.database), Files(settings.files)
    upgrade(engine)
    sha = {each.name: files.keep_bytes(each.read_bytes()) for each in room.iterdir()}
    at = datetime(2026, 5, 1, 16, tzinfo=UTC)
    with writing(engine) as session:
        session.add(Site(id=HERE, name="Here"))
        session.flush()
        session.add_all([
            Model(site_id=HERE, id="m", name="M", current="v"),
            ModelVersion(site_id=HERE, id="v", model_id="m", number=1, filename="model.ifc", sha256=sha["model.ifc"],
                         size=1, state="ready"),
            Scan(site_id=HERE, id="s", name="S", filename="scan.laz", sha256=sha["scan.laz"], size=1, taken_at=at,
                 stations_sha256=sha["stations.csv"]),
        ])  # fmt: skip
        job = jobs.enqueue(session, HERE, "compare", {"comparison_id": "c"})
        session.add(Comparison(site_id=HERE, id="c", name="C", versions=["v"], scans=["s"], at=at, tolerance_m=0.015,
                               pose=np.eye(4).tolist(), job_id=job.id))  # fmt: skip
        session.commit()
    claimed = jobs.claim(engine, "worker", timedelta(minutes=5), attempts=2)
    assert claimed
    do(claimed, engine, settings, Limits(), folder / "cache")
    with reading(engine) as session:
        found = session.get(Job, (HERE, job.id)), session.get(Comparison, (HERE, "c"))
        assert found[0]
        assert found[1]
        return (
            found[0],
            found[1],
            list(session.exec(select(ElementVerdict).order_by(col(ElementVerdict.global_id)))),
            files,
        )


def document(comparison: Comparison, files: Files) -> dict[str, object]:
    kept: dict[str, object] = json.loads(files.read(comparison.files["json"]))
    return {key: value for key, value in kept.items() if key not in ("timing_s", "peak_memory_bytes")}


def test_a_cluster_finds_what_a_worker_finds(room: Path, cluster: LocalCluster, tmp_path: Path) -> None:
    job, there, verdicts, files = compared(room, tmp_path / "there", cluster.scheduler_address)
    assert (job.state, job.error) == ("done", None)
    alone, here, expected, own = compared(room, tmp_path / "here", None)
    assert alone.state == "done"
    assert document(there, files) == document(here, own)
    assert there.totals == here.totals
    assert [each.model_dump() for each in verdicts] == [each.model_dump() for each in expected]
    assert {each.state for each in verdicts} == {"built", "absent"}
    assert there.files.keys() == here.files.keys()


def test_what_a_worker_refuses_a_cluster_refuses_in_the_same_words(
    room: Path, cluster: LocalCluster, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    for each in room.iterdir():
        (broken / each.name).write_bytes(each.read_bytes() if each.name != "scan.laz" else b"LASF nothing")
    (there, *_), (here, *_) = (
        compared(broken, tmp_path / name, scheduler)
        for name, scheduler in (("there", cluster.scheduler_address), ("here", None))
    )
    assert (there.state, there.error) == (here.state, here.error)
    assert there.state == "failed"


def test_a_cluster_without_machines_is_waited_for_and_said(room: Path, tmp_path: Path) -> None:
    with LocalCluster(n_workers=0, host="127.0.0.1", dashboard_address="127.0.0.1:0") as empty:
        job, *_ = compared(room, tmp_path, empty.scheduler_address)
    assert job.state == "queued"
    assert job.error
    assert "has no workers" in job.error["en"]
    assert job.due_at > job.created_at
