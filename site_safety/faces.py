"""Faces blurred before anything is stored or shown. Nobody is recognised; equipment is judged before.

A face is blurred where CenterFace (Xu et al. 2019) finds one and, found or not, where the head of a person is: a
detector misses some faces, and a box tells where to look.
"""

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from site_safety.detector_models import Floats, Picture, shipped
from site_safety.detector_outputs import Doubles
from site_safety.tracks import Box

INPUT_PX = (320, 192)
"""Width and height that faces are looked for at."""
LEAST_SCORE = 0.1
MARGIN = 0.25
"""By which a face's box is widened on each side."""
HIGH = 0.22
"""Share of a standing person's box that holds the head. Chosen, as the score, on the training part of the pictures."""
BLOCKS = 4
"""A blurred region keeps so many blocks a side."""


class FaceFinder:
    """The face detector that comes with Sitewright."""

    def __init__(self) -> None:
        self._network = shipped("centerface")

    def faces(self, picture: Picture) -> Doubles:
        """Boxes (N, 4) of faces in a picture (H, W, 3), BGR. Overlapping ones stay: blurring twice does no harm."""
        return self.scored(picture)[0]

    def scored(self, picture: Picture, size_px: tuple[int, int] = INPUT_PX) -> tuple[Doubles, Floats]:
        """Boxes (N, 4) and scores (N,) of faces, looked for at a width and height, multiples of 32."""
        small = cv2.resize(picture, size_px, interpolation=cv2.INTER_AREA)
        pixels = np.ascontiguousarray(small[..., ::-1].transpose(2, 0, 1)[None], dtype=np.float32)
        heatmap, scale, offset, _ = self._network.run(pixels)
        cells = np.nonzero(heatmap[0, 0] > LEAST_SCORE)
        ratio = np.array(picture.shape[1::-1]) / size_px
        return _decoded(cells, scale[0], offset[0]) * np.tile(ratio, 2), heatmap[0, 0][cells]


def _decoded(cells: tuple[npt.NDArray[np.intp], ...], scale: Floats, offset: Floats) -> Doubles:
    """Boxes (N, 4) in input pixels: cells of 4 pixels, rows and columns, with their log size and offset."""
    rows, columns = cells
    height, width = np.exp(scale[:, rows, columns].astype(np.float64)) * 4
    y, x = (np.stack([rows, columns]) + offset[:, rows, columns] + 0.5) * 4
    return np.stack([x - width / 2, y - height / 2, x + width / 2, y + height / 2], axis=1)


def regions(picture: Picture, people: Sequence[Box], finder: FaceFinder) -> list[Box]:
    """What is blurred in a picture: faces that are found, and where the heads of people may be. May reach beyond it."""
    found = [*map(_head, people), *((x1, y1, x2, y2) for x1, y1, x2, y2 in finder.faces(picture).tolist())]
    return [_widened(box) for box in found]


def blurred(picture: Picture, people: Sequence[Box], finder: FaceFinder) -> Picture:
    """A copy with the faces and the heads of people made unrecognisable."""
    safe = picture.copy()
    for box in regions(picture, people, finder):
        _blur(safe, box)
    return safe


def _head(box: Box) -> Box:
    """Where the head of a person may be: bent or turned, it is anywhere in the width of the box, and high in it."""
    x1, y1, x2, y2 = box
    width, height = x2 - x1, y2 - y1
    return x1, y1, x2, y1 + max(HIGH * height, min(0.6 * width, 0.4 * height))


def _widened(box: Box) -> Box:
    x1, y1, x2, y2 = box
    dx, dy = MARGIN * (x2 - x1), MARGIN * (y2 - y1)
    return x1 - dx, y1 - dy, x2 + dx, y2 + dy


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
