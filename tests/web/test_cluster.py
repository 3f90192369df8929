"""A Dask cluster finds what a worker alone finds; what dies there is replaced, and what is cancelled ends there."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from distributed import Client, LocalCluster
from sqlmodel import col, select

from bim.ifc import read_building
from bim.ifc_authoring import Author
from bim.isolation import Limits
from bim.verdict import State
from scan_to_bim.clouds import write_las
from scan_to_bim.simulate import SimulatedScanner, simulate_scan
from scan_to_bim.simulated_site import Truth, stand
from tests.web.held_files import HeldFiles, held_files
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
    for number in (1, 2):
        of = scan.station == number
        write_las(folder / f"scan-{number}.laz", scan.xyz[of], scan.station[of])
    rows = [f"{number},{x},{y},{z}" for number, (x, y, z) in enumerate(stations, 1)]
    (folder / "stations.csv").write_text("\n".join(["station,x,y,z", *rows]))
    return folder


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    """A scheduler, and two workers in processes of their own."""
    with LocalCluster(n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0") as running:
        yield running


class Asked:
    """A comparison of the room, asked for on a server of its own."""

    def __init__(self, room: Path, folder: Path, scheduler: str | None, scans: tuple[str, ...] = ("scan.laz",)) -> None:
        self.settings = ServerSettings(data=folder, dask_scheduler=scheduler)
        self.engine, self.files = open_database(self.settings.database), Files(self.settings.files)
        upgrade(self.engine)
        self.sha = {each.name: self.files.keep_bytes(each.read_bytes()) for each in room.iterdir()}
        at = datetime(2026, 5, 1, 16, tzinfo=UTC)
        with writing(self.engine) as session:
            session.add(Site(id=HERE, name="Here"))
            session.flush()
            session.add_all([
                Model(site_id=HERE, id="m", name="M", current="v"),
                ModelVersion(site_id=HERE, id="v", model_id="m", number=1, filename="model.ifc",
                             sha256=self.sha["model.ifc"], size=1, state="ready"),
                *(Scan(site_id=HERE, id=name, name=name, filename=name, sha256=self.sha[name], size=1, taken_at=at,
                       stations_sha256=self.sha["stations.csv"]) for name in scans),
            ])  # fmt: skip
            self.job_id = jobs.enqueue(session, HERE, "compare", {"comparison_id": "c"}).id
            session.add(Comparison(site_id=HERE, id="c", name="C", versions=["v"], scans=list(scans), at=at,
                                   tolerance_m=0.015, pose=np.eye(4).tolist(), job_id=self.job_id))  # fmt: skip
            session.commit()

    def do(self) -> "Asked":
        """Do it, as a worker's child does."""
        claimed = jobs.claim(self.engine, "worker", timedelta(minutes=5), attempts=2)
        assert claimed
        do(claimed, self.engine, self.settings, Limits(), self.settings.data / "cache")
        return self

    @property
    def job(self) -> Job:
        with reading(self.engine) as session:
            found = session.get(Job, (HERE, self.job_id))
            assert found
            return found

    @property
    def comparison(self) -> Comparison:
        with reading(self.engine) as session:
            found = session.get(Comparison, (HERE, "c"))
            assert found
            return found

    @property
    def verdicts(self) -> list[dict[str, object]]:
        query = select(ElementVerdict).order_by(col(ElementVerdict.global_id))
        with reading(self.engine) as session:
            return [each.model_dump() for each in session.exec(query)]

    @property
    def document(self) -> dict[str, object]:
        kept: dict[str, object] = json.loads(self.files.read(self.comparison.files["json"]))
        return {key: value for key, value in kept.items() if key not in ("timing_s", "peak_memory_bytes")}


SPLIT = ("scan-1.laz", "scan-2.laz")


@pytest.mark.parametrize("scans", [("scan.laz",), SPLIT])
def test_a_cluster_finds_what_a_worker_finds(
    room: Path, cluster: LocalCluster, tmp_path: Path, scans: tuple[str, ...]
) -> None:
    there = Asked(room, tmp_path / "there", cluster.scheduler_address, scans).do()
    assert (there.job.state, there.job.error) == ("done", None)
    here = Asked(room, tmp_path / "here", None, scans).do()
    assert here.job.state == "done"
    assert there.document == here.document
    assert there.comparison.totals == here.comparison.totals
    assert there.verdicts == here.verdicts
    assert {each["state"] for each in there.verdicts} == {"built", "absent"}
    assert there.comparison.files.keys() == here.comparison.files.keys()


