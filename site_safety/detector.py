"""Who and what is in a picture: one small protocol, and the ONNX models that obey it.

A picture goes through four steps: fit (letterboxed, so that people keep their shape), run, decode (site_safety/
detector_outputs.py knows what each family of models says) and thin out (one box a person).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from bim.errors import BadInput
from site_safety.detector_models import Network, Picture, open_network, shipped
from site_safety.detector_outputs import FAMILIES, Family, Raw
from site_safety.tracks import Box, Kind

DEFAULT_MODEL = "pedestrian-ssdlite"
SAME_OBJECT_IOU = 0.6
"""Boxes of one kind that overlap more are one object; chosen on the training part of the pictures."""


@dataclass(frozen=True, slots=True)
class Detection:
    """One person or vehicle in one picture."""

    kind: Kind
    xyxy: Box
    score: float


class Detector(Protocol):
    """What every detector does, whatever it is made of."""

    @property
    def name(self) -> str:
        """The model's name, for the record."""
        ...

    def detect(self, picture: Picture, least_score: float = 0.05) -> tuple[Detection, ...]:
        """People and vehicles of a picture (H, W, 3), BGR, best first. Boxes lie within the picture."""
        ...


class OnnxDetector:
    """A model file run on one thread (more threads cost more processor time for the same frames)."""

    def __init__(self, network: Network, family: Family) -> None:
        self.name = network.name
        self._network = network
        self._family = family

    def detect(self, picture: Picture, least_score: float = 0.05) -> tuple[Detection, ...]:
        """See `Detector.detect`."""
        height, width = picture.shape[:2]
        fitted = self._family.fit(picture, self._network.input_shape)
        raw = self._family.decode(self._network.run(fitted.pixels), fitted)
        kept = _thinned(raw.above(least_score).clipped(width, height))
        return tuple(
            Detection(kind, (x1, y1, x2, y2), score)
            for kind, (x1, y1, x2, y2), score in zip(kept.kinds, kept.xyxy.tolist(), kept.scores.tolist(), strict=True)
        )


def load_detector(model: Path | None = None) -> Detector:
    """The shipped detector, or that of a model file: SSDLite, YOLOX, RF-DETR or D-FINE, told by its outputs.

    Raises BadInput for a file that is no such model.
    """
    cv2.setNumThreads(1)
    network = open_network(model) if model else shipped(DEFAULT_MODEL)
    for family in FAMILIES:
        if family.suits(network):
            return OnnxDetector(network, family)
    raise BadInput(
        f"model {network.name} has outputs {_shapes(network.outputs)}",
        f"those of one of {', '.join(family.name for family in FAMILIES)}",
        "export the model without its post-processing, or choose another",
    )


def _shapes(outputs: Sequence[tuple[str, tuple[int | str, ...]]]) -> str:
    return ", ".join(f"{name} {list(shape)}" for name, shape in outputs)


def _thinned(raw: Raw) -> Raw:
    """Non-maximum suppression within each kind, best first."""
    corners_and_sizes = np.hstack([raw.xyxy[:, :2], raw.xyxy[:, 2:] - raw.xyxy[:, :2]])
    kinds = [list(Kind).index(kind) for kind in raw.kinds]
    kept = cv2.dnn.NMSBoxesBatched(corners_and_sizes.tolist(), raw.scores.tolist(), kinds, 0.0, SAME_OBJECT_IOU)
    index = np.asarray(kept, dtype=np.intp).reshape(-1)
    return raw.taken(index[np.argsort(-raw.scores[index], kind="stable")])
