"""People found and equipment told apart on near-field pictures that nothing was trained or tuned on, and what it costs.

The held-out part is a quarter of the pictures, drawn by the hash of their names: it never changes.
`python -m benchmarks.detector SHARED` trains the shipped heads again on the other three quarters and writes them.
"""

import hashlib
import json
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from site_safety.detector import Detector, load_detector
from site_safety.detector_models import MODELS, Picture, shipped
from site_safety.detector_outputs import Doubles, iou
from site_safety.equipment import PIECES, EquipmentJudge, features_of
from site_safety.heads import Head, save_heads, score_head, train_head
from site_safety.tracks import Box, Kind

VARIATIONS, SHIFT, SEED = 3, 0.05, 7
PENALTIES = {"helmet": 0.1, "vest": 0.03}
"""Chosen by cross-validation within the three quarters."""


@dataclass(frozen=True)
class Example:
    """A picture with its people; what they wear as two columns (N, 2)."""

    path: Path
    people: Doubles
    worn: np.ndarray[Any, np.dtype[np.bool_]]

    @property
    def group(self) -> int:
        """A number of its own for each picture, the same at every run."""
        return int(hashlib.sha256(self.path.name.encode()).hexdigest()[:12], 16)

    @property
    def held_out(self) -> bool:
        """Whether nothing may be trained or tuned on it."""
        return int(hashlib.sha256(self.path.name.encode()).hexdigest(), 16) % 4 == 0

    def read(self) -> Picture:
        """Its pixels."""
        return np.asarray(cv2.imread(str(self.path)), dtype=np.uint8)


def measure(shared: Path) -> dict[str, Any]:
    """Figures of the shipped detector and heads, and of the plug-in detector, on the held-out quarter."""
    cv2.setNumThreads(1)
    held_out = [example for example in examples(shared) if example.held_out]
    plug_in = shared / "data/safety/models/yolox_nano.onnx"
    detector = load_detector()
    return {
        "pictures": len(held_out),
        "shipped": detection_figures(detector, held_out),
        "yolox_nano": detection_figures(load_detector(plug_in), held_out),
        "equipment_on_marked_people": equipment_figures(held_out),
        "equipment_on_found_people": equipment_figures([_as_found(detector, example) for example in held_out]),
    }


def examples(shared: Path) -> list[Example]:
    """The pictures of the shared data with their people."""
    folder = shared / "data/safety/ppe_train"
    marks = _marks(folder / "annotations.json")
    return [_example(folder / "images" / name, boxes) for name, boxes in marks.items()]


@cache
def _marks(annotations: Path) -> dict[str, list[dict[str, Any]]]:
    return {entry["image"]: entry["boxes"] for entry in json.loads(annotations.read_text(encoding="utf-8"))}


def marked(path: Path, label: str) -> Doubles:
    """Boxes (N, 4) of one label in a picture."""
    return _boxes(_marks(path.parent.parent / "annotations.json")[path.name], label)


def _example(path: Path, boxes: Sequence[dict[str, Any]]) -> Example:
    people = _boxes(boxes, "person")
    worn = np.stack([_wearers(people, _boxes(boxes, piece), piece) for piece in PIECES], axis=1)
    return Example(path, people, worn)


def _boxes(boxes: Iterable[dict[str, Any]], label: str) -> Doubles:
    return np.array([box["xyxy"] for box in boxes if box["label"] == label], dtype=np.float64).reshape(-1, 4)


def _wearers(people: Doubles, pieces: Doubles, piece: str) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Who wears a piece: the person who holds at least half of its box and whose middle (and top) is nearest to it."""
    worn = np.zeros(len(people), dtype=bool)
    for x1, y1, x2, y2 in pieces:
        low, high = np.maximum(people[:, :2], [x1, y1]), np.minimum(people[:, 2:], [x2, y2])
        share = np.prod(np.clip(high - low, 0.0, None), axis=1) / ((x2 - x1) * (y2 - y1))
        width, height = (people[:, 2:] - people[:, :2]).T
        cost = np.abs((x1 + x2) / 2 - people[:, [0, 2]].mean(axis=1)) / width + worn
        cost += np.abs(y1 - people[:, 1]) / height if piece == "helmet" else -share
        cost[share < 0.5] = np.inf
        if np.isfinite(cost).any():
            worn[cost.argmin()] = True
    return worn


# --- People ---------------------------------------------------------------------------------------------------------


def detection_figures(detector: Detector, pictures: Sequence[Example]) -> dict[str, float]:
    """Average precision at IoU 0.5 over all pictures, and processor time a picture, reading it not counted."""
    spent, found, total = 0.0, [], 0
    for example in pictures:
        picture = example.read()
        start = time.process_time()
        people = [each for each in detector.detect(picture, 0.02) if each.kind is Kind.PERSON]
        spent += time.process_time() - start
        found += _matched(np.array([each.xyxy for each in people]), [each.score for each in people], example.people)
        total += len(example.people)
    return {"person_ap50": average_precision(found, total), "cpu_ms": 1000 * spent / len(pictures)}


def _matched(boxes: Doubles, scores: Sequence[float], truth: Doubles) -> list[tuple[float, bool]]:
    """Each box's score and whether it is the first on its person; best scores come first."""
    taken: set[int] = set()
    answers = []
    for box, score in zip(boxes.reshape(-1, 4), scores, strict=True):
        overlap = iou(box[None], truth)[0]
        right = bool(len(truth)) and overlap.max() >= 0.5 and int(overlap.argmax()) not in taken
        taken |= {int(overlap.argmax())} if right else set()
        answers.append((score, bool(right)))
    return answers


