"""How people are found by how tall they are in the frame: what a camera still sees far away.

There are no marked far-field pictures, so near-field ones stand in: the held-out pictures of benchmarks/detector.py are
made smaller and laid into a frame of a quiet film, as wide as a site camera's. That gives people of few pixels in a
frame that is not empty. It gives neither the haze, the view from above nor the compression of a real far view.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.detector import Example, average_precision, examples
from site_safety.closer import look_closer
from site_safety.detector import Detection, Detector, load_detector
from site_safety.detector_models import Picture
from site_safety.detector_outputs import Doubles, iou
from site_safety.tracking import BEGIN
from site_safety.tracks import Kind

WIDTH, HEIGHT = 1280, 720
LAID_PX = (720, 480, 320, 200, 120, 80)
"""How tall the pictures are in the frame."""
BANDS_PX = (0, 30, 60, 120, 240, HEIGHT)
PART_PX = 480
SAME = 0.5
FILM = "data/safety/videos/intel-car-detection.mp4"

Look = Callable[[Picture, float], tuple[Detection, ...]]


@dataclass
class _Band:
    """People of about one height, and what was found there: scores, and whether each is right."""

    people: int = 0
    found: list[tuple[float, bool]] = field(default_factory=list)


def measure(shared: Path) -> dict[str, Any]:
    """Average precision and the share of people a track would begin with, by height in a frame of 1280 x 720."""
    cv2.setNumThreads(1)
    held_out = [example for example in examples(shared) if example.held_out and len(example.people)]
    scene = _scene(shared / FILM)
    plug_in = shared / "data/safety/models/yolox_nano.onnx"
    shipped = load_detector()
    return {
        "shipped": _by_height(shipped.detect, held_out, scene),
        "yolox_nano": _by_height(load_detector(plug_in).detect, held_out, scene),
        f"shipped, closer at {PART_PX} px": _by_height(_closer(shipped), held_out, scene),
    }


def _closer(detector: Detector) -> Look:
    """Looks at a square about the middle of the frame as well, where all pictures are laid that fit into it."""
    left, top = (WIDTH - PART_PX) / 2, (HEIGHT - PART_PX) / 2
    return lambda frame, least: look_closer(detector, frame, (left, top, left + PART_PX, top + PART_PX), least)


def _scene(film: Path) -> Picture:
    """The first frame of a film, as wide as a site camera's."""
    picture = cv2.VideoCapture(str(film)).read()[1]
    return np.asarray(cv2.resize(picture, (WIDTH, HEIGHT)), dtype=np.uint8)


def _by_height(look: Look, pictures: Sequence[Example], scene: Picture) -> dict[str, Any]:
    bands: Mapping[int, _Band] = defaultdict(_Band)
    for example in pictures:
        for frame, people in _laid(example, scene):
            found = [each for each in look(frame, 0.02) if each.kind is Kind.PERSON]
            _sort(bands, people, found)
    return {f"{low} to {high} px": _figures(bands[i]) for i, (low, high) in enumerate(pairwise(BANDS_PX))}


def _figures(band: _Band) -> dict[str, Any]:
    begun = sum(right and score >= BEGIN for score, right in band.found)
    return {
        "people": band.people,
        "person_ap50": round(average_precision(band.found, band.people), 3),
        "share_that_begins_a_track": round(begun / band.people, 3),
    }


def _laid(example: Example, scene: Picture) -> Iterator[tuple[Picture, Doubles]]:
    """The picture in the middle of the scene, smaller and smaller; and its people there."""
    picture = example.read()
    for laid_px in LAID_PX:
        scale = min(laid_px / picture.shape[0], WIDTH / picture.shape[1])
        small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        height, width = small.shape[:2]
        x, y = (WIDTH - width) // 2, (HEIGHT - height) // 2
        frame = scene.copy()
        frame[y : y + height, x : x + width] = small
        yield frame, example.people * scale + [x, y, x, y]


def _sort(bands: Mapping[int, _Band], people: Doubles, found: Iterable[Detection]) -> None:
    """What is found belongs to the band of its person; what is nobody, to the band of its own height."""
    taken: set[int] = set()
    for box in people:
        bands[_band(box)].people += 1
    for each in found:
        overlap = iou(np.array([each.xyxy]), people)[0]
        person = int(overlap.argmax())
        right = bool(overlap[person] >= SAME) and person not in taken
        taken |= {person} if right else set()
        bands[_band(people[person] if right else each.xyxy)].found.append((each.score, right))


def _band(box: Sequence[float] | Doubles) -> int:
    return min(int(np.searchsorted(BANDS_PX, box[3] - box[1], side="right")) - 1, len(BANDS_PX) - 2)
