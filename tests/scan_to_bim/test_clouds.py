"""Scans come in: their stations, units and frames are known, refused, or recorded as assumptions."""

import hashlib
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.scan_mutants import room, write_ply
from bim.errors import BadScan
from bim.frames import FloatArray
from scan_to_bim.clouds import inspect_scan, read_survey, write_las
from scan_to_bim.clouds_las import wkt_unit
from scan_to_bim.survey import UNKNOWN_STATION, Survey

HEADER = "station,x,y,z\n"
CASES = ["duplex", "fzk", "large", "tall"]


def las(folder: Path, name: str = "scan.laz", scale: float = 1.0, at: float = 0.0) -> Path:
    xyz, station = room()
    write_las(folder / name, xyz * scale + at, station)
    return folder / name


def csv(folder: Path, rows: str, name: str = "stations.csv") -> Path:
    path = folder / name
    path.write_text(HEADER + rows, encoding="utf-8")
    return path


def placed(survey: Survey) -> FloatArray:
    return survey.points + survey.centre_m


# --- Stations --------------------------------------------------------------------------------------------------------


def test_the_point_source_id_says_which_station_a_point_came_from(tmp_path: Path) -> None:
    stations = csv(tmp_path, "2,6,4,1.6\n1,2,2,1.5\n")
    survey = read_survey([las(tmp_path)], stations).survey
    assert np.allclose(survey.origins_m + survey.centre_m, [[2, 2, 1.5], [6, 4, 1.6]])
    assert set(survey.station.tolist()) == {0, 1}


def test_points_of_a_station_without_a_row_have_an_unknown_origin_and_that_is_said(tmp_path: Path) -> None:
    scan = read_survey([las(tmp_path)], csv(tmp_path, "1,2,2,1.5\n"))
    assert set(scan.survey.station.tolist()) == {0, UNKNOWN_STATION}
    assert any("scanner position is unknown" in a for a in scan.assumptions)


def test_one_row_stands_for_a_cloud_that_does_not_number_its_stations(tmp_path: Path) -> None:
    write_ply(tmp_path / "scan.ply", room()[0], "ascii")
    survey = read_survey([tmp_path / "scan.ply"], csv(tmp_path, "5,2,2,1.5\n")).survey
    assert set(survey.station.tolist()) == {0}


def test_one_row_stands_for_a_las_file_that_says_its_points_are_its_own(tmp_path: Path) -> None:
    xyz, station = room()
    write_las(tmp_path / "scan.las", xyz, np.zeros_like(station))
    assert set(read_survey([tmp_path / "scan.las"], csv(tmp_path, "5,2,2,1.5\n")).survey.station.tolist()) == {0}


def test_stations_that_no_point_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadScan, match=r"stations\.csv"):
        read_survey([las(tmp_path)], csv(tmp_path, "8,2,2,1.5\n9,2,2,1.5\n"))


@pytest.mark.parametrize(
    ("rows", "row"),
    [
        ("1,2,3\n", 2),
        ("1,2,3,4\nx,2,3,4\n", 3),
        ("1,2,nan,4\n", 2),
        ("1,2,3,4\n\n1,2,3,5\n", 4),
        ("-1,2,3,4\n", 2),
        ("1,2,3,4,5\n", 2),
        (f"{2**31},2,3,4\n", 2),
    ],
)
def test_a_malformed_row_is_named_by_its_number(tmp_path: Path, rows: str, row: int) -> None:
    with pytest.raises(BadScan, match=f"row {row}:"):
        read_survey([las(tmp_path)], csv(tmp_path, rows))


@pytest.mark.parametrize("text", ["", "x,y,z\n1,2,3\n", "\x00\xff", HEADER])
def test_a_file_without_header_or_rows_is_no_stations_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "stations.csv").write_text(text, encoding="utf-8")
    with pytest.raises(BadScan, match=r"stations\.csv"):
        read_survey([las(tmp_path)], tmp_path / "stations.csv")


# --- Several scans ---------------------------------------------------------------------------------------------------