@pytest.mark.parametrize("scans", [("scan.laz",), SPLIT])
def test_what_a_worker_refuses_a_cluster_refuses_in_the_same_words(
    room: Path, cluster: LocalCluster, tmp_path: Path, scans: tuple[str, ...]
) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    for each in room.iterdir():
        (broken / each.name).write_bytes(b"LASF nothing" if each.name == scans[-1] else each.read_bytes())
    there, here = (
        Asked(broken, tmp_path / name, scheduler, scans).do().job
        for name, scheduler in (("there", cluster.scheduler_address), ("here", None))
    )
    assert (there.state, there.error) == (here.state, here.error)
    assert there.state == "failed"


def test_a_cluster_without_machines_is_waited_for_and_said(room: Path, tmp_path: Path) -> None:
    with LocalCluster(n_workers=0, host="127.0.0.1", dashboard_address="127.0.0.1:0") as empty:
        job = Asked(room, tmp_path, empty.scheduler_address).do().job
    assert job.state == "queued"
    assert job.error
    assert "has no workers" in job.error["en"]
    assert job.due_at > job.created_at


# --- What dies, and what is cancelled ---------------------------------------------------------------------------------


@contextmanager
def held(asked: Asked, name: str) -> Iterator[HeldFiles]:
    """The files of a server over HTTP, so that a process of the cluster waits for one of them."""
    with held_files(Path(asked.settings.files), asked.sha[name]) as files:
        asked.settings = asked.settings.model_copy(update={"files_url": files.url})
        yield files


def test_scans_are_read_side_by_side(room: Path, cluster: LocalCluster, tmp_path: Path) -> None:
    asked = Asked(room, tmp_path / "data", cluster.scheduler_address, (*SPLIT, "scan.laz"))
    with held(asked, SPLIT[1]) as files, worker(asked):
        files.wait_until("asked", files.held)
        files.wait_until("asked", asked.sha["scan.laz"])


def test_a_machine_that_dies_is_replaced(room: Path, tmp_path: Path) -> None:
    here = Asked(room, tmp_path / "here", None, SPLIT).do()
    with LocalCluster(n_workers=1, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0") as cluster:
        there = Asked(room, tmp_path / "there", cluster.scheduler_address, SPLIT)
        with held(there, SPLIT[1]) as files, ThreadPoolExecutor(1) as beside:
            done = beside.submit(there.do)
            files.wait_until("asked", files.held)
            with Client(cluster, set_as_default=False) as client:
                (machine,) = client.run(os.getpid).values()
            files.held = ""
            os.kill(machine, signal.SIGKILL)
            files.wait_until("gone", there.sha[SPLIT[1]])
            done.result(timeout=300)
    assert (there.job.state, there.job.attempts) == ("done", 1)
    assert there.document == here.document


def test_a_job_that_is_cancelled_ends_on_the_cluster(room: Path, cluster: LocalCluster, tmp_path: Path) -> None:
    asked = Asked(room, tmp_path / "data", cluster.scheduler_address, SPLIT)
    with held(asked, SPLIT[0]) as files, worker(asked):
        files.wait_until("asked", files.held)
        with writing(asked.engine) as session:
            job = session.get(Job, (HERE, asked.job_id))
            assert job
            jobs.cancel(session, job)
            session.commit()
        files.wait_until("gone", files.held)
    assert asked.job.state == "cancelled"


@contextmanager
def worker(asked: Asked) -> Iterator[None]:
    """A real worker beside the test, which has ended in the end."""
    environment = os.environ | {
        "SITEWRIGHT_SERVER__DASK_SCHEDULER": str(asked.settings.dask_scheduler),
        "SITEWRIGHT_SERVER__FILES_URL": asked.settings.files,
    }
    command = [sys.executable, "-m", "sitewright", "worker", "--data", str(asked.settings.data)]
    process = subprocess.Popen(command, env=environment, cwd=asked.settings.data)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def test_a_scheduler_that_dies_is_said_and_its_work_ends(room: Path, tmp_path: Path) -> None:
    at = tmp_path / "scheduler.json"
    with (
        dask("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", at) as scheduler,
        dask("worker", "--scheduler-file", at, "--no-dashboard", "--nthreads", "1"),
        Client(scheduler_file=str(at), set_as_default=False) as client,
    ):
        client.wait_for_workers(1)
        asked = Asked(room, tmp_path / "data", client.scheduler.address, SPLIT)
        with held(asked, SPLIT[0]) as files, ThreadPoolExecutor(1) as beside:
            done = beside.submit(asked.do)
            files.wait_until("asked", files.held)
            scheduler.kill()
            done.result(timeout=300)
            files.wait_until("gone", files.held)
    assert asked.job.state == "queued"
    assert asked.job.error
    assert "went away" in asked.job.error["en"]
    assert asked.job.error["zh"]


@contextmanager
def dask(*arguments: object) -> Iterator["subprocess.Popen[bytes]"]:
    """A part of a cluster as people start it."""
    process = subprocess.Popen([sys.executable, "-m", "dask", *map(str, arguments)], stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()
