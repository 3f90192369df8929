"""Who is in a picture: one contract for every family of models, and what is refused."""

import hashlib
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bim.errors import BadInput
from bim.isolation import Limits
from site_safety.detector import load_detector
from site_safety.detector_models import MODELS, Picture, catalogue, checked_content, open_network
from site_safety.detector_outputs import (
    FAMILIES,
    Fitted,
    decode_rfdetr,
    decode_yolox,
    fit_dfine,
    fit_ssdlite,
    fit_yolox,
    iou,
)
from site_safety.detector_pictures import read_picture
from site_safety.tracks import Kind
from sitewright.cli import run

LIMITS = Limits(memory_bytes=2 * 1024**3, cpu_s=20, wall_s=40)


def film_frame(shared_data: Path, name: str = "intel-one-by-one-person", second: float = 18.0) -> Picture:
    film = cv2.VideoCapture(str(shared_data / f"safety/videos/{name}.mp4"))
    film.set(cv2.CAP_PROP_POS_MSEC, 1000 * second)
    read, picture = film.read()
    assert read
    return np.asarray(picture, dtype=np.uint8)


# --- One contract for every detector --------------------------------------------------------------------------------


@pytest.fixture(params=["shipped", "yolox_nano"])
def detector(request: pytest.FixtureRequest) -> object:
    if request.param == "shipped":
        return load_detector()
    return load_detector(request.getfixturevalue("shared_data") / "safety/models/yolox_nano.onnx")


def test_a_detector_finds_the_person_in_a_film_and_frames_them_within_the_picture(detector, shared_data) -> None:  # type: ignore[no-untyped-def]
    picture = film_frame(shared_data)
    found = detector.detect(picture, 0.4)
    assert [each.kind for each in found] == [Kind.PERSON]
    x1, y1, x2, y2 = found[0].xyxy
    assert 0 <= x1 < x2 <= picture.shape[1]
    assert 0 <= y1 < y2 <= picture.shape[0]


def test_a_detector_finds_nobody_on_an_empty_wall(detector) -> None:  # type: ignore[no-untyped-def]
    assert detector.detect(np.full((240, 320, 3), 90, dtype=np.uint8), 0.4) == ()


def test_scores_come_best_first_and_the_limit_is_kept(detector, shared_data) -> None:  # type: ignore[no-untyped-def]
    scores = [each.score for each in detector.detect(film_frame(shared_data), 0.1)]
    assert scores == sorted(scores, reverse=True)
    assert all(score > 0.1 for score in scores)


@pytest.mark.parametrize("shape", [(1, 1, 3), (2, 900, 3), (900, 2, 3)])
def test_a_picture_of_any_shape_is_looked_at(detector, shape: tuple[int, int, int]) -> None:  # type: ignore[no-untyped-def]
    assert isinstance(detector.detect(np.zeros(shape, dtype=np.uint8)), tuple)


# --- Where boxes come back to ---------------------------------------------------------------------------------------


@given(st.integers(20, 2000), st.integers(20, 2000))
def test_yolox_boxes_come_back_to_the_pixels_that_they_were_drawn_on(height: int, width: int) -> None:
    fitted = fit_yolox(np.zeros((height, width, 3), dtype=np.uint8), (1, 3, 416, 416))
    scale = fitted.scale[0]
    answer = np.zeros((1, 3549, 85), dtype=np.float32)
    answer[0, :, 4] = answer[0, :, 5] = 1.0
    boxes = decode_yolox([answer], fitted).xyxy
    # The first cell of the finest grid: centre at its corner, 8 input pixels wide.
    assert boxes[0] == pytest.approx([-4 / scale, -4 / scale, 4 / scale, 4 / scale])
    assert max(height, width) * scale == pytest.approx(416)


@pytest.mark.parametrize(("classes", "person", "truck"), [(91, 1, 8), (80, 0, 7)])
def test_transformer_boxes_are_shares_of_the_picture(classes: int, person: int, truck: int) -> None:
    fitted = fit_dfine(np.zeros((200, 400, 3), dtype=np.uint8), (1, 3, 320, 320))
    boxes = np.array([[[0.5, 0.5, 0.5, 0.5], [0.25, 0.25, 0.1, 0.1]]], dtype=np.float32)
    logits = np.full((1, 2, classes), -9.0, dtype=np.float32)
    logits[0, 0, person] = logits[0, 1, truck] = 5.0
    raw = decode_rfdetr([logits, boxes], fitted)
    assert raw.kinds == (Kind.PERSON, Kind.VEHICLE)
    assert raw.xyxy[0] == pytest.approx([100, 50, 300, 150])
    assert raw.scores[0] == pytest.approx(1 / (1 + np.exp(-5.0)))


