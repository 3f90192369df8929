"""Who is in a zone: the plane's geometry held against shapely's over random polygons."""

import json
import math
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import assume, given
from hypothesis import strategies as st

from bim.errors import BadInput
from site_safety.records import from_json, to_json
from site_safety.zones import Polygon, Valid, Zone, ZoneKind, circle, distance_m, gap_m, reach_m, read_zones

places = st.tuples(st.floats(-50, 50), st.floats(-50, 50))
SQUARE: Polygon = ((0.0, 0.0), (4.0, 0.0), (4.0, 4.0), (0.0, 4.0))


@st.composite
def polygons(draw: st.DrawFn) -> Polygon:
    """Simple polygons: stars about a centre, with corners at rising angles, so that many are not convex."""
    turns = sorted(draw(st.lists(st.floats(0, 6.28), min_size=3, max_size=12, unique=True)))
    x, y = draw(places)
    radii = draw(st.lists(st.floats(0.5, 20), min_size=len(turns), max_size=len(turns)))
    corners = tuple((x + r * math.cos(t), y + r * math.sin(t)) for r, t in zip(radii, turns, strict=True))
    shape = shapely.Polygon(corners)
    assume(shape.is_valid and shape.area > 0.01)
    return corners[::-1] if draw(st.booleans()) else corners


def zone(polygon: Polygon = SQUARE, **more: object) -> Zone:
    return Zone("z", "Zone", ZoneKind.ROBOT, more.pop("storey", None), polygon, **more)  # type: ignore[arg-type]


@given(polygons(), st.lists(places, min_size=1, max_size=8))
def test_distances_are_those_of_the_reference(polygon: Polygon, points: list[tuple[float, float]]) -> None:
    shape = shapely.Polygon(polygon)
    for point, found in zip(points, distance_m(polygon, np.array(points)), strict=True):
        at = shapely.Point(point)
        assert abs(found) == pytest.approx(shape.exterior.distance(at), abs=1e-9)
        if abs(found) > 1e-9:
            assert (found < 0) == shape.contains(at)


@given(polygons(), polygons())
def test_gaps_between_polygons_are_those_of_the_reference(first: Polygon, second: Polygon) -> None:
    expected = shapely.Polygon(first).distance(shapely.Polygon(second))
    assert gap_m(first, second) == pytest.approx(expected, abs=1e-9)
    assert gap_m(second, first) == pytest.approx(expected, abs=1e-9)


@given(polygons(), places, st.floats(0, 3), st.floats(0, 3))
def test_a_body_that_crosses_the_edge_is_inside(
    polygon: Polygon, place: tuple[float, float], body_m: float, error_m: float
) -> None:
    reach = reach_m(zone(polygon), (*place, 0.0), None, body_m, error_m)
    assume(abs(reach) > 1e-9)
    assert (reach < 0) == (shapely.Polygon(polygon).distance(shapely.Point(place)) < body_m + error_m or reach < 0)
    assert reach <= reach_m(zone(polygon), (*place, 0.0), None, body_m, 0.0)


@given(polygons(), places, st.floats(-40, 40), st.floats(0, 6.28))
def test_moving_the_whole_site_changes_nothing(
    polygon: Polygon, place: tuple[float, float], shift: float, turn: float
) -> None:
    R = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    moved = tuple(map(tuple, np.array(polygon) @ R.T + shift))
    before, after = distance_m(polygon, np.array([place])), distance_m(moved, np.array([place]) @ R.T + shift)
    assert abs(before[0]) == pytest.approx(abs(after[0]), abs=1e-6)


@pytest.mark.parametrize(
    ("place", "storey", "inside"),
    [
        ((2.0, 2.0, 3.2), "01", True),
        ((2.0, 2.0, 3.2), "02", False),
        ((2.0, 2.0, 3.2), None, True),
        ((2.0, 2.0, 9.0), "01", False),
        ((4.4, 2.0, 3.2), "01", True),
        ((4.6, 2.0, 3.2), "01", False),
    ],
)
def test_a_zone_is_on_its_storey_and_between_its_heights(
    place: tuple[float, float, float], storey: str | None, inside: bool
) -> None:
    place_zone = zone(storey="01", low_m=3.0, high_m=5.5)
    assert (reach_m(place_zone, place, storey, 0.3, 0.2) <= 0.0) is inside


@given(places, st.floats(0.1, 60))
def test_the_polygon_of_a_circle_holds_the_circle(centre: tuple[float, float], radius_m: float) -> None:
    turns = np.linspace(0, 2 * np.pi, 200)
    rim = np.array(centre) + radius_m * np.stack([np.cos(turns), np.sin(turns)], axis=1)
    assert distance_m(circle(centre, radius_m), rim).max() < 1e-9


@pytest.mark.parametrize("polygon", [((0, 0), (1, 1)), ((0, 0), (1, 0), (2, 0)), ((0, 0), (2, 2), (2, 0), (0, 2)), ()])
def test_what_encloses_nothing_is_no_zone(polygon: Polygon) -> None:
    with pytest.raises(BadInput, match="draw it again"):
        zone(polygon)


def test_zones_are_read_from_json_and_travel_back(tmp_path: Path) -> None:
    night = Valid(datetime(2026, 5, 4, 20, tzinfo=UTC), datetime(2026, 5, 5, 6, tzinfo=UTC))
    written = zone(valid=night, robots=("r1",), low_m=0.0, high_m=3.0)
    file = tmp_path / "zones.json"
    file.write_text(json.dumps([to_json(written)]))
    assert read_zones(file) == (written,)
    assert to_json(written)["valid"] == {"from": "2026-05-04T20:00:00Z", "to": "2026-05-05T06:00:00Z"}
    assert written.counts(datetime(2026, 5, 4, 22, tzinfo=UTC))
    assert not written.counts(datetime(2026, 5, 5, 6, tzinfo=UTC))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{}", "no list"),
        ("[{", "zones.json"),
        ('[{"zone_id": "a"}]', r"zones.json\[0\] has no name"),
        ('[{"zone_id": "a", "name": "A", "kind": "moat", "storey": null, "polygon_m": []}]', "kind = 'moat'; one of"),
        ('[{"zone_id": "a", "name": "A", "kind": "edge", "storey": null, "polygon_m": [[1]]}]', "2 values"),
    ],
)
def test_files_that_hold_no_zones_are_refused_by_name(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "zones.json"
    file.write_text(content)
    with pytest.raises(BadInput, match=message):
        read_zones(file)


def test_a_circle_may_stand_in_place_of_a_polygon(tmp_path: Path) -> None:
    file = tmp_path / "zones.json"
    crane = {"zone_id": "tc1", "name": "Tower crane", "kind": "crane", "storey": None}
    file.write_text(json.dumps([crane | {"circle_m": [10.0, 5.0, 40.0]}]))
    (found,) = read_zones(file)
    assert found.polygon_m == circle((10.0, 5.0), 40.0)
    file.write_text(json.dumps([crane | {"circle_m": [10.0, 5.0, -40.0]}]))
    with pytest.raises(BadInput, match=r"\[0\].circle_m with a radius of -40 m"):
        read_zones(file)


def test_a_record_keeps_the_names_that_python_keeps_for_itself() -> None:
    assert from_json(Valid, {"from": "2026-05-04T20:00:00+08:00"}).start == datetime(2026, 5, 4, 12, tzinfo=UTC)
