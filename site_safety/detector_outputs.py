"""What each family of detectors takes and says, as boxes in the picture's pixels: pure functions of arrays.

SSDLite: Liu et al. 2016, Sandler et al. 2018. YOLOX: Ge et al. 2021. RF-DETR: Robinson et al. 2025 (the transformer
family without non-maximum suppression). D-FINE: Peng et al. 2024.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from site_safety.detector_models import Floats, Network, Picture, Shape
from site_safety.tracks import Kind

Doubles = npt.NDArray[np.float64]

COCO_80 = {0: Kind.PERSON, 2: Kind.VEHICLE, 5: Kind.VEHICLE, 7: Kind.VEHICLE}
"""Person, car, bus, truck among the 80 classes counted from 0."""
COCO_91 = {1: Kind.PERSON, 3: Kind.VEHICLE, 6: Kind.VEHICLE, 8: Kind.VEHICLE}
"""The same among the 91 of the original numbering, as RF-DETR uses it."""
GREY = 127
FREE_SIZE = 640


@dataclass(frozen=True)
class Fitted:
    """A picture made ready: `pixels` (1, 3, h, w); picture pixels times `scale` (x, y) are its pixels."""

    pixels: Floats
    scale: tuple[float, float]


@dataclass(frozen=True)
class Raw:
    """Boxes (N, 4) in picture pixels, scores (N,) and kinds, not yet thinned out."""

    xyxy: Doubles
    scores: Doubles
    kinds: tuple[Kind, ...]

    def taken(self, index: npt.NDArray[np.intp]) -> "Raw":
        """Those of an index."""
        return Raw(self.xyxy[index], self.scores[index], tuple(self.kinds[i] for i in index))

    def above(self, score: float) -> "Raw":
        """Those that score more; what a broken model calls infinite is no box."""
        return self.taken(np.flatnonzero((self.scores > score) & np.isfinite(self.xyxy).all(axis=1)))

    def clipped(self, width: int, height: int) -> "Raw":
        """Boxes cut off at the picture's edges; those that have no area in it are left out."""
        inside = Raw(np.clip(self.xyxy, 0.0, [width, height, width, height]), self.scores, self.kinds)
        sides = inside.xyxy[:, 2:] - inside.xyxy[:, :2]
        return inside.taken(np.flatnonzero((sides > 0.0).all(axis=1)))


@dataclass(frozen=True)
class Family:
    """A kind of model: how to tell it by its outputs, what it is fed, and what its outputs mean."""

    name: str
    suits: Callable[[Network], bool]
    fit: Callable[[Picture, Shape], Fitted]
    decode: Callable[[Sequence[Floats], Fitted], Raw]


# --- What models are fed --------------------------------------------------------------------------------------------


def letterboxed(picture: Picture, shape: Shape, *, fill: int) -> tuple[npt.NDArray[np.uint8], float]:
    """The picture scaled into the upper left corner of the input's size, the rest `fill`, and the scale."""
    height, width = _size(shape)
    scale = min(height / picture.shape[0], width / picture.shape[1])
    inner = max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale))
    canvas = np.full((height, width, 3), fill, dtype=np.uint8)
    canvas[: inner[1], : inner[0]] = cv2.resize(picture, inner, interpolation=cv2.INTER_LINEAR)
    return canvas, scale


def _size(shape: Shape) -> tuple[int, int]:
    height, width = (side if isinstance(side, int) else FREE_SIZE for side in shape[2:4])
    return height, width


def _planes(picture: npt.NDArray[Any]) -> Floats:
    return np.ascontiguousarray(picture.transpose(2, 0, 1)[None], dtype=np.float32)


def fit_ssdlite(picture: Picture, shape: Shape) -> Fitted:
    """Red green blue, -1 to 1, letterboxed: stretching as in training costs 3 points of AP on upright people."""
    canvas, scale = letterboxed(picture, shape, fill=GREY)
    return Fitted(_planes(canvas[..., ::-1]) / np.float32(127.5) - np.float32(1.0), (scale, scale))


def fit_yolox(picture: Picture, shape: Shape) -> Fitted:
    """Blue green red, 0 to 255, letterboxed on 114."""
    canvas, scale = letterboxed(picture, shape, fill=114)
    return Fitted(_planes(canvas), (scale, scale))


def fit_rfdetr(picture: Picture, shape: Shape) -> Fitted:
    """Red green blue, stretched, normalised as ImageNet is."""
    plain = fit_dfine(picture, shape)
    mean, deviation = (
        np.array(values, np.float32)[None, :, None, None] for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    )
    return Fitted((plain.pixels - mean) / deviation, plain.scale)


def fit_dfine(picture: Picture, shape: Shape) -> Fitted:
    """Red green blue, stretched, 0 to 1."""
    height, width = _size(shape)
    stretched = cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR)[..., ::-1]
    scale = (width / picture.shape[1], height / picture.shape[0])
    return Fitted(_planes(stretched) / np.float32(255.0), scale)


# --- What models say ------------------------------------------------------------------------------------------------


def decode_ssdlite(outputs: Sequence[Floats], fitted: Fitted) -> Raw:
    """Encodings (1, N, 1, 4) of boxes about anchors, and logits (1, N, 2) of background and person."""
    encodings = outputs[0].reshape(-1, 4).astype(np.float64)
    height, width = fitted.pixels.shape[2:]
    scores = _sigmoid(outputs[1].reshape(-1, 2)[:, 1])
    y, x, h, w = _ssd_anchors().T
    centre = np.stack([encodings[:, 1] / 10 * w + x, encodings[:, 0] / 10 * h + y], axis=1)
    half = np.stack([np.exp(encodings[:, 3] / 5) * w, np.exp(encodings[:, 2] / 5) * h], axis=1) / 2
    size = np.array([width, height])
    return _raw(np.hstack([(centre - half) * size, (centre + half) * size]), scores, None, fitted)