@given(st.integers(10, 900), st.integers(10, 900))
def test_a_letterboxed_picture_keeps_its_shape(height: int, width: int) -> None:
    fitted = fit_ssdlite(np.full((height, width, 3), 255, dtype=np.uint8), (1, 3, 300, 300))
    assert fitted.pixels.shape == (1, 3, 300, 300)
    assert fitted.scale[0] == fitted.scale[1]
    assert fitted.pixels.max() == pytest.approx(1.0)


boxes_of_any_size = arrays(np.float64, (4, 2), elements=st.floats(0, 100)).map(
    lambda corners: np.hstack([corners, corners + 1.0])
)


@given(boxes_of_any_size)
def test_overlap_is_symmetric_and_one_with_itself(boxes: np.ndarray) -> None:
    overlap = iou(boxes, boxes)
    assert overlap == pytest.approx(overlap.T)
    assert np.diag(overlap) == pytest.approx(1.0)
    assert ((overlap >= 0) & (overlap <= 1 + 1e-9)).all()


def test_what_a_broken_model_calls_infinite_is_no_box() -> None:
    fitted = Fitted(np.zeros((1, 3, 416, 416), dtype=np.float32), (1.0, 1.0))
    answer = np.full((1, 3549, 85), np.inf, dtype=np.float32)
    with np.errstate(all="ignore"):
        assert decode_yolox([answer], fitted).above(0.0).clipped(416, 416).kinds == ()


# --- Model files ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(catalogue()))
def test_a_shipped_file_is_the_one_that_was_measured_and_says_its_licence(name: str) -> None:
    entry = catalogue()[name]
    assert hashlib.sha256((MODELS / entry.file).read_bytes()).hexdigest() == entry.sha256
    assert entry.licence in {"MIT", "Apache-2.0"}
    card = (MODELS / f"{name}.md").read_text(encoding="utf-8")
    assert all(heading in card for heading in ("## Origin", "## Measured", "## Not known"))


def test_a_file_that_was_changed_is_refused(tmp_path: Path) -> None:
    changed = tmp_path / "model.onnx"
    changed.write_bytes(b"other")
    with pytest.raises(BadInput, match="install Sitewright again"):
        checked_content(changed, catalogue()["centerface"].sha256)


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x08\x07" + bytes(200), b"PK\x03\x04" + bytes(60)])
def test_a_model_file_that_is_none_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "detector.onnx"
    path.write_bytes(content)
    with pytest.raises(BadInput, match="ONNX"):
        open_network(path)


def test_a_model_that_is_no_detector_is_refused_and_the_families_are_named() -> None:
    with pytest.raises(BadInput, match=", ".join(family.name for family in FAMILIES)):
        load_detector(MODELS / "centerface.onnx")


# --- Picture files and the command ----------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"", b"GIF", b"\x89PNG\r\n\x1a\n" + bytes(40)])
def test_a_picture_file_that_is_none_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    with pytest.raises(BadInput, match="is no picture"):
        read_picture(path, LIMITS)


def test_detect_writes_who_wears_what_as_the_contract_says(shared_data: Path, tmp_path: Path) -> None:
    folder, answer = tmp_path / "photos", tmp_path / "people.json"
    folder.mkdir()
    cv2.imwrite(str(folder / "b.png"), np.zeros((80, 80, 3), dtype=np.uint8))
    cv2.imwrite(str(folder / "a.jpg"), film_frame(shared_data))
    assert run(["detect", str(folder), "--json", str(answer), "--least-score", "0.3", "--quiet"]) == 0
    people, nobody = json.loads(answer.read_text(encoding="utf-8"))
    assert people["image"] == str(folder / "a.jpg")
    assert nobody["people"] == []
    (person,) = people["people"]
    assert set(person) == {"xyxy", "score", "helmet", "vest"}
    assert person["helmet"]["state"] in {"yes", "no", "cannot_tell"}
    assert 0.5 <= person["vest"]["score"] <= 1.0


def test_detect_says_what_is_wrong_with_its_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["detect", str(tmp_path), "--json", str(tmp_path / "a.json")]) == 2
    assert "no picture in" in capsys.readouterr().err
