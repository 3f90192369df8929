"""A second, larger look at guarded zones; and that a zone too far away for its camera is told."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from site_safety.cameras import Camera
from site_safety.closer import STANDING_M, around, least_px, look_closer, seen_of, too_far
from site_safety.detector import Detection, load_detector
from site_safety.detector_models import Picture
from site_safety.register import HazardRegister
from site_safety.tracking import BEGIN
from site_safety.tracks import Box, Kind
from site_safety.zones import Zone, ZoneKind
from sitewright.cli import run
from tests.site_safety.test_calibration import camera as calibrated_camera
from tests.site_safety.test_detector import film_frame
from tests.site_safety.test_watch import ROOM, STOREY, site_files

TRUTH = calibrated_camera()
WALL = np.full((720, 1280, 3), 120, dtype=np.uint8)
PART: Box = (400.0, 100.0, 900.0, 600.0)


def standing(x: float, y: float) -> tuple[tuple[float, float], tuple[float, float]]:
    """Foot and head of somebody there, pixels."""
    foot, head = TRUTH.project(np.array([[x, y, 0.0], [x, y, STANDING_M]])).tolist()
    return tuple(foot), tuple(head)


@given(st.floats(8.0, 16.0), st.floats(-2.0, 4.0))
def test_whoever_stands_in_the_zone_and_is_seen_stands_in_its_part_and_is_no_shorter(x: float, y: float) -> None:
    seen = seen_of(ROOM, TRUTH, STOREY)
    assert seen is not None
    (u, v), (head_u, head_v) = standing(x, y)
    if 0 <= u <= TRUTH.width_px and 0 <= v <= TRUTH.height_px:
        x1, y1, x2, y2 = seen.part_px
        assert x1 <= u <= x2
        assert y1 <= v <= y2
        assert x1 <= head_u <= x2
        assert y1 <= max(head_v, 0.0)
        assert v - head_v >= 0.97 * seen.shortest_px


def test_a_zone_out_of_the_picture_is_not_seen() -> None:
    behind = Zone("b", "Behind", ZoneKind.ROBOT, STOREY, ((-30.0, -30.0), (-20.0, -30.0), (-20.0, -20.0)))
    assert seen_of(behind, TRUTH, STOREY) is None


def test_a_zone_too_far_for_its_camera_is_told_and_a_closer_look_at_it_is_enough() -> None:
    square = ((20.0, -1.0), (24.0, -1.0), (24.0, 3.0), (20.0, 3.0))
    far = Zone("far", "Far cell", ZoneKind.ROBOT, STOREY, square)
    plain = Camera("north", "North", "unused", STOREY, guards=("far",))
    ((zone, why),) = too_far(plain, (far, ROOM), TRUTH)
    assert zone is far
    assert "most who are shorter than 240 px" in why.en
    assert "Far cell" in why.zh
    assert list(too_far(Camera("north", "North", "unused", STOREY, guards=("far",), closer=True), (far,), TRUTH)) == []
    assert list(too_far(plain, (far,), None)) == []


class Told:
    """A detector that says of a picture, by its width, what it is told."""

    name = "told"

    def __init__(self, by_width: dict[int, list[tuple[Box, float]]]) -> None:
        self.by_width = by_width

    def detect(self, picture: Picture, least_score: float = 0.05) -> tuple[Detection, ...]:
        return tuple(Detection(Kind.PERSON, box, score) for box, score in self.by_width[picture.shape[1]])


def test_who_is_seen_in_both_looks_is_one_and_who_is_cut_off_by_the_part_is_left_to_the_whole() -> None:
    twice, cut = (500.0, 200.0, 550.0, 350.0), (420.0, 380.0, 480.0, 500.0)
    whole = [(twice, 0.5)]
    close = [((101.0, 100.0, 151.0, 250.0), 0.9), ((20.0, 280.0, 80.0, 500.0), 0.95)]
    found = look_closer(Told({1280: whole, 500: close}), WALL, PART, 0.1)
    assert [(each.xyxy, each.score) for each in found] == [((501.0, 200.0, 551.0, 350.0), 0.9)]
    found = look_closer(Told({1280: [*whole, (cut, 0.3)], 500: []}), WALL, PART, 0.1)
    assert [each.score for each in found] == [0.5, 0.3]


def test_a_part_at_the_pictures_edge_keeps_who_stands_there() -> None:
    feet_out = ((100.0, 300.0, 150.0, 500.0), 0.8)
    (found,) = look_closer(Told({1280: [], 500: [feet_out]}), WALL, (400.0, 220.0, 900.0, 720.0), 0.1)
    assert found.xyxy == (500.0, 520.0, 550.0, 720.0)


def test_a_real_detector_finds_closer_whom_it_misses_in_the_whole(shared_data: Path) -> None:
    near = film_frame(shared_data, "ppe-2", 2.0)
    small = cv2.resize(near, None, fx=0.2, fy=0.2, interpolation=cv2.INTER_AREA)
    far, detector = WALL.copy(), load_detector()
    far[288 : 288 + small.shape[0], 512 : 512 + small.shape[1]] = small
    part = around([(490.0, 260.0, 790.0, 460.0)])
    assert not [each for each in detector.detect(far) if each.score >= BEGIN]
    found = [each for each in look_closer(detector, far, part, 0.1) if each.score >= BEGIN]
    assert found
    assert all(each.xyxy[0] >= 512 and each.xyxy[2] <= 768 for each in found)
    assert least_px(part) < 60 < least_px((0.0, 0.0, 1280.0, 720.0))


def test_watch_says_and_registers_that_a_guarded_zone_is_too_far(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cameras = site_files(tmp_path)
    cameras.write_text(cameras.read_text() + 'guards = ["cell-1"]\n')
    (tmp_path / "zones.json").write_text(
        '[{"zone_id": "cell-1", "name": "Cell 1", "kind": "robot", "storey": "Ground floor",'
        ' "polygon_m": [[8, -2], [16, -2], [16, 4], [8, 4]]}]'
    )
    options = ["--data", str(tmp_path / "data"), "--zones", str(tmp_path / "zones.json"), "--seconds", "0.5"]
    assert run(["watch", str(cameras), *options]) == 0
    assert "on the far side of Cell 1 is" in capsys.readouterr().err
    found = HazardRegister(tmp_path / "data").hazards.values()
    assert [each.camera_id for each in found if each.rule == "camera_too_far"] == ["north"]