def test_several_scans_of_one_site_are_one_survey_in_one_frame(tmp_path: Path) -> None:
    paths = [las(tmp_path, "a.laz"), las(tmp_path, "b.las", at=10.0)]
    scan = read_survey(paths)
    assert placed(scan.survey).max(axis=0) == pytest.approx([18, 16, 13], abs=1e-4)
    assert [i.path for i in scan.inputs] == list(map(str, paths))
    assert scan.survey.points_read == sum(i.points for i in scan.inputs) == 6000


def test_stations_of_different_files_do_not_collide(tmp_path: Path) -> None:
    stations = csv(tmp_path, "1,2,2,1.5\n2,6,4,1.6\n")
    scan = read_survey([las(tmp_path, "a.laz"), las(tmp_path, "b.laz")], stations)
    assert len(scan.survey.origins_m) == 4
    assert any("a.laz and b.laz" in a or ("a.laz" in a and "b.laz" in a) for a in scan.assumptions)


def test_scans_kilometres_apart_are_not_one_site(tmp_path: Path) -> None:
    with pytest.raises(BadScan, match=r"b\.laz lies"):
        read_survey([las(tmp_path, "a.laz"), las(tmp_path, "b.laz", at=3000.0)])


# --- Units -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("unit_m", [0.001, 0.01, 0.3048])
def test_a_given_unit_scales_points_and_stations(tmp_path: Path, unit_m: float) -> None:
    path = las(tmp_path, scale=1 / unit_m)
    survey = read_survey([path], csv(tmp_path, f"1,{2 / unit_m},0,0\n"), unit_m).survey
    assert np.ptp(placed(survey), axis=0) == pytest.approx([8, 6, 3], abs=1e-3)
    assert survey.origins_m[0] + survey.centre_m == pytest.approx([2, 0, 0])


def test_a_room_of_hundreds_of_units_is_not_taken_to_be_in_metres(tmp_path: Path) -> None:
    with pytest.raises(BadScan, match="--scan-unit"):
        read_survey([las(tmp_path, scale=100)])


def test_a_unit_that_is_assumed_is_said(tmp_path: Path) -> None:
    assert any("metres were assumed" in a for a in read_survey([las(tmp_path)]).assumptions)
    assert not any("metres were assumed" in a for a in read_survey([las(tmp_path)], unit_m=1.0).assumptions)


GEOGRAPHIC = 'GEOGCS["NAD83",DATUM["D",SPHEROID["S",6378137,298.25]],UNIT["degree",0.0174532925]]'


@pytest.mark.parametrize(
    ("wkt", "unit"),
    [
        (f'PROJCS["P",{GEOGRAPHIC},PARAMETER["false_easting",1312335.9],UNIT["foot",0.3048]]', (0.3048,) * 3),
        (
            f'COMPD_CS["C",PROJCS["P",{GEOGRAPHIC},UNIT["metre",1]],VERT_CS["V",VERT_DATUM["D",2005],UNIT["ft",0.3]]]',
            (1.0, 1.0, 0.3),
        ),
        (
            'PROJCRS["P",CONVERSION["c",PARAMETER["FE",500,LENGTHUNIT["metre",1]]],CS[Cartesian,2],'
            'AXIS["e",east,LENGTHUNIT["US survey foot",0.304800609601219]]]',
            (0.304800609601219,) * 3,
        ),
        ('LOCAL_CS["site, [A]",UNIT["metre",1]]', (1.0, 1.0, 1.0)),
        ("nonsense", None),
        ("[" * 10000, None),
        ('PROJCS["P",UNIT["nothing",nan]]', None),
    ],
)
def test_a_coordinate_system_says_the_unit_by_its_own_word(wkt: str, unit: tuple[float, ...] | None) -> None:
    assert wkt_unit(wkt) == unit


def test_degrees_are_refused() -> None:
    with pytest.raises(BadScan, match="degrees"):
        wkt_unit(GEOGRAPHIC)


