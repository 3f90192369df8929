"""Marks to a pose, a pose to places on the ground; and which layouts are refused."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bim.errors import BadInput
from bim.frames import FloatArray, invert, is_rigid, rotation_vector
from site_safety.calibration import Calibration, Mark, calibrate
from site_safety.calibration_map import error_map, scaled, standing_height_m
from site_safety.records import from_json, to_json
from sitewright.cli import run

SIZE = (1280, 720)
STOREYS = {"Ground floor": 0.0}


def camera(height_m: float = 6.0, tilt_rad: float = 0.45, yaw_rad: float = 0.3, focal: float = 900.0) -> Calibration:
    """A camera whose pose is known, without error."""
    forward = np.array([np.cos(yaw_rad) * np.cos(tilt_rad), np.sin(yaw_rad) * np.cos(tilt_rad), -np.sin(tilt_rad)])
    right = np.array([np.sin(yaw_rad), -np.cos(yaw_rad), 0.0])
    T = np.eye(4)
    T[:3, :3] = np.column_stack([right, np.cross(forward, right), forward])
    T[:3, 3] = [2.0, -3.0, height_m]
    T_camera_site = invert(T)
    state = (*rotation_vector(T_camera_site[:3, :3]), *T_camera_site[:3, 3], focal, -0.05)
    return Calibration("north", *SIZE, state, (0.0,) * 64, 0.0, STOREYS, ())


def marks_of(truth: Calibration, seed: int = 0, count: int = 12, noise_px: float = 1.0) -> list[Mark]:
    """Points on the ground and on walls, spread over the picture, marked by hand."""
    rng = np.random.default_rng(seed)
    marks: list[Mark] = []
    while len(marks) < count:
        u, v = rng.uniform([80, 150], [1200, 700])
        place = truth.ground((float(u), float(v)), "Ground floor")
        if place is None:
            continue
        site = np.array(place.position_m)
        site[2] += rng.choice([0.0, 0.0, rng.uniform(0.5, 2.0)])
        pixel = truth.project(site[None])[0] + noise_px * rng.normal(size=2)
        distance = np.hypot(*(site - truth.T_site_camera[:3, 3])[:2])
        if distance < 60 and (pixel > 0).all() and (pixel < SIZE).all():
            marks.append(Mark((float(pixel[0]), float(pixel[1])), (float(site[0]), float(site[1]), float(site[2]))))
    return marks


poses = st.builds(
    camera, st.floats(4.0, 12.0), st.floats(0.3, 0.8), st.floats(-3.0, 3.0), st.sampled_from([700.0, 900.0, 1400.0])
)


# --- What a calibration says ----------------------------------------------------------------------------------------


@settings(max_examples=8, deadline=None)
@given(poses, st.integers(0, 1000))
def test_marks_without_error_give_the_camera_back(truth: Calibration, seed: int) -> None:
    found = calibrate(marks_of(truth, seed, noise_px=0.0), "north", SIZE, STOREYS)
    assert is_rigid(found.T_site_camera)
    assert found.T_site_camera == pytest.approx(truth.T_site_camera, abs=1e-6)
    assert found.state[6:] == pytest.approx(truth.state[6:], abs=1e-6)
    assert found.residual_px < 1e-6


@settings(max_examples=30, deadline=None)
@given(poses, st.floats(0.1, 0.9), st.floats(0.5, 1.0))
def test_the_ground_place_of_a_pixel_is_seen_at_that_pixel(truth: Calibration, across: float, down: float) -> None:
    pixel = (across * SIZE[0], down * SIZE[1])
    place = truth.ground(pixel, "Ground floor")
    assert place is not None
    assert truth.project(np.array([place.position_m]))[0] == pytest.approx(pixel, abs=1e-3)


@given(poses)
def test_there_is_no_ground_above_the_horizon(truth: Calibration) -> None:
    eye, forward = truth.T_site_camera[:3, 3], truth.T_site_camera[:3, 2]
    level = eye + 100.0 * np.array([forward[0], forward[1], 0.0]) / np.hypot(forward[0], forward[1])
    u, v = truth.project(level[None])[0]
    assert truth.ground((u, v - 40.0), "Ground floor") is None


@given(poses, st.floats(0.0, 6.28), st.floats(1.4, 1.57))
def test_what_is_far_aside_is_not_folded_into_the_picture(truth: Calibration, turn: float, off_axis: float) -> None:
    ray = np.array([np.sin(off_axis) * np.cos(turn), np.sin(off_axis) * np.sin(turn), np.cos(off_axis)])
    T = truth.T_site_camera
    assert np.isnan(truth.project((T[:3, 3] + T[:3, :3] @ (20.0 * ray))[None])).all()


def test_the_homography_of_a_storey_takes_its_ground_into_the_picture() -> None:
    state = (*camera().state[:7], 0.0)
    truth = Calibration("north", *SIZE, state, (0.0,) * 64, 0.0, {"First floor": 3.2}, ())
    site = np.array([[12.0, 1.0, 3.2], [18.0, 4.0, 3.2]])
    seen = np.column_stack([site[:, :2], np.ones(2)]) @ truth.homography("First floor").T
    assert seen[:, :2] / seen[:, 2:] == pytest.approx(truth.project(site))


def test_errors_on_the_ground_are_as_large_as_the_standard_error_says() -> None:
    truth, ratios = camera(), []
    for seed in range(15):
        found = calibrate(marks_of(truth, seed, noise_px=1.5 / np.sqrt(2)), "north", SIZE, STOREYS)
        for pixel in ((640.0, 500.0), (300.0, 300.0)):
            said, true = found.ground(pixel, "Ground floor", 0.0), truth.ground(pixel, "Ground floor")
            assert said is not None
            assert true is not None
            off = np.hypot(*np.subtract(said.position_m, true.position_m)[:2])
            ratios.append(off / said.sigma_m)
    assert np.percentile(ratios, 68) < 1.3
    assert np.percentile(ratios, 99) < 3.5
    assert np.median(ratios) > 0.15


def test_the_error_map_grows_with_distance_and_leaves_the_sky_out() -> None:
    found = calibrate(marks_of(camera(tilt_rad=0.25)), "north", SIZE, STOREYS)
    cells = error_map(found, "Ground floor")
    assert 0 < len(cells) < 16 * 9
    near, far = (np.mean([c.sigma_m for c in cells if ok(c.distance_m)]) for ok in (lambda d: d < 12, lambda d: d > 25))
    assert near < far


def test_a_sub_stream_of_half_the_size_sees_the_same_places() -> None:
    found = calibrate(marks_of(camera()), "north", SIZE, STOREYS)
    half = scaled(found, 640, 360)
    full_place, half_place = found.ground((700.0, 500.0), "Ground floor"), half.ground((350.0, 250.0), "Ground floor")
    assert full_place is not None
    assert half_place is not None
    assert half_place.position_m == pytest.approx(full_place.position_m, abs=1e-6)
    assert found.fits(640, 360)
    assert not found.fits(640, 480)


def test_a_person_of_a_known_height_is_measured_as_tall() -> None:
    truth = camera()
    feet = np.array([10.0, 0.0, 0.0])
    low, high = truth.project(np.array([feet, [10.0, 0.0, 1.75]]))
    box = (float(low[0]) - 20, float(high[1]), float(low[0]) + 20, float(low[1]))
    place = truth.standing(box, "Ground floor")
    assert place is not None
    assert standing_height_m(truth, box, place.position_m) == pytest.approx(1.75, rel=0.15)


def test_feet_cut_off_by_the_picture_are_less_sure() -> None:
    found = calibrate(marks_of(camera()), "north", SIZE, STOREYS)
    whole, cut = (found.standing((600.0, y - 200.0, 660.0, y), "Ground floor") for y in (717.0, 720.0))
    assert whole is not None
    assert cut is not None
    assert cut.sigma_m > 2 * whole.sigma_m


def test_a_calibration_comes_back_from_its_file() -> None:
    found = calibrate(marks_of(camera()), "north", SIZE, STOREYS)
    assert from_json(Calibration, json.loads(json.dumps(to_json(found)))) == found


# --- What is refused ------------------------------------------------------------------------------------------------


def in_a_corner(pixels: FloatArray) -> FloatArray:
    return np.array([300.0, 400.0]) + 0.1 * (pixels - pixels.mean(axis=0))


def changed(marks: list[Mark], **by_index: object) -> list[Mark]:
    return [by_index.get(f"m{i}", mark) for i, mark in enumerate(marks)]  # type: ignore[misc]


@pytest.mark.parametrize(
    ("break_it", "says"),
    [
        (lambda marks: marks[:7], "7 marks"),
        (lambda marks: [*marks[:-1], marks[0]], "two marks at one point"),
        (lambda marks: changed(marks, m3=Mark((1400.0, 10.0), marks[3].site_m)), "mark 4 lies outside"),
        (lambda marks: changed(marks, m3=Mark((float("nan"), 10.0), marks[3].site_m)), "not a number"),
        (lambda marks: [Mark((m.picture_px[0] / 9 + 500, m.picture_px[1] / 9 + 300), m.site_m) for m in marks], "span"),
        (lambda marks: [Mark(m.picture_px, (float(i), 2.0, 0.0)) for i, m in enumerate(marks)], "in one line"),
    ],
)
def test_a_layout_that_fixes_no_camera_is_refused(break_it, says: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(BadInput, match=says):
        calibrate(break_it(marks_of(camera())), "north", SIZE, STOREYS)


def test_one_mark_at_a_wrong_corner_is_named() -> None:
    marks = marks_of(camera(), 4)
    x, y, z = marks[4].site_m
    with pytest.raises(BadInput, match="check mark 5"):
        calibrate(changed(marks, m4=Mark(marks[4].picture_px, (x + 3.0, y - 2.0, z))), "north", SIZE, STOREYS)


def test_marks_of_another_camera_fit_no_pose() -> None:
    places = [mark.site_m for mark in marks_of(camera(), 5)]
    pixels = [mark.picture_px for mark in marks_of(camera(yaw_rad=2.0), 6)]
    with pytest.raises(BadInput, match=r"miss each other|no camera|no ground|amid"):
        calibrate([Mark(p, s) for p, s in zip(pixels, places, strict=True)], "north", SIZE, STOREYS)


# --- The command ----------------------------------------------------------------------------------------------------


def test_calibrate_writes_the_pose_with_its_errors(tmp_path: Path) -> None:
    rows = ["u,v,x,y,z", *(",".join(map(str, (*m.picture_px, *m.site_m))) for m in marks_of(camera()))]
    (tmp_path / "marks.csv").write_text("\n".join(rows))
    out = tmp_path / "north.json"
    arguments = ["--camera", "north", "--size", "1280x720", "--storey", "Ground floor=0", "--out", str(out), "--quiet"]
    assert run(["calibrate", str(tmp_path / "marks.csv"), *arguments]) == 0
    found = from_json(Calibration, json.loads(out.read_text())["calibration"])
    assert found.T_site_camera == pytest.approx(camera().T_site_camera, abs=0.3)
    assert json.loads(out.read_text())["error_map"]["Ground floor"]


def test_calibrate_refuses_poor_marks_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "marks.csv").write_text("u,v,x,y,z\n1,2,3,4,5\n")
    arguments = ["--camera", "n", "--size", "1280x720", "--storey", "G=0", "--out", str(tmp_path / "n.json")]
    assert run(["calibrate", str(tmp_path / "marks.csv"), *arguments]) == 2
    assert capsys.readouterr().err.count("\n") == 1
