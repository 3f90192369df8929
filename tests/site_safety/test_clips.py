"""Clips: about ten seconds, no face in them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bim.errors import BadInput
from site_safety.clips import MOST_KEPT, ClipBuffer, write_clip
from site_safety.detector import load_detector
from site_safety.detector_models import Picture
from site_safety.faces import FaceFinder, blurred
from tests.site_safety.test_detector import film_frame

START = datetime(2026, 4, 30, 8, 0, tzinfo=UTC)
SPECK = np.zeros((2, 2, 3), dtype=np.uint8)
NOISE = np.random.default_rng(1).integers(0, 255, (180, 320, 3), dtype=np.uint8)


def sharpness(picture: Picture) -> float:
    return float(cv2.Laplacian(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), cv2.CV_64F).var())


# --- Faces ----------------------------------------------------------------------------------------------------------


def test_a_face_found_in_a_film_is_no_face_afterwards(shared_data: Path) -> None:
    finder, detector = FaceFinder(), load_detector()
    picture = film_frame(shared_data, "ppe-2", 2.0)
    people = [each.xyxy for each in detector.detect(picture, 0.4)]
    before = finder.faces(picture)
    assert len(before)
    safe = blurred(picture, people, finder)
    for x1, y1, x2, y2 in before.astype(int).tolist():
        region = np.s_[max(y1, 0) : y2, max(x1, 0) : x2]
        assert sharpness(safe[region]) < 0.1 * sharpness(picture[region])


def test_the_head_of_a_person_is_blurred_where_no_face_is_found() -> None:
    safe = blurred(NOISE, [(100.0, 20.0, 160.0, 170.0)], FaceFinder())
    assert sharpness(safe[20:44, 118:142]) < 0.05 * sharpness(NOISE[20:44, 118:142])
    assert (safe[:, 200:] == NOISE[:, 200:]).all()


boxes = st.tuples(*(st.floats(-100, 400) for _ in range(4)))


@given(st.lists(boxes, max_size=4))
def test_boxes_anywhere_are_blurred_without_touching_the_original(
    people: list[tuple[float, float, float, float]],
) -> None:
    original = NOISE.copy()
    assert blurred(original, people, FINDER).shape == original.shape
    assert (original == NOISE).all()


FINDER = FaceFinder()


# --- Clips ----------------------------------------------------------------------------------------------------------


def filled(seconds: float, fps: float = 5.0) -> ClipBuffer:
    buffer = ClipBuffer()
    for i in range(int(seconds * fps)):
        buffer.keep(NOISE, [], START + timedelta(seconds=i / fps))
    return buffer


@given(st.lists(st.integers(-20, 20), min_size=1, max_size=40), st.integers(1, 40))
def test_the_last_moments_are_a_bounded_number_of_frames_whatever_the_clock_does(steps: list[int], often: int) -> None:
    buffer, at = ClipBuffer(), START
    for step in steps * often:
        at += timedelta(seconds=step / 100)
        buffer.keep(SPECK, [], at)
        assert len(buffer) <= MOST_KEPT


def test_a_clip_is_the_five_seconds_before_and_after(tmp_path: Path) -> None:
    frames = filled(40.0).around(START + timedelta(seconds=34.8))
    assert frames[0].at == START + timedelta(seconds=29.8)
    assert frames[-1].at == START + timedelta(seconds=39.8)
    write_clip(tmp_path / "clip.webm", frames, FINDER)
    film = cv2.VideoCapture(str(tmp_path / "clip.webm"))
    assert film.get(cv2.CAP_PROP_FPS) == pytest.approx(5.0, rel=0.02)
    assert film.read()[1].shape == NOISE.shape
    assert 9.0 <= (frames[-1].at - frames[0].at).total_seconds() <= 11.0


def test_a_clip_is_webm_and_nothing_is_said_while_it_is_written(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_clip(tmp_path / "clip.webm", filled(2.0).around(START), FINDER)
    assert capfd.readouterr() == ("", "")
    assert [each.name for each in tmp_path.iterdir()] == ["clip.webm"]
    header = (tmp_path / "clip.webm").read_bytes()[:64]
    assert header.startswith(b"\x1a\x45\xdf\xa3")
    assert b"\x42\x82\x84webm" in header


def test_memory_holds_no_more_than_a_clip() -> None:
    assert len(filled(60.0).around(START + timedelta(seconds=55))) <= 51
    assert filled(60.0).around(START) == ()


def test_a_clock_that_goes_back_forgets_what_was_kept() -> None:
    buffer = filled(5.0)
    buffer.keep(NOISE, [], START - timedelta(hours=1))
    assert len(buffer.around(START - timedelta(hours=1))) == 1
    assert buffer.around(START) == ()


def test_a_camera_that_changes_its_resolution_gives_a_clip_all_the_same(tmp_path: Path) -> None:
    buffer = filled(2.0)
    buffer.keep(NOISE[:90, :160], [], START + timedelta(seconds=2))
    write_clip(tmp_path / "clip.webm", buffer.around(START), FINDER)
    assert (tmp_path / "clip.webm").stat().st_size > 0


def test_there_is_no_clip_of_nothing(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no frame"):
        write_clip(tmp_path / "clip.webm", (), FINDER)
