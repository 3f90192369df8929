"""What a calibration says, drawn into the camera's picture for a person to check."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from bim.errors import BadInput
from bim.isolation import Limits
from site_safety.calibration_picture import GROUND, PUT, SEEN, ZONE, checked_picture
from site_safety.detector import load_detector
from site_safety.detector_models import Picture
from site_safety.detector_pictures import read_picture
from site_safety.faces import FaceFinder
from site_safety.zones import Zone, ZoneKind
from sitewright.cli import run
from tests.site_safety.test_calibration import SIZE, camera, marks_of

CELL = Zone("cell", "钻孔作业区", ZoneKind.ROBOT, "Ground floor", ((8, -1), (12, -1), (12, 3), (8, 3)), 0.0, 2.0)
ELSEWHERE = Zone("up", "Roof", ZoneKind.CLOSED, "Roof", CELL.polygon_m)


def black(width: int = SIZE[0], height: int = SIZE[1]) -> Picture:
    return np.zeros((height, width, 3), dtype=np.uint8)


def drawn(zones: tuple[Zone, ...], picture: Picture) -> Picture:
    return checked_picture(picture, camera(), zones, load_detector(), FaceFinder())


def has(picture: Picture, colour: tuple[int, int, int], pixel: tuple[float, float]) -> bool:
    """Whether a colour is within two pixels of a place."""
    u, v = (int(side) for side in pixel)
    return bool((np.abs(picture[v - 2 : v + 3, u - 2 : u + 3].astype(int) - colour).max(axis=2) < 40).any())


@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_a_zone_is_drawn_where_its_corners_are_seen_in_pictures_of_either_stream(scale: float) -> None:
    picture = drawn((CELL,), black(int(SIZE[0] * scale), int(SIZE[1] * scale)))
    corners = np.array([(*corner, height) for corner in CELL.polygon_m for height in (0.0, 2.0)])
    for pixel in camera().project(corners) * scale:
        assert has(picture, ZONE, tuple(pixel))


def test_the_ground_is_drawn_and_zones_of_storeys_that_the_camera_does_not_see_are_not() -> None:
    picture = drawn((ELSEWHERE,), black())
    assert has(picture, GROUND, tuple(camera().project(np.array([[10.0, 1.0, 0.0]]))[0]))
    assert not (picture == ZONE).all(axis=2).any()


def test_a_picture_of_another_camera_is_refused() -> None:
    with pytest.raises(BadInput, match="640 x 480"):
        drawn((), black(640, 480))


def test_the_command_draws_marks_ground_and_zones_and_says_what_the_numbers_mean(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    marks = marks_of(camera(), noise_px=0.5)
    rows = [",".join(map(str, (*mark.picture_px, *mark.site_m))) for mark in marks]
    (tmp_path / "marks.csv").write_text("\n".join(["u,v,x,y,z", *rows]) + "\n")
    cv2.imwrite(str(tmp_path / "still.png"), black())
    zone = {"zone_id": "c", "name": "钻孔作业区", "kind": "robot", "storey": None, "polygon_m": CELL.polygon_m}
    (tmp_path / "zones.json").write_text(json.dumps([zone]))
    asked = ["calibrate", str(tmp_path / "marks.csv"), "--camera", "north", "--size", "1280x720", "--storey",
             "Ground floor=0", "--out", str(tmp_path / "a.json"), "--zones", str(tmp_path / "zones.json")]  # fmt: skip
    assert run(asked) == 2
    assert "give both" in capsys.readouterr().err
    assert run([*asked, "--picture", str(tmp_path / "still.png"), "--check", str(tmp_path / "check.png")]) == 0
    assert "钻孔作业区" in capsys.readouterr().out
    picture = read_picture(tmp_path / "check.png", Limits())
    for mark in marks:
        assert has(picture, SEEN, mark.picture_px) or has(picture, PUT, mark.picture_px)
