"""A simulated case is the files that a surveyor hands over, with the truth beside them."""

import csv
import json
from pathlib import Path

import laspy
import numpy as np
import pytest

from bim.frames import FloatArray, transform
from bim.ifc import read_building
from bim.verdict import State
from scan_to_bim.simulate import SimulatedScanner, visible_share
from scan_to_bim.simulated_case import write_case
from scan_to_bim.simulated_site import Truth, clutter, part_build, place_stations, stand, terrain


def known(case: Path, model: Path, ground_m: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """For one of the surveyed cases: our share of each element's surface that can be decided, the true one, areas."""
    building, truth = read_building([model]), json.loads((case / "truth.json").read_text())
    record = {element["global_id"]: element for element in truth["elements"]}
    elements = [record[element.global_id] for element in building.elements]
    truths = [Truth(State(e["state"]), tuple(e["shift"]), e["fraction"]) for e in elements]
    stands, rng = stand(building, truths), np.random.default_rng(0)
    site = stands + terrain(stands, ground_m) + clutter(stands, ground_m, rng)
    ours = visible_share(building, truths, site, np.array(truth["stations"]), SimulatedScanner(), rng)
    return ours, np.array([e["visible"] for e in elements]), np.array([e["area"] for e in elements])


@pytest.mark.parametrize(
    ("case", "model", "ground_m"),
    [("fzk", "AC20-FZK-Haus.ifc", 0.18), ("tall", "BimWhale_TallBuilding.ifc", 0.0)],
)
def test_what_can_be_decided_agrees_with_surveyed_cases(
    shared_data: Path, case: str, model: str, ground_m: float
) -> None:
    ours, true, area = known(shared_data / "cases" / case, shared_data / "ifc" / model, ground_m)
    assert np.abs(ours - true).mean() < 0.06
    assert abs((ours - true).mean()) < 0.03
    assessable = [(share > 0.05) & (share * area > 0.03) for share in (ours, true)]
    assert (assessable[0] != assessable[1]).mean() < 0.08


def test_a_case_is_a_scan_in_a_frame_of_its_own_with_its_stations_and_its_truth(
    shared_data: Path, tmp_path: Path
) -> None:
    building = read_building([shared_data / "ifc/BimWhale_TallBuilding.ifc"])
    rng = np.random.default_rng(5)
    truths = part_build(building, rng)
    site = stand(building, truths)
    stations = place_stations(site, 0.0, rng, 4)
    truth = write_case(tmp_path, building, truths, site, stations, SimulatedScanner(step_rad=0.03), rng)

    assert json.loads((tmp_path / "truth.json").read_text()) == truth
    assert [e["state"] for e in truth["elements"]] == [t.state for t in truths]
    T_site_scan = np.array(truth["scan_to_model"])
    with (tmp_path / "stations.csv").open(newline="") as file:
        origins = np.array([[float(row[axis]) for axis in "xyz"] for row in csv.DictReader(file)])
    assert transform(T_site_scan, origins) == pytest.approx(stations, abs=1e-3)
    cloud = laspy.read(tmp_path / "scan.laz")
    assert len(cloud.points) == truth["points"] == sum(e["hits"] for e in truth["elements"])
    assert set(np.unique(cloud.point_source_id)) <= {1, 2, 3, 4}
