"""How many heads of people stay unblurred in what is stored, on the held-out pictures of benchmarks/detector.py.

A helmet's mark says where a head is, and was drawn by a person: the face lies under it. Faces without a helmet are
those that the face detector finds when it looks at a picture four times as large as the watcher does: that is not
independent of what is blurred, and says only what a search with more pixels brings to light.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.detector import Example, examples, marked
from site_safety.clips import ClipBuffer, picture_of
from site_safety.detector import Detector, load_detector
from site_safety.detector_models import Picture
from site_safety.detector_outputs import Doubles
from site_safety.faces import FaceFinder, blurred, regions
from site_safety.tracking import UNSURE
from site_safety.tracks import Kind

COVERED = 0.8
"""Share of a face that must be blurred."""
SURE_FACE = 0.5
TWICE_PX = (640, 384)
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class _Shares:
    """Of each head or face, how much is blurred; of each picture, how much."""

    helmeted: list[float] = field(default_factory=list)
    faces: list[float] = field(default_factory=list)
    area: list[float] = field(default_factory=list)
    faces_left: int = 0


def measure(shared: Path) -> dict[str, Any]:
    """Shares of heads and faces that are blurred in the frames of clips, as they are kept and written."""
    cv2.setNumThreads(1)
    detector, finder, shares = load_detector(), FaceFinder(), _Shares()
    held_out = [example for example in examples(shared) if example.held_out]
    for example in held_out:
        _look_at(example, detector, finder, shares)
    return {
        "pictures": len(held_out),
        "heads_under_marked_helmets": _figures(shares.helmeted),
        "faces_found_with_more_pixels": _figures(shares.faces) | {"found_again_after_blurring": shares.faces_left},
        "share_of_picture_blurred": round(float(np.mean(shares.area)), 3),
    }


def _figures(covered: Sequence[float]) -> dict[str, Any]:
    shares = np.array(covered)
    told = {"blurred": shares >= COVERED, "partly": (shares < COVERED) & (shares >= 0.1), "not": shares < 0.1}
    return {"heads": len(shares)} | {name: round(float(found.mean()), 3) for name, found in told.items()}


def _look_at(example: Example, detector: Detector, finder: FaceFinder, shares: _Shares) -> None:
    picture, buffer = example.read(), ClipBuffer()
    people = [each.xyxy for each in detector.detect(picture, UNSURE) if each.kind is Kind.PERSON]
    buffer.keep(picture, people, NOW)
    (kept,) = buffer.around(NOW)
    stored = picture_of(kept)
    mask = _mask(stored, regions(stored, kept.people, finder))
    shares.area.append(float(mask.mean()))
    scale = stored.shape[1] / picture.shape[1]
    for x1, y1, x2, y2 in (marked(example.path, "helmet") * scale).tolist():
        height = y2 - y1
        shares.helmeted += _covered(mask, (x1, y1 + 0.5 * height, x2, y2 + 0.8 * height))
    for box in _faces(stored, finder).tolist():
        shares.faces += _covered(mask, box)
    shares.faces_left += len(_faces(blurred(stored, kept.people, finder), finder))


def _mask(picture: Picture, boxes: Sequence[Sequence[float]]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    mask = np.zeros(picture.shape[:2], dtype=bool)
    for box in boxes:
        mask[_within(mask, box)] = True
    return mask


def _covered(mask: np.ndarray[Any, np.dtype[np.bool_]], box: Sequence[float]) -> list[float]:
    """The blurred share of what of a box lies in the picture; nothing where none of it does."""
    part = mask[_within(mask, box)]
    return [float(part.mean())] if part.size else []


def _within(mask: np.ndarray[Any, np.dtype[np.bool_]], box: Sequence[float]) -> tuple[slice, slice]:
    height, width = mask.shape
    x1, y1, x2, y2 = np.clip(box, 0, [width, height] * 2)
    return slice(int(y1), int(np.ceil(y2))), slice(int(x1), int(np.ceil(x2)))


def _faces(picture: Picture, finder: FaceFinder) -> Doubles:
    """Faces (N, 4) that a search with four times the pixels is sure of, each once."""
    boxes, scores = finder.scored(picture, TWICE_PX)
    sure = scores >= SURE_FACE
    corners_and_sizes = np.hstack([boxes[sure, :2], boxes[sure, 2:] - boxes[sure, :2]])
    kept = cv2.dnn.NMSBoxes(corners_and_sizes.tolist(), scores[sure].tolist(), 0.0, 0.3)
    return np.asarray(boxes[sure][np.asarray(kept, dtype=np.intp).reshape(-1)])
