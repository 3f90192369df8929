"""What comes from outside: tasks as JSON, fleet files, zones. Read back as it was, or refused with what is wrong."""

import datetime as dt
import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bim.errors import BadInput
from bim.verdict import Reason
from robots.fleet import read_fleet, simulated_fleet
from robots.tasks import Kind, Target, TaskSpec
from robots.wire import read_spec, spec_json
from robots.zones import read_zone

names = st.text(st.characters(categories=("L", "N")), min_size=1, max_size=12)
lengths = st.floats(-1e4, 1e4)
specs = st.builds(
    TaskSpec,
    task_id=names,
    kind=st.sampled_from(Kind),
    title=st.builds(Reason, names, names),
    targets=st.lists(st.builds(Target, lengths, lengths, lengths, lengths), max_size=4).map(tuple),
    tool=names,
    tolerance_m=st.floats(1e-4, 1.0),
    duration_s=st.floats(0.0, 1e5),
    element_ids=st.lists(names, max_size=3).map(tuple),
    zones=st.lists(names, max_size=2).map(tuple),
    due=st.none() | st.datetimes(timezones=st.just(dt.UTC)),
)
GOOD = spec_json(TaskSpec("a", Kind.SCAN, Reason("Scan", "扫描"), (Target(1.0, 2.0, 0.0, 0.0),), "lidar", 0.01, 5.0))
ZONE = {"zone_id": "z", "kind": "robot", "polygon_m": [[0, 0], [4, 0], [4, 4], [0, 4]]}


@given(specs)
def test_a_task_comes_back_as_it_was(spec: TaskSpec) -> None:
    assert read_spec(json.loads(json.dumps(spec_json(spec)))) == spec


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("task_id", ""),
        ("task_id", "a\n"),
        ("kind", "fly"),
        ("title", "text"),
        ("targets_m", [[0, 0, math.nan, 0]]),
        ("targets_m", [[0, 0]]),
        ("targets_m", "there"),
        ("tolerance_m", 0),
        ("tolerance_m", True),
        ("duration_s", -1),
        ("duration_s", "long"),
        ("zones", "lobby"),
        ("due", "tomorrow"),
        ("due", "2026-05-04T07:00:00"),
    ],
)
def test_a_malformed_task_is_refused_by_the_name_of_its_field(field: str, value: Any) -> None:
    with pytest.raises(BadInput, match=field):
        read_spec({**GOOD, field: value})


def test_a_body_reaches_into_a_zone_before_its_centre_does() -> None:
    zone = read_zone({**ZONE, "storey": "L1", "low_m": 0.0, "high_m": 3.0})
    assert zone.touches((4.3, 2.0, 0.0), 0.4, "L1")
    assert not zone.touches((4.5, 2.0, 0.0), 0.4, "L1")
    assert not zone.touches((2.0, 2.0, 0.0), 0.4, "L2")
    assert not zone.touches((2.0, 2.0, 3.5), 0.4, "L1")


@pytest.mark.parametrize("polygon", [[], [[0, 0], [1, 1]], [[0, 0], [4, 4], [4, 0], [0, 4]], [["a", 0]], "round"])
def test_a_zone_that_encloses_nothing_is_refused(polygon: Any) -> None:
    with pytest.raises(BadInput):
        read_zone({**ZONE, "polygon_m": polygon})


ROBOT = {"robot_id": "r1", "kind": "rover", "adapter": "ros2", "tools": ["marker"]}


@pytest.mark.parametrize(
    ("robots", "found"),
    [
        ([ROBOT, ROBOT], "two robots named r1"),
        ([{**ROBOT, "robot_id": "r-1"}], "robot_id"),
        ([{**ROBOT, "adapter": "telepathy"}], "adapter one of"),
        ([{**ROBOT, "speed": 3}], "no speed"),
        ([{**ROBOT, "speed_m_s": math.inf}], "above 0"),
        (["r1"], "robot r1"),
    ],
)
def test_a_fleet_that_cannot_be_is_refused(robots: Any, found: str, tmp_path: Path) -> None:
    (tmp_path / "fleet.yaml").write_text(json.dumps({"robots": robots}), encoding="utf-8")
    with pytest.raises(BadInput, match=found):
        read_fleet(tmp_path / "fleet.yaml")


def test_the_example_fleet_is_one_and_no_robot_has_a_certified_stop_unless_it_says_so(tmp_path: Path) -> None:
    example = read_fleet(Path(__file__).parents[2] / "launch" / "fleet.yaml")
    assert [robot.certified_stop for robot in example.robots] == [True, True]
    (tmp_path / "fleet.yaml").write_text(json.dumps({"robots": [ROBOT]}), encoding="utf-8")
    assert not read_fleet(tmp_path / "fleet.yaml").robots[0].certified_stop
    assert len(simulated_fleet(200).robots) == 200
