"""CPU time of a whole comparison beside decoding the same LAZ alone, and beside CloudCompare's distances alone."""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import laspy
import numpy as np

from benchmarks.simulated_sites import make_site
from bim.frames import FloatArray, IntArray, transform
from bim.ifc import read_building
from bim.mesh import Mesh

MODEL = "BimWhale_LargeBuilding"
STATIONS, PULSES, SEED = 20, 24_000_000, 30_000
ROUNDS = 3
NO_TRIANGLES = np.empty((0, 3), dtype=np.int32)
DECODE = """
import sys, laspy
with laspy.open(sys.argv[1], laz_backend=laspy.LazBackend.Lazrs) as reader:
    for chunk in reader.chunk_iterator(1_000_000):
        chunk.X, chunk.Y, chunk.Z, chunk.point_source_id
"""
LAUNCH = """
import json, resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps({"cpu_s": used.ru_utime + used.ru_stime, "peak_bytes": 1024 * used.ru_maxrss}))
"""
"""A small process in between: a program's peak memory begins at that of the process which started it."""

Command = Sequence[str]
Spent = dict[str, float]


def measure(shared: Path) -> dict[str, Any]:
    """Figures of the shared case `large` and of a larger simulated scan of the same model."""
    model = shared / "data/ifc" / f"{MODEL}.ifc"
    mesh = read_building([model]).mesh
    with tempfile.TemporaryDirectory() as name:
        made = Path(name)
        make_site(read_building([model]), SEED, STATIONS, PULSES, made)
        return {"large": _figures(model, mesh, shared / "data/cases/large"), "made": _figures(model, mesh, made)}


def _figures(model: Path, mesh: Mesh, case: Path) -> dict[str, Any]:
    """Medians of `ROUNDS` turns, in each of which every program runs once, and ratios of those medians."""
    with tempfile.TemporaryDirectory() as name:
        commands: dict[str, Command] = {
            "compare": _comparison(model, case, Path(name)),
            "decode": [sys.executable, "-c", DECODE, str(case / "scan.laz")],
        }
        commands |= _distances(mesh, case, Path(name))
        _spent(commands["compare"], Path(name))
        turns = [{key: _spent(command, Path(name)) for key, command in commands.items()} for _ in range(ROUNDS)]
    with laspy.open(case / "scan.laz") as reader:
        points = reader.header.point_count
    median = {key: statistics.median(turn[key]["cpu_s"] for turn in turns) for key in commands}
    if "cloudcompare_loading" in median:
        median["cloudcompare_distances"] = median["cloudcompare"] - median["cloudcompare_loading"]
    return {
        "points": points,
        "triangles": len(mesh.triangles),
        "cpu_s": median,
        "million_points_per_cpu_s": {key: points / 1e6 / cpu_s for key, cpu_s in median.items()},
        "cpu_of_compare_over": {key: median["compare"] / cpu_s for key, cpu_s in median.items()},
        "peak_bytes": {key: max(turn[key]["peak_bytes"] for turn in turns) for key in commands},
    }


def _comparison(model: Path, case: Path, folder: Path) -> Command:
    program = Path(sys.executable).with_name("sitewright")
    scan = ["--scan", case / "scan.laz", "--stations", case / "stations.csv"]
    return [str(part) for part in (program, "compare", model, *scan, "--json", folder / "result.json", "--quiet")]


def _distances(mesh: Mesh, case: Path, folder: Path) -> dict[str, Command]:
    """CloudCompare on the same points in the model's frame and the same mesh, with and without its distances."""
    program = shutil.which("CloudCompare")
    if program is None:
        return {}
    _write_cloud(case, folder / "scan.ply")
    _write_ply(folder / "mesh.ply", mesh.vertices, mesh.triangles)
    loading = [program, "-SILENT", "-AUTO_SAVE", "OFF", "-O", str(folder / "scan.ply")]
    loading += ["-O", str(folder / "mesh.ply")]
    return {"cloudcompare": [*loading, "-C2M_DIST"], "cloudcompare_loading": loading}


def _write_cloud(case: Path, path: Path) -> None:
    truth = json.loads((case / "truth.json").read_text(encoding="utf-8"))
    _write_ply(path, transform(np.array(truth["scan_to_model"]), laspy.read(case / "scan.laz").xyz), NO_TRIANGLES)


def _write_ply(path: Path, vertices: FloatArray, triangles: IntArray) -> None:
    """Binary PLY, as http://paulbourke.net/dataformats/ply has it; not every build of CloudCompare reads LAS."""
    header = (
        "ply\nformat binary_little_endian 1.0\n"
        f"element vertex {len(vertices)}\nproperty float x\nproperty float y\nproperty float z\n"
    )
    if len(triangles):
        header += f"element face {len(triangles)}\nproperty list uchar int vertex_indices\n"
    faces = np.empty(len(triangles), dtype=[("count", "u1"), ("corners", "<i4", 3)])
    faces["count"], faces["corners"] = 3, triangles
    path.write_bytes(f"{header}end_header\n".encode() + vertices.astype("<f4").tobytes() + faces.tobytes())


def _spent(command: Command, folder: Path) -> Spent:
    """Processor seconds of a program with its children, and the peak memory of the largest of them."""
    environment = os.environ | {"SITEWRIGHT_CACHE_DIR": str(folder / "cache"), "QT_QPA_PLATFORM": "offscreen"}
    launcher = [sys.executable, "-c", LAUNCH, *command]
    output = subprocess.run(launcher, env=environment, check=True, stdout=subprocess.PIPE).stdout  # noqa: S603
    spent: Spent = json.loads(output)
    return spent
