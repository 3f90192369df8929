"""A comparison of many scans in one process, and on a Dask cluster of two machines, which are processes here."""

import os
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from distributed import Client, LocalCluster

from benchmarks.scan_memory import HALL_M, STATIONS, scanned, write_points
from bim.ifc_authoring import Author
from bim.isolation import Limits
from web import jobs
from web.apart import apart
from web.cluster import compared_on_cluster
from web.comparison import Compared, compared
from web.comparison_scans import Wanted
from web.database import open_database, upgrade, writing
from web.files import Files
from web.settings import ServerSettings
from web.tables import Site
from web.work import Work

NEEDS_SHARED = False
THICK_M = 0.2
POINTS, MACHINES = int(os.environ.get("SITEWRIGHT_BENCH_POINTS", "40000000")), 2


def measure(shared: Path) -> dict[str, Any]:
    """A hall, of which each of ten stations gives a scan file: seconds, and whether both find the same."""
    with tempfile.TemporaryDirectory() as folder:
        work, wanted = _asked(Path(folder))
        alone, found = _spent(_children_s, lambda: apart(lambda: True, compared, wanted, work.cache, work.limits))
        with (
            LocalCluster(MACHINES, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0") as machines,
            Client(machines, set_as_default=False) as client,
        ):
            address = machines.scheduler_address
            cluster, found_there = _spent(
                lambda: time.process_time() + sum(client.run(_used_s).values()),
                lambda: compared_on_cluster(work, address, wanted),
            )
    return {
        "points": POINTS,
        "scans": len(wanted.scans),
        "one_process": alone,
        "cluster": cluster,
        "machines": MACHINES,
        "load": os.getloadavg()[0],
        "same_verdicts": found.verdicts == found_there.verdicts,
    }


def _spent(used_s: Callable[[], float], deed: Callable[[], Compared]) -> tuple[dict[str, float], Compared]:
    """Wall and CPU seconds, the start of the processes that do it included, that of the cluster not."""
    began, before_s = time.monotonic(), used_s()
    found = deed()
    return {"wall_s": time.monotonic() - began, "cpu_s": used_s() - before_s}, found


def _children_s() -> float:
    return sum(os.times()[2:4])


def _used_s() -> float:
    """By a machine of the cluster and what it started."""
    return sum(os.times()[:4])


def _asked(folder: Path) -> tuple[Work, Wanted]:
    settings = ServerSettings(data=folder / "data")
    engine, files = open_database(settings.database), Files(settings.files)
    upgrade(engine)
    with writing(engine) as session:
        session.add(Site(id="hall", name="Hall"))
        session.flush()
        jobs.enqueue(session, "hall", "compare", {})
        session.commit()
    job = jobs.claim(engine, "bench", timedelta(days=1), 1)
    assert job
    wanted = Wanted(
        files_url=settings.files,
        models=((_model(files, folder), "hall.ifc"),),
        scans=tuple((_scan(files, folder, number), f"scan-{number}.laz") for number in range(len(STATIONS))),
        stations=(_stations(files),),
        unit_m=None,
        pose=np.eye(4).tolist(),
        tolerance_m=0.015,
        at=datetime(2026, 5, 1, tzinfo=UTC),
    )
    return Work(job, engine, files, settings, Limits(), folder / "cache", folder), wanted


def _model(files: Files, folder: Path) -> str:
    length, width, height = HALL_M.tolist()
    low, high, author = -THICK_M / 2, THICK_M / 2, Author("Hall")
    corners = [(low, low), (length + high, low), (length + high, width + high), (low, width + high)]
    level = author.storey("Ground", 0.0)
    author.slab(level, "Slab", corners, THICK_M)
    for number in range(4):
        author.wall(level, f"Wall {number}", corners[number], corners[(number + 1) % 4], height, THICK_M)
    author.write(folder / "hall.ifc")
    return files.keep(folder / "hall.ifc")


def _stations(files: Files) -> str:
    rows = [f"{i},{x},{y},{z}" for i, (x, y, z) in enumerate(STATIONS.tolist(), 1)]
    return files.keep_bytes("\n".join(["station,x,y,z", *rows]).encode())


def _scan(files: Files, folder: Path, station: int) -> str:
    path = folder / "scan.laz"
    write_points(path, scanned(station, POINTS // len(STATIONS)))
    return files.keep(path)
