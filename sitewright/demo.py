"""A whole building site made in code: a model with its schedule, what stands of it one day, and a survey of that day.

site = make_demo_site(Path("site-demo"))
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from bim.frames import FloatArray
from bim.ifc import read_building
from bim.ifc_authoring import PlannedTask
from bim.model import Building
from bim.verdict import State, Vector
from scan_to_bim.simulate import SimulatedScanner
from scan_to_bim.simulated_case import write_case
from scan_to_bim.simulated_site import (
    Site,
    Truth,
    clutter,
    disc,
    displaced,
    prism,
    rectangle,
    stand,
    terrain,
    unmodelled,
)
from sitewright.demo_building import EXTERIOR_M, STOREY_HEIGHT_M, write_building

SEED = 7
DATE = datetime(2026, 4, 30, 18)
"""The evening of the survey: the ground floor is under way, the slab over the first floor is half poured."""
GROUND_M = -0.15
STEP_RAD = 0.0063
EYE_M = 1.6

STATIONS = (
    (-7.0, -6.0, GROUND_M), (31.0, -6.0, GROUND_M), (30.0, 16.0, GROUND_M), (-7.0, 20.0, GROUND_M),
    (7.4, 2.2, 0.0), (16.4, 2.8, 0.0), (3.0, 5.95, 0.0), (20.5, 5.9, 0.0), (14.2, 7.6, 0.0), (2.4, 10.3, 0.0),
    (4.0, 3.0, STOREY_HEIGHT_M), (14.0, 6.6, STOREY_HEIGHT_M), (20.5, 4.0, STOREY_HEIGHT_M),
    (3.0, 8.0, 2 * STOREY_HEIGHT_M),
)  # fmt: skip
"""Where the tripod stood: outside, on the ground floor, on the first floor, on the fresh slab."""

PART_AXIS = {"IfcWall": 2, "IfcSlab": 0, "IfcDuctSegment": 0}
"""Along which axis what is half done has grown: walls up, slabs and ducts along the building."""
DISPLACED = {"IfcWall": 3, "IfcColumn": 1, "IfcWindow": 1, "IfcDuctSegment": 1}
HALF_HIGH = 2
FORGOTTEN = {"IfcWindow": 1, "IfcPipeSegment": 1}

FORMWORK_SPANS_M = ((0.7, 5.7), (12.4, 17.4))
FORMWORK_GAP_M, SHEET_M, PANEL_M = 0.035, 0.021, (1.25, 2.5)
"""Sheets stand this far before the planned face; a naive comparison takes them for the wall."""
SCAFFOLD_ROWS_M, TUBE_M = (-0.5, -1.3), 0.048


@dataclass(frozen=True)
class DemoSite:
    """The files of the demo and the day that they show."""

    folder: Path
    model: Path
    schedule: Path
    scan: Path
    stations: Path
    truth: Path
    date: datetime


def make_demo_site(folder: Path) -> DemoSite:
    """Write the demo's files into a folder; the same every time."""
    folder.mkdir(parents=True, exist_ok=True)
    site = DemoSite(
        folder=folder,
        model=folder / "model.ifc",
        schedule=folder / "schedule.csv",
        scan=folder / "scan.laz",
        stations=folder / "stations.csv",
        truth=folder / "truth.json",
        date=DATE,
    )
    tasks = write_building(site.model)
    write_schedule(site.schedule, tasks)
    building = read_building([site.model])
    rng = np.random.default_rng(SEED)
    truths = state_of_works(building, tasks, rng)
    stands = stand(building, truths)
    around = terrain(stands, GROUND_M) + temporary_works() + clutter(stands, GROUND_M, rng, count=24)
    stations = np.array(STATIONS) + np.array([0.0, 0.0, EYE_M])
    write_case(folder, building, truths, stands + around, stations, SimulatedScanner(step_rad=STEP_RAD), rng)
    return site


def write_schedule(path: Path, tasks: Sequence[PlannedTask]) -> None:
    """The programme as project managers exchange it, with the columns of Microsoft Project."""
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["ID", "Name", "Duration", "Start", "Finish", "Predecessors"])
        for task in tasks:
            days = np.busday_count(task.start.date(), task.finish.date()) + 1
            rows.writerow([task.id, task.name, f"{days} days", task.start, task.finish, ",".join(task.follows)])


# --- what stands on the day ------------------------------------------------------------------------------------------


def state_of_works(building: Building, tasks: Sequence[PlannedTask], rng: np.random.Generator) -> tuple[Truth, ...]:
    """One truth an element: what the programme says of the day, but for a few things that went wrong."""
    index = {element.global_id: i for i, element in enumerate(building.elements)}
    truths = [Truth(State.ABSENT, fraction=0.0)] * len(index)
    for task in tasks:
        done = task_share(task, DATE) * len(task.products)
        for position, product in enumerate(task.products):
            truths[index[product]] = _progress(building.elements[index[product]].ifc_class, done - position)
    for ifc_class, count in FORGOTTEN.items():
        for i in _among_built(building, truths, ifc_class, count, rng):
            truths[i] = Truth(State.ABSENT, fraction=0.0)
    for i in _among_built(building, truths, "IfcWall", HALF_HIGH, rng, name="Partition"):
        truths[i] = Truth(State.PARTIAL, fraction=float(rng.uniform(0.45, 0.7)))
    for ifc_class, count in DISPLACED.items():
        for i in _among_built(building, truths, ifc_class, count, rng):
            truths[i] = displaced(building, i, rng)
    return tuple(truths)


