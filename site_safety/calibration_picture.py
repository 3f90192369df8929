"""A calibration drawn into its camera's own picture, so that a person sees whether it is right before it is trusted.

Where each mark was set and where the calibration puts it, the ground of each storey in squares, and the zones: on the
ground that the camera sees, or as high as they reach. People's heads are blurred, as in all that is kept.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import cv2
import numpy as np

from bim.errors import BadInput
from bim.frames import FloatArray
from site_safety.calibration import Calibration
from site_safety.calibration_map import scaled
from site_safety.detector import Detector
from site_safety.detector_models import Picture
from site_safety.faces import FaceFinder, blurred
from site_safety.tracks import Kind
from site_safety.zones import Zone

SQUARE_M, SQUARES_REACH_M = 2.0, 30.0
STEP_M = 0.25
"""Lines are drawn in pieces of this length: a lens bends them."""
GROUND, ZONE, SEEN, PUT = (255, 255, 255), (0, 215, 255), (255, 0, 255), (0, 255, 0)
"""Colours, BGR."""


def checked_picture(
    picture: Picture, calibration: Calibration, zones: Sequence[Zone], detector: Detector, faces: FaceFinder
) -> Picture:
    """The picture (H, W, 3), BGR, with what the calibration says of it. Zones are numbered in their order, from 1.

    Raises BadInput for a picture of another shape than the calibration's.
    """
    height, width = picture.shape[:2]
    if not calibration.fits(width, height):
        found = f"a picture of {width} x {height} pixels"
        raise BadInput(found, f"the shape of {calibration.width_px} x {calibration.height_px}", "take the camera's own")
    people = [each.xyxy for each in detector.detect(picture) if each.kind is Kind.PERSON]
    drawn, seen = blurred(picture, people, faces), scaled(calibration, width, height)
    for elevation in seen.storeys.values():
        for line in _squares(seen, elevation):
            _draw(drawn, seen, line, GROUND, 1)
    for number, zone in enumerate(zones, start=1):
        for elevation in (height_m for storey, height_m in seen.storeys.items() if zone.storey in (None, storey)):
            _draw_zone(drawn, seen, zone, elevation, str(number))
    ratio = width / calibration.width_px
    put_at = seen.project(np.array([each.site_m for each in seen.marks]).reshape(-1, 3))
    for mark, put in zip(seen.marks, put_at, strict=True):
        _cross(drawn, np.array(mark.picture_px) * ratio, SEEN)
        _cross(drawn, put, PUT)
    return drawn


def _squares(calibration: Calibration, elevation: float) -> Iterator[FloatArray]:
    """Lines (2, 3) of a grid of whole metres around what the camera looks at."""
    eye, ahead = calibration.T_site_camera[:3, 3], calibration.T_site_camera[:3, 2]
    middle = eye[:2] + ahead[:2] / max(float(np.hypot(*ahead[:2])), 1e-9) * SQUARES_REACH_M / 2
    low, high = (np.round((middle + side * SQUARES_REACH_M) / SQUARE_M) * SQUARE_M for side in (-1, 1))
    for x in np.arange(low[0], high[0] + 1e-9, SQUARE_M):
        yield np.array([[x, low[1], elevation], [x, high[1], elevation]])
    for y in np.arange(low[1], high[1] + 1e-9, SQUARE_M):
        yield np.array([[low[0], y, elevation], [high[0], y, elevation]])


def _draw_zone(picture: Picture, calibration: Calibration, zone: Zone, elevation: float, label: str) -> None:
    bottom_m = max(elevation, zone.low_m) if zone.low_m is not None else elevation
    corners = np.column_stack([np.array(zone.polygon_m), np.full(len(zone.polygon_m), bottom_m)])
    _draw(picture, calibration, np.vstack([corners, corners[:1]]), ZONE, 3)
    if zone.high_m is not None and zone.high_m > bottom_m:
        top = corners + np.array([0.0, 0.0, zone.high_m - bottom_m])
        _draw(picture, calibration, np.vstack([top, top[:1]]), ZONE, 1)
        for pair in zip(corners, top, strict=True):
            _draw(picture, calibration, np.array(pair), ZONE, 1)
    places = calibration.project(corners)
    for u, v in places[np.isfinite(places).all(axis=1)][:1]:
        for colour, thickness in (((0, 0, 0), 6), (ZONE, 2)):
            cv2.putText(picture, label, (int(u) + 6, int(v) - 6), cv2.FONT_HERSHEY_SIMPLEX, 1.0, colour, thickness)


def _draw(picture: Picture, calibration: Calibration, line: FloatArray, colour: Sequence[int], width: int) -> None:
    """A line through points (N, 3), as far as it is in view."""
    lengths = np.linalg.norm(np.diff(line, axis=0), axis=1)
    shares = [np.linspace(0.0, 1.0, max(2, int(np.ceil(length / STEP_M)) + 1))[:, None] for length in lengths]
    pieces = [a + share * (b - a) for a, b, share in zip(line[:-1], line[1:], shares, strict=True)]
    places = calibration.project(np.vstack(pieces))
    for stroke, thickness in (((0, 0, 0), width + 2), (colour, width)):  # seen on light and on dark
        for a, b in pairwise(places):
            if np.isfinite([a, b]).all():
                cv2.line(picture, (int(a[0]), int(a[1])), (int(b[0]), int(b[1])), stroke, thickness, cv2.LINE_AA)


def _cross(picture: Picture, place: FloatArray, colour: Sequence[int]) -> None:
    if np.isfinite(place).all():
        cv2.drawMarker(picture, (int(place[0]), int(place[1])), colour, cv2.MARKER_TILTED_CROSS, 16, 2, cv2.LINE_AA)
