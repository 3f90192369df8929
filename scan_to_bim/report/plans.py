"""Storey plans as SVG paths that know their element: a section, what lies below it and what hangs above."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from bim.frames import FloatArray
from bim.verdict import State
from scan_to_bim.report.render import Pixels, png
from scan_to_bim.report.sections import Frame, Shape, frame_of, storey_shapes
from scan_to_bim.result import Outcome, Report, Viewpoint

DOUBT = 0.2
"""Width of the completion's range from which unseen surface is worth another scan."""
_UNSEEN_RGB = (91, 42, 157)


@dataclass(frozen=True)
class Mark:
    """A scanner position in a plan, in metres from the plan's corner; `inside` is False where it was moved to the
    border because it lies beyond."""

    label: str
    x: float
    y: float
    inside: bool


@dataclass(frozen=True)
class Raster:
    """A picture over a plan from its upper left corner."""

    width_m: float
    depth_m: float
    png: bytes


@dataclass(frozen=True)
class Plan:
    """The plan of one storey, `width_m` x `depth_m`."""

    storey: str
    elevation_m: float
    width_m: float
    depth_m: float
    shapes: tuple[Shape, ...]
    stations: tuple[Mark, ...]
    viewpoints: tuple[Mark, ...]
    unseen: Raster | None
    """Where surface of this storey was not seen; None where everything was."""


def plans(report: Report) -> list[Plan]:
    """One plan a storey that holds elements, from the lowest up; elements without a storey come last."""
    building = report.building
    if not len(building.mesh.triangles):
        return []
    frame = frame_of(building)
    floors = {storey.name: storey.elevation_m for storey in reversed(building.storeys)}
    stations = _by_floor(report.stations_site_m, floors)
    numbered = list(enumerate(report.next_viewpoints, 1))
    return [
        Plan(
            storey=name,
            elevation_m=floor_m or 0.0,
            width_m=float(frame.high[0] - frame.low[0]),
            depth_m=float(frame.high[1] - frame.low[1]),
            shapes=_displaced_last(report, shapes),
            stations=tuple(_mark(str(i + 1), xyz, frame) for i, xyz in stations.get(name, [])),
            viewpoints=tuple(_viewpoint_mark(i, point, frame) for i, point in numbered if point.storey == name),
            unseen=_unseen(report, name, frame),
        )
        for name, floor_m, shapes in storey_shapes(building, frame)
    ]


def _displaced_last(report: Report, shapes: Iterable[Shape]) -> tuple[Shape, ...]:
    """What matters most is drawn over everything else."""
    return tuple(sorted(shapes, key=lambda shape: report.verdicts[shape.element].state is State.DISPLACED))


def _by_floor(stations: FloatArray, floors: dict[str, float]) -> dict[str, list[tuple[int, FloatArray]]]:
    """Stations with their index, by the highest floor below them."""
    levels = sorted(floors.items(), key=lambda item: item[1])
    placed: dict[str, list[tuple[int, FloatArray]]] = {}
    for i, xyz in enumerate(stations):
        below = [name for name, elevation in levels if elevation <= xyz[2]] or [name for name, _ in levels[:1]]
        placed.setdefault(below[-1] if below else "", []).append((i, xyz))
    return placed


def _mark(label: str, xyz: FloatArray, frame: Frame) -> Mark:
    held = np.clip(xyz[:2], frame.low + frame.border_m, frame.high - frame.border_m)
    x, y = frame.local(held)
    return Mark(label, round(float(x), 2), round(float(y), 2), bool((held == xyz[:2]).all()))


def _viewpoint_mark(number: int, viewpoint: Viewpoint, frame: Frame) -> Mark:
    return _mark(chr(ord("A") + number - 1) if number <= 26 else str(number), np.array(viewpoint.position_m), frame)


def _unseen(report: Report, storey: str, frame: Frame) -> Raster | None:
    """Unseen surface of the elements of this storey that it leaves in doubt, as a raster.

    Every floor has a hidden underside; where the element was judged all the same, nobody needs to look again.
    """
    samples, elements = report.samples, report.building.elements
    doubtful = [
        element.storey == storey and verdict.completion_high - verdict.completion_low > DOUBT
        for element, verdict in zip(elements, report.verdicts, strict=True)
    ]
    chosen = np.array(doubtful, dtype=bool)[samples.element] & (samples.outcome <= Outcome.OCCLUDED)
    if not chosen.any():
        return None
    size = frame.high - frame.low
    cell = max(0.2, float(size.max()) / 160)
    columns, rows = (int(n) for n in np.ceil(size / cell))
    x, y = frame.local(samples.xyz[chosen, :2]).T
    area, _, _ = np.histogram2d(
        y, x, bins=(rows, columns), range=((0, rows * cell), (0, columns * cell)), weights=samples.area_m2[chosen]
    )
    pixels: Pixels = np.zeros((rows, columns, 4), dtype=np.uint8)
    pixels[:, :, :3] = _UNSEEN_RGB
    pixels[:, :, 3] = np.clip(150 * area / cell**2, 0, 150)
    return Raster(columns * cell, rows * cell, png(pixels, colours=0))
