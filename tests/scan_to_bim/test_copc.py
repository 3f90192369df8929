"""A scan as COPC: every point once, each node within its cube, whatever fits in memory."""

from pathlib import Path

import copclib
import laspy
import numpy as np
import pytest

from bim.errors import BadScan
from scan_to_bim import copc
from scan_to_bim.clouds import write_las
from scan_to_bim.copc import SCALE_M, write_copc


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray]:
    """A floor and a wall, far from the origin, and one stray point; the file and its points (N, 3)."""
    rng = np.random.default_rng(1)
    floor = rng.uniform([0, 0, 0], [20, 10, 0.01], (60_000, 3))
    wall = rng.uniform([0, 0, 0], [20, 0.01, 3], (30_000, 3))
    here = np.concatenate([floor, wall, [[45.0, 0, 0]]])
    xyz = np.round(here + np.array([500_000.0, 5_800_000.0, 60.0]), 3)
    path = tmp_path_factory.mktemp("scan") / "scan.laz"
    write_las(path, xyz, np.repeat([1, 2], [45_000, 45_001]).astype(np.int32))
    return path, xyz


def written(path: Path) -> np.ndarray:
    return np.sort(np.rint(laspy.read(path).xyz / SCALE_M).astype(np.int64), axis=0)


@pytest.mark.parametrize("in_memory", [10_000_000, 25_000, 1_000])
def test_every_point_is_in_it_once(
    scan: tuple[Path, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_memory: int
) -> None:
    monkeypatch.setattr(copc, "IN_MEMORY_POINTS", in_memory)
    path, xyz = scan
    facts = write_copc(path, tmp_path / "out.copc.laz")
    assert facts.points == len(xyz)
    assert (written(tmp_path / "out.copc.laz") == np.sort(np.rint(xyz / SCALE_M).astype(np.int64), axis=0)).all()
    assert facts.bounds_m[0] == pytest.approx(tuple(xyz.min(axis=0)), abs=SCALE_M)
    assert [path.name for path in tmp_path.iterdir()] == ["out.copc.laz"]


def test_a_node_holds_points_of_its_own_cube_and_no_more_than_a_viewer_wants(
    scan: tuple[Path, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copc, "IN_MEMORY_POINTS", 25_000)
    write_copc(scan[0], tmp_path / "out.copc.laz")
    reader = copclib.FileReader(str(tmp_path / "out.copc.laz"))
    info, nodes = reader.copc_config.copc_info, reader.GetAllNodes()
    assert len(nodes) > 3
    for node in nodes:
        points = reader.GetPoints(node)
        xyz = np.stack([points.x, points.y, points.z], axis=1)
        side = 2 * info.halfsize / (1 << node.key.d)
        low = np.array([info.center_x, info.center_y, info.center_z]) - info.halfsize
        low = low + side * np.array([node.key.x, node.key.y, node.key.z])
        assert ((xyz >= low - SCALE_M) & (xyz <= low + side + SCALE_M)).all()
        assert 0 < len(xyz) <= 1.1 * copc.NODE_POINTS + 7 * copc.FEW_POINTS
    assert {int(i) for i in laspy.read(tmp_path / "out.copc.laz").point_source_id} == {1, 2}


def test_the_same_scan_gives_the_same_points_in_the_same_order(scan: tuple[Path, np.ndarray], tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_copc(scan[0], tmp_path / f"{name}.copc.laz")
    a, b = (np.array(laspy.read(tmp_path / f"{name}.copc.laz").xyz) for name in ("a", "b"))
    assert (a == b).all()


def test_a_scan_in_other_units_becomes_metres(scan: tuple[Path, np.ndarray], tmp_path: Path) -> None:
    facts = write_copc(scan[0], tmp_path / "out.copc.laz", unit_m=0.01)
    assert facts.bounds_m[0][0] == pytest.approx(5_000.0, abs=0.01)


@pytest.mark.parametrize("content", [b"", b"no scan", b"LASF" + bytes(400)])
def test_what_is_no_scan_is_refused_and_leaves_nothing(tmp_path: Path, content: bytes) -> None:
    bad = tmp_path / "bad.laz"
    bad.write_bytes(content)
    with pytest.raises(BadScan):
        write_copc(bad, tmp_path / "out.copc.laz")
    assert [path.name for path in tmp_path.iterdir()] == ["bad.laz"]