def average_precision(found: Sequence[tuple[float, bool]], total: int) -> float:
    """Area under the precision envelope over recall (every point, as in VOC 2010)."""
    right = np.cumsum([hit for _, hit in sorted(found, key=lambda each: -each[0])])
    precision = np.maximum.accumulate((right / np.arange(1, len(right) + 1))[::-1])[::-1]
    return float(np.sum(np.diff(right / total, prepend=0.0) * precision))


# --- Equipment ------------------------------------------------------------------------------------------------------


def equipment_figures(pictures: Sequence[Example]) -> dict[str, dict[str, float]]:
    """Scores of the shipped heads on people whose boxes are given."""
    judge, network = EquipmentJudge(), shipped("efficientnet-lite0")
    rows = [example for example in pictures if len(example.people)]
    features = np.concatenate([features_of(network, each.read(), _tuples(each.people)) for each in rows])
    worn = np.concatenate([each.worn for each in rows])
    return {piece: asdict(score_head(judge.heads[piece], features, worn[:, i])) for i, piece in enumerate(PIECES)}


def _as_found(detector: Detector, example: Example) -> Example:
    """The same people as the detector frames them; those that it does not find are left out."""
    boxes = np.array([each.xyxy for each in detector.detect(example.read()) if each.kind is Kind.PERSON]).reshape(-1, 4)
    overlap = iou(example.people, boxes) if len(boxes) else np.zeros((len(example.people), 1))
    found = overlap.max(axis=1) >= 0.5 if len(example.people) else np.zeros(0, dtype=bool)
    nearest = overlap.argmax(axis=1)[found] if len(example.people) else np.zeros(0, dtype=int)
    return Example(example.path, boxes[nearest].reshape(-1, 4), example.worn[found])


def _tuples(boxes: Doubles) -> list[Box]:
    return [(x1, y1, x2, y2) for x1, y1, x2, y2 in boxes.tolist()]


def train(shared: Path) -> dict[str, Head]:
    """Heads trained on the three quarters: each person as marked, as found, mirrored, and with a shaken frame."""
    cv2.setNumThreads(1)
    detector, network, rng = load_detector(), shipped("efficientnet-lite0"), np.random.default_rng(SEED)
    features, worn, groups = [], [], []
    for example in examples(shared):
        if example.held_out or not len(example.people):
            continue
        for picture, people, answers in _varied(example, detector, rng):
            features.append(features_of(network, picture, _tuples(people)))
            worn.append(answers)
            groups += [example.group] * len(people)
    columns = np.concatenate(worn)
    return {
        piece: train_head(np.concatenate(features), columns[:, i], np.array(groups), penalty=PENALTIES[piece])
        for i, piece in enumerate(PIECES)
    }


def _varied(
    example: Example, detector: Detector, rng: np.random.Generator
) -> Iterable[tuple[Picture, Doubles, np.ndarray[Any, np.dtype[np.bool_]]]]:
    picture = example.read()
    yield picture, example.people, example.worn
    found = _as_found(detector, example)
    if len(found.people):
        yield picture, found.people, found.worn
    size = np.tile(example.people[:, 2:] - example.people[:, :2], 2)
    for turn in range(VARIATIONS):
        people = example.people + rng.normal(0.0, SHIFT, size.shape) * size
        light = rng.uniform(0.7, 1.3) * picture + rng.uniform(-20, 20)
        varied = np.clip(light, 0, 255).astype(np.uint8)
        if turn % 2 == 0:
            varied = np.ascontiguousarray(varied[:, ::-1])
            people[:, [0, 2]] = picture.shape[1] - people[:, [2, 0]]
        yield varied, people, example.worn


if __name__ == "__main__":
    save_heads(MODELS / "equipment-heads.npz", train(Path(sys.argv[1])))
