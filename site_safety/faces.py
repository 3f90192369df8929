"""Faces blurred before anything is stored or shown. Nobody is recognised; equipment is judged before.

A face is blurred where CenterFace (Xu et al. 2019) finds one and, found or not, where the head of a person is: a
detector misses some faces, and a box tells where to look.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from site_safety.detector_models import Floats, Picture, shipped
from site_safety.detector_outputs import Doubles
from site_safety.tracks import Box

INPUT_PX = (320, 192)
"""Width and height that faces are looked for at."""
LEAST_SCORE = 0.2
MARGIN = 0.25
"""By which a face's box is widened on each side."""
BLOCKS = 4
"""A blurred region keeps so many blocks a side."""


class FaceFinder:
    """The face detector that comes with Sitewright."""

    def __init__(self) -> None:
        self._network = shipped("centerface")

    def faces(self, picture: Picture) -> Doubles:
        """Boxes (N, 4) of faces in a picture (H, W, 3), BGR. Overlapping ones stay: blurring twice does no harm."""
        small = cv2.resize(picture, INPUT_PX, interpolation=cv2.INTER_AREA)
        pixels = np.ascontiguousarray(small[..., ::-1].transpose(2, 0, 1)[None], dtype=np.float32)
        heatmap, scale, offset, _ = self._network.run(pixels)
        ratio = np.array(picture.shape[1::-1]) / INPUT_PX
        return np.asarray(_decoded(heatmap[0, 0], scale[0], offset[0]) * np.tile(ratio, 2))


def _decoded(heatmap: Floats, scale: Floats, offset: Floats) -> Doubles:
    """Boxes (N, 4) in input pixels: cells of 4 pixels whose heat is enough, with their log size and offset."""
    rows, columns = np.nonzero(heatmap > LEAST_SCORE)
    height, width = np.exp(scale[:, rows, columns].astype(np.float64)) * 4
    y, x = (np.stack([rows, columns]) + offset[:, rows, columns] + 0.5) * 4
    return np.stack([x - width / 2, y - height / 2, x + width / 2, y + height / 2], axis=1)


def blurred(picture: Picture, people: Sequence[Box], finder: FaceFinder) -> Picture:
    """A copy with the faces and the heads of people made unrecognisable."""
    safe = picture.copy()
    for x1, y1, x2, y2 in [*(_head(box) for box in people), *map(tuple, finder.faces(picture).tolist())]:
        dx, dy = MARGIN * (x2 - x1), MARGIN * (y2 - y1)
        _blur(safe, (x1 - dx, y1 - dy, x2 + dx, y2 + dy))
    return safe


def _head(box: Box) -> Box:
    """Where the head of a person is: a sixth of someone standing, more of a bust."""
    x1, y1, x2, y2 = box
    side = max(0.16 * (y2 - y1), min(0.6 * (x2 - x1), 0.4 * (y2 - y1)))
    middle = (x1 + x2) / 2
    return middle - side / 2, y1, middle + side / 2, y1 + side


def _blur(picture: Picture, box: Box) -> None:
    """Replaced by blocks, then smoothed: what is taken away cannot be brought back."""
    height, width = picture.shape[:2]
    x1, x2 = (int(np.clip(x, 0, width)) for x in (box[0], np.ceil(box[2])))
    y1, y2 = (int(np.clip(y, 0, height)) for y in (box[1], np.ceil(box[3])))
    if x2 <= x1 or y2 <= y1:
        return
    region = picture[y1:y2, x1:x2]
    blocks = cv2.resize(region, (BLOCKS, BLOCKS), interpolation=cv2.INTER_AREA)
    picture[y1:y2, x1:x2] = cv2.resize(blocks, (x2 - x1, y2 - y1), interpolation=cv2.INTER_LINEAR)
