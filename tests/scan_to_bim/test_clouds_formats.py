"""Every format gives the same room, whatever its first bytes, byte order, packing or pose."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pye57
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pye57 import libe57
from rosbags.rosbag2 import StoragePlugin

from benchmarks.scan_mutants import STATIONS, room, write_bag, write_pcd, write_ply, write_samples
from bim.errors import BadScan
from bim.frames import FloatArray
from scan_to_bim.clouds import inspect_scan, read_survey
from scan_to_bim.clouds_pcd import unpack_lzf
from scan_to_bim.survey import UNKNOWN_STATION, Survey

SAMPLES = [
    "room.las", "room.laz", "room.copc.laz", "room.e57", "ascii.ply", "little.ply", "big.ply", "ascii.pcd",
    "binary.pcd", "compressed.pcd", "bag.db3", "bag.mcap",
]  # fmt: skip
ROOM_M = np.array([8.0, 6.0, 3.0])


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_samples(tmp_path_factory.mktemp("scans"))


def placed(survey: Survey) -> FloatArray:
    return survey.points + survey.centre_m


def to_walls(survey: Survey) -> FloatArray:
    """Distance of each point from the nearest wall of the room."""
    xyz = placed(survey)
    return np.abs(np.concatenate([xyz, ROOM_M - xyz], axis=1)).min(axis=1)


@pytest.mark.parametrize("name", SAMPLES)
def test_the_room_is_the_same_in_every_format(samples: dict[str, Path], name: str) -> None:
    survey = read_survey([samples[name]]).survey
    assert survey.points_read == 3000
    assert to_walls(survey).max() < 1e-3
    assert placed(survey).min(axis=0) == pytest.approx([0, 0, 0], abs=0.02)
    assert placed(survey).max(axis=0) == pytest.approx(ROOM_M, abs=0.02)


@pytest.mark.parametrize("name", SAMPLES)
def test_the_content_counts_and_not_the_suffix(samples: dict[str, Path], tmp_path: Path, name: str) -> None:
    disguised = tmp_path / "scan.txt"
    disguised.write_bytes(samples[name].read_bytes())
    facts = inspect_scan(disguised)
    assert facts.points == 3000
    assert facts.format == inspect_scan(samples[name]).format


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"ISO-10303-21;", b"x,y,z\n1,2,3\n"])
def test_anything_else_is_refused_and_the_formats_are_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "scan.laz").write_bytes(content)
    with pytest.raises(BadScan, match="LAS, LAZ, COPC, E57, PLY, PCD or rosbag2"):
        read_survey([tmp_path / "scan.laz"])


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nothing.laz"):
        with pytest.raises(BadScan, match="is not a file"):
            read_survey([path])


# --- E57 -------------------------------------------------------------------------------------------------------------


def test_e57_gives_the_scanner_positions_itself(samples: dict[str, Path]) -> None:
    survey = read_survey([samples["room.e57"]]).survey
    assert np.allclose(survey.origins_m + survey.centre_m, STATIONS)


def test_an_e57_pose_without_rotation_moves_points_and_origin(shared_data: Path) -> None:
    survey = read_survey([shared_data / "scans/pye57_translationWithoutRotation.e57"]).survey
    assert (survey.origins_m + survey.centre_m).tolist() == [[4, 5, 6]]


def test_a_lone_identity_pose_is_not_believed_to_be_a_scanner(tmp_path: Path) -> None:
    write_plain_e57(tmp_path / "scan.e57", "cartesianX", "cartesianY", "cartesianZ", xyz=room()[0])
    scan = read_survey([tmp_path / "scan.e57"])
    assert set(scan.survey.station.tolist()) == {UNKNOWN_STATION}
    assert any("moves nothing" in a for a in scan.assumptions)


def test_scaled_whole_numbers_are_lengths(shared_data: Path) -> None:
    bounds = inspect_scan(shared_data / "scans/libE57_bunnyInt32.e57").bounds_m
    assert np.ptp(np.array(bounds), axis=0) == pytest.approx([0.1557, 0.1473, 0.1207], abs=1e-4)


def test_range_azimuth_and_elevation_are_points(tmp_path: Path) -> None:
    x, y, z = (room()[0] - STATIONS[0]).T
    polar = np.array([np.sqrt(x * x + y * y + z * z), np.arctan2(y, x), np.arctan2(z, np.hypot(x, y))]).T
    path = tmp_path / "scan.e57"
    write_plain_e57(path, "sphericalRange", "sphericalAzimuth", "sphericalElevation", xyz=polar, place=STATIONS[0])
    survey = read_survey([path]).survey
    assert to_walls(survey).max() < 1e-5


def test_points_that_are_flagged_as_invalid_are_left_out(tmp_path: Path) -> None:
    xyz = np.vstack([room()[0], np.full((50, 3), 40.0)])
    state = np.repeat([0, 2], [3000, 50])
    path = tmp_path / "scan.e57"
    write_plain_e57(path, "cartesianX", "cartesianY", "cartesianZ", xyz=xyz, state=("cartesianInvalidState", state))
    assert read_survey([path]).survey.points_read == 3000
    assert any("50 of 3050" in problem for problem in inspect_scan(path).problems)


def write_plain_e57(
    path: Path,
    *fields: str,
    xyz: FloatArray,
    place: FloatArray | None = None,
    state: tuple[str, npt.NDArray[np.int64]] | None = None,
) -> None:
    """One scan of any fields, by the library below the writer that knows only Cartesian ones."""
    file = pye57.E57(str(path), mode="w")
    image = file.image_file
    scan, prototype = libe57.StructureNode(image), libe57.StructureNode(image)
    pose = libe57.StructureNode(image)
    translation = libe57.StructureNode(image)
    for axis, value in zip("xyz", np.zeros(3) if place is None else place, strict=True):
        translation.set(axis, libe57.FloatNode(image, float(value)))
    pose.set("translation", translation)
    scan.set("pose", pose)
    scan.set("guid", libe57.StringNode(image, "{0}"))
    for field in fields:
        prototype.set(field, libe57.FloatNode(image, 0.0))
    if state:
        prototype.set(state[0], libe57.IntegerNode(image, 0, 0, 2))
    points = libe57.CompressedVectorNode(image, prototype, libe57.VectorNode(image, True))
    scan.set("points", points)
    file.data3d.append(scan)
    data, buffers = file.make_buffers([*fields, *([state[0]] if state else [])], len(xyz))
    for field, column in zip(fields, xyz.T, strict=True):
        data[field][:] = column
    if state:
        data[state[0]][:] = state[1]
    writer = points.writer(buffers)
    writer.write(len(xyz))
    writer.close()
    file.close()


# --- PLY and PCD -----------------------------------------------------------------------------------------------------


def test_points_that_are_no_numbers_are_left_out(tmp_path: Path) -> None:
    xyz = room()[0]
    xyz[::10, 1] = np.nan
    xyz[1::10, 2] = np.inf
    write_ply(tmp_path / "scan.ply", xyz, "binary_little_endian")
    assert read_survey([tmp_path / "scan.ply"]).survey.points_read == 2400


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300, 3.0])
def test_a_scan_of_nothing_but_one_value_is_refused(tmp_path: Path, value: float) -> None:
    write_ply(tmp_path / "scan.ply", np.full((100, 3), value), "binary_little_endian")
    with pytest.raises(BadScan, match=r"no point|at one place"):
        read_survey([tmp_path / "scan.ply"])


def test_a_pcd_viewpoint_is_the_scanner_position_unless_it_is_the_default(tmp_path: Path) -> None:
    write_pcd(tmp_path / "scan.pcd", room()[0], "binary", "2 2 1.5 1 0 0 0")
    survey = read_survey([tmp_path / "scan.pcd"]).survey
    assert np.allclose(survey.origins_m + survey.centre_m, [[2, 2, 1.5]])
    write_pcd(tmp_path / "scan.pcd", room()[0], "binary")
    assert not len(read_survey([tmp_path / "scan.pcd"]).survey.origins_m)


def test_lzf_runs_repeat_what_was_unpacked() -> None:
    plain = np.zeros(300, dtype=np.uint8)
    packed = np.array([1, 7, 8, 7 << 5, 255, 1, 0, 9], dtype=np.uint8)
    assert unpack_lzf(packed, plain) == 2 + 264 + 1
    assert plain[:267].tolist() == [7, 8] * 133 + [9]


@settings(deadline=None)
@given(st.binary(max_size=60), st.integers(0, 200))
def test_no_bytes_make_unpacking_leave_its_arrays(packed: bytes, room_bytes: int) -> None:
    plain = np.zeros(room_bytes + 1, dtype=np.uint8)
    made = unpack_lzf(np.frombuffer(packed, np.uint8).copy(), plain[:room_bytes])
    assert -1 <= made <= room_bytes
    assert plain[room_bytes] == 0


@pytest.mark.parametrize(
    "header",
    [
        "element vertex 99999999999999999999",
        "element vertex 1099511627776",
        "element vertex -1",
        "element vertex 3\nproperty list uchar int x",
        "element vertex 3\nproperty float x\nproperty float x",
        "element vertex 3\nproperty quad x",
        "property float x",
        "nonsense",
    ],
)
def test_a_ply_header_that_cannot_be_true_is_refused(tmp_path: Path, header: str) -> None:
    text = f"ply\nformat binary_little_endian 1.0\n{header}\nproperty float y\nproperty float z\nend_header\n"
    (tmp_path / "scan.ply").write_bytes(text.encode() + bytes(36))
    with pytest.raises(BadScan):
        read_survey([tmp_path / "scan.ply"])


# --- rosbag2 ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("storage", list(StoragePlugin))
def test_a_bag_of_standing_sensors_has_a_station_for_each_place(tmp_path: Path, storage: StoragePlugin) -> None:
    xyz, station = room()
    write_bag(tmp_path / "bag", [xyz[station == 1], xyz[station == 2], xyz[:10]], [*STATIONS, STATIONS[0]], storage)
    survey = read_survey([tmp_path / "bag"]).survey
    assert np.allclose(survey.origins_m + survey.centre_m, STATIONS)
    assert to_walls(survey).max() < 1e-5


def test_a_bag_of_a_moving_sensor_is_one_frame_seen_from_nobody_knows_where(tmp_path: Path) -> None:
    xyz = room()[0]
    places = [STATIONS[0] + [0.05 * i, 0, 0] for i in range(60)]
    write_bag(tmp_path / "bag", np.array_split(xyz, 60), places, StoragePlugin.SQLITE3)
    scan = read_survey([tmp_path / "bag"])
    assert set(scan.survey.station.tolist()) == {UNKNOWN_STATION}
    assert any("its sensor moves" in a for a in scan.assumptions)
    assert to_walls(scan.survey).max() < 1e-5
