"""A person may say where the scan belongs."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bim.errors import BadInput
from bim.frames import FloatArray, rigid, transform
from sitewright.placement import PAIRS_HEADER, chosen_pose

coordinate = st.floats(-50.0, 50.0)
vector = st.tuples(coordinate, coordinate, coordinate).map(np.array)
turn = st.tuples(*[st.floats(-1.7, 1.7)] * 3).map(np.array)
SPREAD = np.array([[0.0, 0.0, 0.0], [4.0, 0.0, 0.0], [0.0, 3.0, 0.0], [1.0, 1.0, 2.5]])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("poses")


def pairs_file(path: Path, scan: FloatArray, site: FloatArray) -> Path:
    rows = [",".join(map(repr, map(float, row))) for row in np.hstack([scan, site])]
    path.write_text("\n".join([",".join(PAIRS_HEADER), *rows]))
    return path


def test_auto_and_identity_are_passed_on() -> None:
    assert (chosen_pose("auto", None, 1.0), chosen_pose("identity", None, 1.0)) == ("auto", "identity")


@given(turn, vector)
def test_a_pose_file_says_the_transform_that_it_holds(folder: Path, rotvec: FloatArray, shift: FloatArray) -> None:
    T = rigid(rotvec, shift)
    (folder / "pose.json").write_text(json.dumps({"T_site_scan": T.tolist()}))
    np.testing.assert_allclose(np.array(chosen_pose(str(folder / "pose.json"), None, 1.0)), T)


@given(turn, vector, st.sampled_from([1.0, 0.01, 0.3048]))
def test_picked_pairs_give_the_transform_between_them(
    folder: Path, rotvec: FloatArray, shift: FloatArray, unit_m: float
) -> None:
    T = rigid(rotvec, shift)
    path = pairs_file(folder / "pairs.csv", SPREAD / unit_m, transform(T, SPREAD))
    np.testing.assert_allclose(np.array(chosen_pose("auto", path, unit_m)), T, atol=1e-6)


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"T_site_scan": 5}', '{"T_site_scan": [[1, 0], [0, 1]]}', '{"T_site_scan": [["a"]]}', "\xff"]
    + [json.dumps({"T_site_scan": (np.eye(4) * scale).tolist()}) for scale in (0.0, 2.0, -1.0, float("nan"))],
)
def test_what_is_no_rigid_transform_is_refused(folder: Path, content: str) -> None:
    path = folder / "bad.json"
    path.write_text(content, encoding="latin-1")
    with pytest.raises(BadInput, match=r"bad\.json"):
        chosen_pose(str(path), None, 1.0)


@pytest.mark.parametrize("content", ["", "x,y,z\n1,2,3", ",".join(PAIRS_HEADER) + "\n1,2,3", ",".join(PAIRS_HEADER)])
def test_pairs_that_cannot_be_read_are_refused(folder: Path, content: str) -> None:
    path = folder / "bad.csv"
    path.write_text(content)
    with pytest.raises(BadInput):
        chosen_pose("auto", path, 1.0)


def test_a_pose_and_pairs_together_are_refused(folder: Path) -> None:
    with pytest.raises(BadInput, match="one of them"):
        chosen_pose("identity", pairs_file(folder / "both.csv", SPREAD, SPREAD), 1.0)


def test_a_pose_file_that_is_absent_is_named() -> None:
    with pytest.raises(BadInput, match=r"no file somewhere\.json"):
        chosen_pose("somewhere.json", None, 1.0)