@given(st.text(max_size=200))
def test_no_text_of_a_coordinate_system_breaks_the_reader(text: str) -> None:
    try:
        unit = wkt_unit(text)
    except BadScan:
        return
    assert unit is None or all(u > 0 for u in unit)


# --- Writing ---------------------------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(*[st.floats(-3000, 3000)] * 3), min_size=2, max_size=30, unique=True))
def test_what_is_written_is_read_to_a_tenth_of_a_millimetre(
    tmp_path_factory: pytest.TempPathFactory, points: list[tuple[float, float, float]]
) -> None:
    path = tmp_path_factory.mktemp("las") / "scan.laz"
    xyz = np.array(points)
    write_las(path, xyz, np.ones(len(xyz), dtype=np.int32))
    found = inspect_scan(path).bounds_m
    assert np.abs(found - np.array([xyz.min(axis=0), xyz.max(axis=0)])).max() <= 0.5001e-4


@pytest.mark.parametrize("name", ["a.las", "a.laz"])
def test_the_same_points_give_the_same_bytes(tmp_path: Path, name: str) -> None:
    first, again = las(tmp_path, name).read_bytes(), las(tmp_path, f"again-{name}").read_bytes()
    assert first == again
    assert (first[104] & 0x80 != 0) == name.endswith("laz")


def test_millimetres_survive_far_from_the_origin(tmp_path: Path) -> None:
    path = las(tmp_path, at=4_000_000.0)
    assert placed(read_survey([path]).survey).min(axis=0) == pytest.approx([4e6] * 3, abs=1e-4)


# --- Inspecting ------------------------------------------------------------------------------------------------------


def test_an_inspection_tells_what_is_there(tmp_path: Path) -> None:
    path = las(tmp_path)
    facts = asdict(inspect_scan(path))
    assert (facts["format"], facts["points"], facts["stations"], facts["unit"]) == ("LAZ 1.4", 3000, 2, None)
    assert facts["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert any("unit is not stated" in problem for problem in facts["problems"])


@pytest.mark.parametrize("case", CASES)
def test_a_surveyed_case_comes_in_whole(shared_data: Path, case: str) -> None:
    folder = shared_data / "cases" / case
    scan = read_survey([folder / "scan.laz"], folder / "stations.csv")
    rows = np.loadtxt(folder / "stations.csv", delimiter=",", skiprows=1)
    assert np.allclose(scan.survey.origins_m + scan.survey.centre_m, rows[:, 1:], atol=1e-9)
    assert scan.survey.points_read == scan.inputs[0].points
    assert len(scan.survey.points) > 0.97 * scan.survey.points_read


@pytest.mark.parametrize("case", ["duplex", "tall"])
def test_e57_and_laz_of_one_survey_agree(shared_data: Path, case: str) -> None:
    folder = shared_data / "cases" / case
    e57 = read_survey([folder / "scan.e57"]).survey
    laz = read_survey([folder / "scan.laz"], folder / "stations.csv").survey
    assert e57.points_read == laz.points_read
    assert np.allclose(e57.origins_m + e57.centre_m, laz.origins_m + laz.centre_m, atol=1e-3)
    assert np.allclose(placed(e57).mean(axis=0), placed(laz).mean(axis=0), atol=0.02)


def test_real_scans_come_in_or_are_refused_with_a_reason(shared_data: Path) -> None:
    scans = shared_data / "scans"
    feet = read_survey([scans / "PDAL_autzen_trim.laz"])
    assert np.ptp(placed(feet.survey), axis=0) == pytest.approx([358.9, 171.5, 34.8], abs=0.1)
    assert len(read_survey([scans / f"pcl_room_scan{i}.pcd" for i in (1, 2)]).inputs) == 2
    with pytest.raises(BadScan, match="--scan-unit"):
        read_survey([scans / "jingdao_sample2.ply"])
    for broken in ("ZeroPoints", "InvalidCVHeader", "bad-crc"):
        with pytest.raises(BadScan):
            read_survey([scans / f"libE57_{broken}.e57"])