def task_share(task: PlannedTask, date: datetime) -> float:
    """Share of a task's working days that have passed, 0 to 1."""
    days = np.busday_count(task.start.date(), task.finish.date()) + 1
    passed = np.busday_count(task.start.date(), date.date()) + 1
    return float(np.clip(passed / days, 0.0, 1.0))


def _progress(ifc_class: str, done: float) -> Truth:
    """`done` is 1 or more for what is finished, 0 or less for what is not begun."""
    if done > 0.999:
        return Truth(State.BUILT)
    if done > 0.001 and ifc_class in PART_AXIS:
        return Truth(State.PARTIAL, fraction=float(np.clip(done, 0.35, 0.8)), axis=PART_AXIS[ifc_class])
    return Truth(State.ABSENT, fraction=0.0)


def _among_built(
    building: Building,
    truths: Sequence[Truth],
    ifc_class: str,
    count: int,
    rng: np.random.Generator,
    name: str = "",
) -> list[int]:
    built = [
        i
        for i, (element, truth) in enumerate(zip(building.elements, truths, strict=True))
        if element.ifc_class == ifc_class and truth.state is State.BUILT and element.name.startswith(name)
    ]
    return [int(i) for i in rng.choice(built, count, replace=False)]


# --- what stands about and is in no model ----------------------------------------------------------------------------


def temporary_works() -> Site:
    """Formwork before planned walls, a scaffold along the south side, a skip and a mobile platform."""
    formwork = [panel for span in FORMWORK_SPANS_M for panel in _formwork(*span)]
    return unmodelled(*formwork, *_scaffold(), *_skip((27.5, 4.0)), *_platform((14.8, 5.9)))


def _box(low: Vector, high: Vector) -> FloatArray:
    middle, size = ((low[0] + high[0]) / 2, (low[1] + high[1]) / 2), (high[0] - low[0], high[1] - low[1])
    return prism(rectangle(np.array(middle), size), low[2], high[2])


def _formwork(start_m: float, end_m: float) -> list[FloatArray]:
    """Sheets on both sides of a wall that is not yet cast on the south edge of the first floor."""
    low, high = STOREY_HEIGHT_M, STOREY_HEIGHT_M + PANEL_M[1]
    faces = (-FORMWORK_GAP_M - SHEET_M, EXTERIOR_M + FORMWORK_GAP_M)
    return [
        _box((x, y, low), (x + PANEL_M[0] - 0.005, y + SHEET_M, high))
        for x in np.arange(start_m, end_m - 0.01, PANEL_M[0])
        for y in faces
    ]


def _scaffold() -> list[FloatArray]:
    """Two rows of standards with ledgers, and decks at every lift, before the south side."""
    parts, bays, lifts = [], np.arange(1.0, 23.0, 2.5), GROUND_M + 2.0 * np.arange(1, 4)
    for y in SCAFFOLD_ROWS_M:
        parts += [prism(disc(np.array([x, y]), TUBE_M / 2, 8), GROUND_M, lifts[-1] + 1.0) for x in bays]
        parts += [_box((bays[0], y - TUBE_M / 2, z), (bays[-1], y + TUBE_M / 2, z + TUBE_M)) for z in lifts]
    near, far = SCAFFOLD_ROWS_M
    parts += [_box((bays[0], far, z + TUBE_M), (bays[-1], near, z + TUBE_M + 0.04)) for z in lifts[:-1]]
    return parts


def _skip(at: tuple[float, float], size: Vector = (3.4, 1.8, 1.5)) -> list[FloatArray]:
    """An open container: a floor and four sides."""
    (x, y), (length, width, height), z = at, size, GROUND_M
    floor = _box((x, y, z), (x + length, y + width, z + 0.1))
    ends = [_box((u, y, z), (u + 0.05, y + width, z + height)) for u in (x, x + length - 0.05)]
    return [floor, *ends, *(_box((x, v, z), (x + length, v + 0.05, z + height)) for v in (y, y + width - 0.05))]


def _platform(at: tuple[float, float], size: Vector = (1.8, 0.8, 1.2)) -> list[FloatArray]:
    """A mobile platform: four legs, a deck, a guard rail on each long side."""
    (x, y), (length, width, height) = at, size
    legs = [prism(disc(np.array([u, v]), 0.025, 8), 0.0, height + 1.0) for u in (x, x + length) for v in (y, y + width)]
    rails = [_box((x, v - 0.02, height + 0.96), (x + length, v + 0.02, height + 1.0)) for v in (y, y + width)]
    return [*legs, *rails, _box((x, y, height - 0.05), (x + length, y + width, height))]