@cache
def _ssd_anchors() -> Doubles:
    """Centre y, x and size h, w (1917, 4) as shares of a 300-pixel input: six grids, scales 0.2 to 0.95."""
    scales = [*np.linspace(0.2, 0.95, 6), 1.0]
    rows = []
    for i, cells in enumerate((19, 10, 5, 3, 2, 1)):
        shapes = [(scales[i], ratio) for ratio in (1.0, 2.0, 0.5, 3.0, 1 / 3)] + [
            ((scales[i] * scales[i + 1]) ** 0.5, 1)
        ]
        if i == 0:
            shapes = [(0.1, 1.0), (0.2, 2.0), (0.2, 0.5)]
        middle = (np.arange(cells) + 0.5) / cells
        rows += [(y, x, s / r**0.5, s * r**0.5) for y in middle for x in middle for s, r in shapes]
    return np.array(rows)


def decode_yolox(outputs: Sequence[Floats], fitted: Fitted) -> Raw:
    """(1, N, 5 + classes): centre and size in cells of three grids, objectness, classes."""
    answer = outputs[0][0].astype(np.float64)
    height, width = fitted.pixels.shape[2:]
    cells, strides = _yolox_grid(height, width)
    centre, half = (answer[:, :2] + cells) * strides, np.exp(answer[:, 2:4]) * strides / 2
    return _raw(np.hstack([centre - half, centre + half]), answer[:, 5:] * answer[:, 4:5], COCO_80, fitted)


@cache
def _yolox_grid(height: int, width: int) -> tuple[Doubles, Doubles]:
    cells, strides = [], []
    for stride in (8, 16, 32):
        y, x = np.mgrid[: height // stride, : width // stride]
        cells.append(np.stack([x.ravel(), y.ravel()], axis=1))
        strides.append(np.full((x.size, 1), stride))
    return np.concatenate(cells).astype(np.float64), np.concatenate(strides).astype(np.float64)


def decode_rfdetr(outputs: Sequence[Floats], fitted: Fitted) -> Raw:
    """Boxes (1, N, 4) as centre and size, shares of the input, and logits (1, N, 91)."""
    boxes, logits = sorted((output[0].astype(np.float64) for output in outputs), key=lambda each: each.shape[-1])
    height, width = fitted.pixels.shape[2:]
    half = boxes[:, 2:] / 2
    corners = np.hstack([boxes[:, :2] - half, boxes[:, :2] + half]) * [width, height, width, height]
    return _raw(corners, _sigmoid(logits), COCO_91 if logits.shape[1] >= 90 else COCO_80, fitted)


def _raw(corners: Doubles, scores: Doubles, classes: dict[int, Kind] | None, fitted: Fitted) -> Raw:
    """Boxes of the input as boxes of the picture; of several classes, those that matter, each box under its best."""
    boxes = corners / np.tile(fitted.scale, 2)
    if classes is None:
        return Raw(boxes, scores, (Kind.PERSON,) * len(boxes))
    known = {index: kind for index, kind in classes.items() if index < scores.shape[1]}
    wanted = scores[:, list(known)]
    best = wanted.argmax(axis=1)
    kinds = tuple(known.values())
    return Raw(boxes, wanted[np.arange(len(best)), best], tuple(kinds[i] for i in best))


def _sigmoid(logits: npt.NDArray[np.floating]) -> Doubles:
    return 1.0 / (1.0 + np.exp(-np.clip(logits.astype(np.float64), -60.0, 60.0)))


def iou(first: Doubles, second: Doubles) -> Doubles:
    """Intersection over union (N, M) of boxes (N, 4) and (M, 4), x1 y1 x2 y2."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = np.prod(np.clip(high - low, 0.0, None), axis=2)
    area_1, area_2 = (np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) for boxes in (first, second))
    return np.asarray(shared / np.maximum(area_1[:, None] + area_2[None, :] - shared, 1e-9))


# --- How a family is told -------------------------------------------------------------------------------------------


def _last_sizes(network: Network) -> list[Shape]:
    return [shape for _, shape in network.outputs]


def _is_ssdlite(network: Network) -> bool:
    shapes = _last_sizes(network)
    return len(shapes) == 2 and shapes[0][-1] == 4 and shapes[1][1:] == (1917, 2)


def _is_yolox(network: Network) -> bool:
    shapes = _last_sizes(network)
    return len(shapes) == 1 and len(shapes[0]) == 3 and isinstance(shapes[0][2], int) and shapes[0][2] == 85


def _is_rfdetr(network: Network) -> bool:
    shapes = _last_sizes(network)
    return len(shapes) == 2 and sorted(len(shape) for shape in shapes) == [3, 3] and any(s[-1] == 4 for s in shapes)


def _is_dfine_export(network: Network) -> bool:
    """D-FINE is exported with a `pred_boxes`, RF-DETR with `dets`."""
    return any(name == "pred_boxes" for name, _ in network.outputs)


FAMILIES = (
    Family("SSDLite", _is_ssdlite, fit_ssdlite, decode_ssdlite),
    Family("YOLOX", _is_yolox, fit_yolox, decode_yolox),
    Family("RF-DETR", lambda net: _is_rfdetr(net) and not _is_dfine_export(net), fit_rfdetr, decode_rfdetr),
    Family("D-FINE", lambda net: _is_rfdetr(net) and _is_dfine_export(net), fit_dfine, decode_rfdetr),
)
