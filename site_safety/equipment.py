"""Who wears a helmet and a vest: three views of a person, frozen features, two heads, a vote over a track's frames.

The views are the head, the upper body and the whole person, because a helmet is small in the whole and a vest is not
in the head. The features are those of EfficientNet-Lite0 (Google), never trained here; the heads are
(site_safety/heads.py). Measured, and what is unknown: site_safety/models/equipment-heads.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from site_safety.detector_models import MODELS, Floats, Network, Picture, catalogue, checked_content, shipped
from site_safety.heads import Head, load_heads
from site_safety.tracks import Box, Worn

PIECES = ("helmet", "vest")
FEATURES = 3 * 1280
GREY = (127, 127, 127)
VOTES, NEEDED = 8, 6
LEAST_HEIGHT_PX = 24.0
"""Shorter people are too few pixels to tell; none such were in the pictures that the heads were trained on."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether a piece is worn, and the probability of that answer (of the likelier one where it cannot tell)."""

    state: Worn
    score: float


UNKNOWN = Answer(Worn.CANNOT_TELL, 0.5)


@dataclass(frozen=True, slots=True)
class Equipment:
    """What one person wears in one picture."""

    helmet: Answer = UNKNOWN
    vest: Answer = UNKNOWN


class EquipmentJudge:
    """The shipped features with the shipped heads, or with a site's own."""

    def __init__(self, heads: Path | None = None) -> None:
        self._network = shipped("efficientnet-lite0")
        self.heads = load_heads(heads, PIECES, FEATURES) if heads else shipped_heads()

    def judge(self, picture: Picture, people: Sequence[Box]) -> list[Equipment]:
        """What each of the people in a picture (H, W, 3), BGR, wears."""
        if not people:
            return []
        worn = self.probabilities(features_of(self._network, picture, people))
        return [
            _equipment(self.heads, row) if box[3] - box[1] >= LEAST_HEIGHT_PX else Equipment()
            for box, row in zip(people, worn, strict=True)
        ]

    def probabilities(self, features: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """That each piece is worn (N, 2), for features (N, 3840)."""
        return np.stack([self.heads[piece].probability(features) for piece in PIECES], axis=1)


def shipped_heads() -> dict[str, Head]:
    """The heads that come with Sitewright."""
    entry = catalogue()["equipment-heads"]
    checked_content(MODELS / entry.file, entry.sha256)
    return load_heads(MODELS / entry.file, PIECES, FEATURES)


def _equipment(heads: dict[str, Head], worn: npt.NDArray[np.float64]) -> Equipment:
    helmet, vest = (
        Answer(heads[piece].answer(float(p)), float(max(p, 1.0 - p))) for piece, p in zip(PIECES, worn, strict=True)
    )
    return Equipment(helmet, vest)


def voted(answers: Sequence[Worn]) -> Worn:
    """What `NEEDED` of the last `VOTES` answers agree on, else that it cannot be told."""
    last = list(answers)[-VOTES:]
    agreed = [state for state in (Worn.YES, Worn.NO) if last.count(state) >= NEEDED]
    return agreed[0] if agreed else Worn.CANNOT_TELL


# --- Views and features ---------------------------------------------------------------------------------------------


def features_of(network: Network, picture: Picture, people: Sequence[Box]) -> npt.NDArray[np.float64]:
    """Features (N, 3840) of people in a picture: those of the head, the upper body and the whole, side by side."""
    columns = []
    for region, size in _VIEWS:
        crops = [_crop(picture, region(box), size) for box in people]
        columns.append(network.run(_normalised(crops))[0])
    return np.hstack(columns).astype(np.float64)


def _head(box: Box) -> Box:
    """A square about the head: as wide as a bust that fills the box, a third of the height of someone standing."""
    x1, y1, x2, y2 = box
    side = max(0.32 * (y2 - y1), min(x2 - x1, 0.55 * (y2 - y1)))
    middle = (x1 + x2) / 2
    return middle - side / 2, y1 - 0.1 * side, middle + side / 2, y1 + 0.9 * side


def _upper_body(box: Box) -> Box:
    x1, y1, x2, y2 = box
    width, height = x2 - x1, y2 - y1
    return x1 - 0.05 * width, y1 - 0.03 * height, x2 + 0.05 * width, y1 + max(0.6 * height, min(height, 1.6 * width))


def _whole(box: Box) -> Box:
    x1, y1, x2, y2 = box
    width, height = x2 - x1, y2 - y1
    return x1 - 0.06 * width, y1 - 0.06 * height, x2 + 0.06 * width, y2 + 0.06 * height


_VIEWS = ((_head, (128, 128)), (_upper_body, (160, 160)), (_whole, (128, 224)))
"""Regions of a person's box, and the width and height in pixels that each is brought to."""


def _crop(picture: Picture, region: Box, size: tuple[int, int]) -> Picture:
    """A region, which may reach beyond the picture (grey there), stretched to a width and height."""
    x1, y1, x2, y2 = region
    scale_x, scale_y = size[0] / max(x2 - x1, 1.0), size[1] / max(y2 - y1, 1.0)
    to_crop = np.array([[scale_x, 0.0, -x1 * scale_x], [0.0, scale_y, -y1 * scale_y]])
    shrinking = cv2.INTER_AREA if scale_x < 1.0 else cv2.INTER_LINEAR
    return np.asarray(
        cv2.warpAffine(picture, to_crop, size, flags=shrinking, borderMode=cv2.BORDER_CONSTANT, borderValue=GREY),
        dtype=np.uint8,
    )


def _normalised(crops: Sequence[Picture]) -> Floats:
    """Pixels (N, 3, h, w), red green blue, about -1 to 1, as the features were trained."""
    planes = np.stack(crops)[..., ::-1].transpose(0, 3, 1, 2)
    return np.ascontiguousarray((planes.astype(np.float32) - 127.0) / 128.0)
