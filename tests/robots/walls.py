"""Walls for the printing tests: boxes with rectangular openings, as closed surfaces."""

from collections.abc import Sequence

import numpy as np

from bim.frames import FloatArray
from robots.printer_plan import Body

# Two triangles a face, counter-clockwise from outside, over the corners (x, y, z) in binary order.
_FACES = np.array([
    [0, 2, 3], [0, 3, 1], [4, 5, 7], [4, 7, 6], [0, 1, 5], [0, 5, 4],
    [2, 6, 7], [2, 7, 3], [0, 4, 6], [0, 6, 2], [1, 3, 7], [1, 7, 5],
])  # fmt: skip


def box(low: Sequence[float], high: Sequence[float]) -> FloatArray:
    """(12, 3, 3) corners of an upright box; its faces look outwards."""
    ends = np.array([low, high], float)
    corners = np.array([[ends[(k >> 0) & 1, 0], ends[(k >> 1) & 1, 1], ends[(k >> 2) & 1, 2]] for k in range(8)])
    return corners[_FACES]


def wall(
    length: float, thickness: float, height: float, at: Sequence[float] = (0.0, 0.0, 0.0), name: str = "W"
) -> Body:
    x, y, z = at
    return Body(name, name, box((x, y, z), (x + length, y + thickness, z + height)))


def wall_with_door(length: float, thickness: float, height: float, door: tuple[float, float, float]) -> Body:
    """One wall as one surface: a door from `door[0]`, `door[1]` wide and `door[2]` high."""
    at, wide, high = door
    parts = [
        box((0, 0, 0), (at, thickness, high)),
        box((at + wide, 0, 0), (length, thickness, high)),
        box((0, 0, high), (length, thickness, height)),
    ]
    return Body("W", "W", np.concatenate(parts))


def turned(body: Body, angle_rad: float, shift_m: Sequence[float] = (0.0, 0.0, 0.0)) -> Body:
    c, s = np.cos(angle_rad), np.sin(angle_rad)
    return Body(body.global_id, body.name, body.corners @ np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]).T + shift_m)
