"""The demo is a whole site made in code: a model, a programme, a survey of one evening, and the truth of it."""

import csv
import json
from pathlib import Path
from typing import Any

import laspy
import numpy as np
import pytest

from bim.frames import invert, transform
from bim.ifc import read_building
from bim.model import Building
from bim.verdict import State
from sitewright.demo import DATE, DemoSite, make_demo_site, state_of_works, task_share
from sitewright.demo_building import write_building


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> DemoSite:
    return make_demo_site(tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="module")
def truth(site: DemoSite) -> dict[str, Any]:
    return dict(json.loads(site.truth.read_text()))


@pytest.fixture(scope="module")
def building(site: DemoSite) -> Building:
    return read_building([site.model])


def test_every_file_is_there(site: DemoSite) -> None:
    files = (site.model, site.schedule, site.scan, site.stations, site.truth)
    assert all(file.stat().st_size > 0 for file in files)


def test_the_model_is_the_same_every_time(site: DemoSite, tmp_path: Path) -> None:
    write_building(tmp_path / "model.ifc")
    assert (tmp_path / "model.ifc").read_bytes() == site.model.read_bytes()


def test_the_building_has_three_storeys_a_roof_and_every_trade(building: Building) -> None:
    assert [round(storey.elevation_m, 3) for storey in building.storeys] == [0.0, 3.2, 6.4, 9.6]
    kinds = {element.ifc_class for element in building.elements}
    assert 250 <= len(building.elements) <= 400
    assert kinds >= {"IfcColumn", "IfcBeam", "IfcSlab", "IfcWall", "IfcDoor", "IfcWindow", "IfcStairFlight"}
    assert kinds >= {"IfcRailing", "IfcPipeSegment", "IfcDuctSegment", "IfcFooting"}
    assert all(element.system for element in building.elements if element.ifc_class == "IfcDuctSegment")


def test_the_building_is_not_its_own_mirror_image_nor_its_half_turn(building: Building) -> None:
    middle = 0.5 * (building.mesh.vertices.min(axis=0) + building.mesh.vertices.max(axis=0))
    corners = np.unique((building.mesh.vertices - middle).round(2), axis=0)
    places = set(map(tuple, corners))
    for mirrored in ([-1, 1, 1], [1, -1, 1], [-1, -1, 1]):
        same = sum(tuple(corner) in places for corner in (corners * mirrored).round(2) + 0.0)
        assert same < 0.5 * len(corners)


def test_no_task_starts_before_what_it_follows_is_finished(tmp_path: Path) -> None:
    tasks = {task.id: task for task in write_building(tmp_path / "model.ifc")}
    assert all(tasks[before].finish < task.start for task in tasks.values() for before in task.follows)


def test_every_element_belongs_to_exactly_one_task(building: Building, tmp_path: Path) -> None:
    products = [product for task in write_building(tmp_path / "model.ifc") for product in task.products]
    assert sorted(products) == sorted(element.global_id for element in building.elements)


def test_the_schedule_file_lists_the_tasks_of_the_model(site: DemoSite, tmp_path: Path) -> None:
    with site.schedule.open(newline="") as file:
        rows = list(csv.DictReader(file))
    tasks = write_building(tmp_path / "model.ifc")
    assert [(row["ID"], row["Name"]) for row in rows] == [(task.id, task.name) for task in tasks]
    assert rows[0]["Start"] == "2026-03-02 07:00:00"


def test_what_stands_follows_the_programme_but_for_a_few_things_that_went_wrong(
    building: Building, tmp_path: Path
) -> None:
    tasks = write_building(tmp_path / "model.ifc")
    truths = state_of_works(building, tasks, np.random.default_rng(0))
    state = {e.global_id: truth.state for e, truth in zip(building.elements, truths, strict=True)}
    finished = [state[p] for task in tasks if task_share(task, DATE) == 1.0 for p in task.products]
    not_begun = [state[p] for task in tasks if task_share(task, DATE) == 0.0 for p in task.products]
    assert sum(s is not State.BUILT for s in finished) <= 10
    assert set(not_begun) == {State.ABSENT}
    assert set(state.values()) == {State.BUILT, State.ABSENT, State.DISPLACED, State.PARTIAL}


def test_three_million_points_from_every_station(site: DemoSite, truth: dict[str, Any]) -> None:
    cloud = laspy.read(site.scan)
    assert 2.5e6 < len(cloud.points) == truth["points"] < 3.5e6
    assert set(np.unique(cloud.point_source_id)) == set(range(1, len(truth["stations"]) + 1))


def test_the_true_pose_takes_the_scan_onto_what_stands(site: DemoSite, truth: dict[str, Any]) -> None:
    T_site_scan = np.array(truth["scan_to_model"])
    with site.stations.open(newline="") as file:
        stations = np.array([[float(row[axis]) for axis in "xyz"] for row in csv.DictReader(file)])
    assert transform(T_site_scan, stations) == pytest.approx(np.array(truth["stations"]), abs=1e-3)
    xyz = transform(T_site_scan, np.asarray(laspy.read(site.scan).xyz)[::50])
    floor = xyz[(np.abs(xyz[:, 2]) < 0.05) & (xyz[:, :2] > [1, 1]).all(axis=1) & (xyz[:, :2] < [15, 13]).all(axis=1)]
    assert len(floor) > 1000
    assert abs(np.median(floor[:, 2])) < 1e-3


def test_the_scanner_frame_is_level_to_a_third_of_a_degree_and_heads_elsewhere(truth: dict[str, Any]) -> None:
    T_scan_site = invert(np.array(truth["scan_to_model"]))
    assert np.degrees(np.arccos(T_scan_site[2, 2])) < 0.45
    assert abs(np.degrees(np.arctan2(T_scan_site[1, 0], T_scan_site[0, 0]))) > 5.0


def test_every_state_can_be_told_from_where_the_stations_stood(truth: dict[str, Any]) -> None:
    assessable = [e["state"] for e in truth["elements"] if e["visible"] > 0.05 and e["visible_area"] > 0.03]
    assert len(assessable) > 200
    assert {state: assessable.count(state) for state in ("partial", "displaced")} == {"partial": 5, "displaced": 6}
    hidden = [e for e in truth["elements"] if e["ifc_class"] == "IfcFooting"]
    assert all(e["visible"] == 0.0 for e in hidden), "footings are under the ground slab"
