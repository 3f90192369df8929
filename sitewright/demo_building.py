"""The demo's building and programme: three storeys on an L, with structure, walls, openings, stairs and services."""

from collections import defaultdict
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import numpy as np

from bim.ifc_authoring import Author, Opening, PlannedTask, Point2, Point3

NAME = "Riverside Office"
STOREYS = ("00 Ground floor", "01 First floor", "02 Second floor")
STOREY_HEIGHT_M, SLAB_M = 3.2, 0.25
CLEAR_M = STOREY_HEIGHT_M - SLAB_M
OUTLINE: tuple[Point2, ...] = ((0, 0), (24, 0), (24, 9), (16, 9), (16, 14), (0, 14))

ROWS = {0.4: (0.4, 6.2, 12.0, 18.0, 23.6), 4.7: (0.4, 6.2, 12.0, 18.0, 23.6),
        8.6: (0.4, 6.2, 12.0, 15.6, 18.0, 23.6), 13.6: (0.4, 6.2, 12.0, 15.6)}  # fmt: skip
"""Columns: y of a row, x of its columns."""
COLUMN_M, BEAM_M = 0.3, (0.25, 0.4)
PARTITION_M, PARTITION_HEIGHT_M = 0.12, CLEAR_M - BEAM_M[1]
EXTERIOR_M = 0.25
WINDOWS_M = {"W1": (1.6, 1.5, 0.9), "W2": (1.0, 2.1, 0.3)}
"""Width, height and sill."""

SOUTH_ROOMS = ((0.25, 5.0, 9.5, 14.0, 19.5, 23.75), (0.25, 4.2, 8.6, 15.0, 20.4, 23.75), (0.25, 7.4, 13.2, 19.2, 23.75))
"""Faces and partitions, along x, of the rooms south of the corridor, a row a storey."""
NORTH_ROOMS = ((0.25, 4.6, 9.2), (0.25, 3.6, 9.2), (0.25, 9.2))
EAST_ROOMS = ((16.0, 19.2, 23.75), (16.0, 20.4, 23.75), (16.0, 23.75))
CORRIDOR_M = (5.1, 6.8)

SHAFT_M = ((9.5, 9.6), (11.7, 12.0))
STAIR_M = ((12.3, 10.0), (14.9, 13.4))
STEPS, GOING_M = 9, 0.27
"""Two flights of nine risers to a storey."""

START = np.datetime64("2026-03-02")
STOREY_DAYS, GROUNDWORK_DAYS = 18, 12
PROGRAMME = (
    ("Columns and lift shaft", 0, 6), ("Beams", 6, 5), ("Slab above", 11, 6), ("Stairs", 17, 4),
    ("Exterior walls", 18, 10), ("Railings", 21, 2), ("Interior walls", 24, 10), ("Windows", 28, 6),
    ("Ducts", 28, 10), ("Pipes", 30, 10), ("Doors", 38, 6),
)  # fmt: skip
"""Trade, first working day after the storey's start, working days."""
FOLLOWS = {
    "Beams": "Columns and lift shaft", "Slab above": "Beams", "Stairs": "Slab above", "Exterior walls": "Slab above",
    "Railings": "Stairs", "Interior walls": "Slab above", "Windows": "Exterior walls", "Ducts": "Slab above",
    "Pipes": "Slab above", "Doors": "Interior walls",
}  # fmt: skip

Trades = dict[str, list[str]]


def write_building(path: Path) -> tuple[PlannedTask, ...]:
    """Write the model with its schedule, the same bytes every time; the tasks in order of their start."""
    model = Author(NAME)
    model.map_conversion("EPSG:25832", 565_310.0, 5_934_120.0, 7.5, 0.21)
    levels = [model.storey(name, k * STOREY_HEIGHT_M) for k, name in enumerate((*STOREYS, "03 Roof"))]
    groundwork = _groundwork(model, levels[0])
    storeys = [_storey(model, levels, k) for k in range(len(STOREYS))]
    parapet = _parapet(model, levels[-1])
    tasks = _tasks(groundwork, storeys, parapet)
    model.schedule("Construction programme", tasks)
    model.write(path)
    return tasks


def _groundwork(model: Author, level: str) -> Trades:
    pads = [
        model.footing(level, f"Pad footing 1200x1200:{letter}{number}", (x, y), (1.2, 1.2), 0.5, -0.3)
        for letter, (y, row) in zip("ABCD", ROWS.items(), strict=True)
        for number, x in enumerate(row, 1)
        if number % 2
    ]
    return {"Foundations": pads, "Ground slab": [model.slab(level, "Ground slab 300", OUTLINE, 0.3, kind="BASESLAB")]}


def _storey(model: Author, levels: list[str], k: int) -> Trades:
    level, trades = levels[k], defaultdict(list)
    trades["Columns and lift shaft"] = _columns(model, level) + _shaft(model, level)
    trades["Beams"] = _beams(model, level)
    trades["Slab above"] = [_slab_above(model, levels[k + 1], k)]
    trades["Stairs"] = _stairs(model, level) if k < len(STOREYS) - 1 else []
    trades["Railings"] = _railings(model, level, k)
    trades["Exterior walls"], trades["Windows"], trades["Doors"] = _exterior(model, level, k)
    trades["Interior walls"], doors = _interior(model, level, k)
    trades["Doors"] += doors
    trades["Ducts"], trades["Pipes"] = _ducts(model, level, k), _pipes(model, level, k)
    return dict(trades)


def _columns(model: Author, level: str) -> list[str]:
    return [
        model.column(level, f"Concrete column 300x300:{letter}{number}", (x, y), (COLUMN_M, COLUMN_M), CLEAR_M)
        for letter, (y, row) in zip("ABCD", ROWS.items(), strict=True)
        for number, x in enumerate(row, 1)
    ]


def _shaft(model: Author, level: str) -> list[str]:
    (x0, y0), (x1, y1) = SHAFT_M
    door = Opening("none", "Lift door", at_m=0.55, width_m=1.1, height_m=2.1)
    sides = (
        ("south", (x0, y0 + 0.1), (x1, y0 + 0.1), (door,)),
        ("north", (x1, y1 - 0.1), (x0, y1 - 0.1), ()),
        ("east", (x1 - 0.1, y0 + 0.2), (x1 - 0.1, y1 - 0.2), ()),
        ("west", (x0 + 0.1, y1 - 0.2), (x0 + 0.1, y0 + 0.2), ()),
    )
    return [
        model.wall(level, f"Lift shaft wall 200:{side}", start, end, CLEAR_M, 0.2, openings=openings).wall
        for side, start, end, openings in sides
    ]


def _beams(model: Author, level: str) -> list[str]:
    """From column face to column face, along the rows and across them."""
    z, half = CLEAR_M - BEAM_M[1] / 2, COLUMN_M / 2
    along = [((a + half, y, z), (b - half, y, z)) for y, row in ROWS.items() for a, b in pairwise(row)]
    across = [
        ((x, a + half, z), (x, b - half, z))
        for (a, row), (b, next_row) in pairwise(ROWS.items())
        for x in row
        if x in next_row
    ]
    return [
        model.beam(level, f"Concrete beam 250x400:{n:02d}", *ends, BEAM_M) for n, ends in enumerate(along + across, 1)
    ]


def _slab_above(model: Author, level: str, k: int) -> str:
    if k == len(STOREYS) - 1:
        return model.roof(level, "Flat roof", OUTLINE, SLAB_M)
    (x0, y0), (x1, y1) = SHAFT_M
    holes = [_rectangle((x0 + 0.2, y0 + 0.2), (x1 - 0.2, y1 - 0.2)), _rectangle(*STAIR_M)]
    return model.slab(level, f"Floor slab 250:{k + 1:02d}", OUTLINE, SLAB_M, openings=holes)


def _rectangle(low: Point2, high: Point2) -> tuple[Point2, ...]:
    return ((low[0], low[1]), (high[0], low[1]), (high[0], high[1]), (low[0], high[1]))


def _stairs(model: Author, level: str) -> list[str]:
    (x0, y0), (x1, y1) = STAIR_M
    half_way, rise = STOREY_HEIGHT_M / 2, STOREY_HEIGHT_M / (2 * STEPS)
    turn = y0 + (STEPS - 1) * GOING_M
    up = model.stair(level, "Stair lower", (x0 + 0.6, y0, 0.0), (0, 1), 1.2, STEPS, (GOING_M, rise))
    landing = model.slab(level, "Stair landing", _rectangle((x0, turn), (x1, y1)), 0.18, top_m=half_way, kind="LANDING")
    on = model.stair(level, "Stair upper", (x1 - 0.6, turn, half_way), (0, -1), 1.2, STEPS, (GOING_M, rise))
    return [up, landing, on]


def _railings(model: Author, level: str, k: int) -> list[str]:
    (x0, y0), (x1, y1) = STAIR_M
    turn, middle = y0 + (STEPS - 1) * GOING_M, (x0 + x1) / 2
    flight: tuple[Point3, ...] = ((middle, y0, 0.0), (middle, turn, STOREY_HEIGHT_M / 2))
    west: tuple[Point3, ...] = ((x0 - 0.05, y1, 0.0), (x0 - 0.05, y0 - 0.05, 0.0), (middle - 0.1, y0 - 0.05, 0.0))
    east: tuple[Point3, ...] = ((x1 + 0.05, y0 - 0.05, 0.0), (x1 + 0.05, y1, 0.0))
    flights = [("Railing stair", flight)] if k < len(STOREYS) - 1 else []
    guards = [("Railing guard west", west), ("Railing guard east", east)] if k > 0 else []
    return [model.railing(level, name, path) for name, path in flights + guards]


def _exterior(model: Author, level: str, k: int) -> tuple[list[str], list[str], list[str]]:
    """Walls, windows and doors of the outside."""
    t = EXTERIOR_M / 2
    rooms = [_window("W1", (a + b) / 2 - 0.8) for a, b in pairwise(SOUTH_ROOMS[k])]
    east = Opening("door", "Entrance door 1400x2300", 5.0, 1.4, 2.3) if k == 0 else _window("W2", 5.2)
    sides = (
        ("south", (0.0, t), (24.0, t), rooms),
        ("east", (24 - t, 2 * t), (24 - t, 9 - 2 * t), [east]),
        ("north-east", (24.0, 9 - t), (16 - 2 * t, 9 - t), [_window("W1", x) for x in (1.6, 5.2)[: 2 if k < 2 else 1]]),
        ("return", (16 - t, 9.0), (16 - t, 14 - 2 * t), [_window("W2", 2.0)]),
        (
            "north",
            (16.0, 14 - t),
            (0.0, 14 - t),
            [_window("W2", 2.0), *(_window("W1", x) for x in (8.4, 12.9 - 0.4 * k))],
        ),
        ("west", (t, 14 - 2 * t), (t, 2 * t), [_window("W1", 2.4), _window("W2", 7.4), _window("W1", 10.3)]),
    )
    walls: list[str] = []
    windows: list[str] = []
    doors: list[str] = []
    for side, start, end, openings in sides:
        made = model.wall(level, f"Exterior wall 250:{side}", start, end, CLEAR_M, EXTERIOR_M, openings=openings)
        walls.append(made.wall)
        for opening, filling in zip(openings, made.fillings, strict=True):
            (windows if opening.filling == "window" else doors).append(filling)
    return walls, windows, doors


def _window(kind: str, at_m: float) -> Opening:
    width_m, height_m, sill_m = WINDOWS_M[kind]
    return Opening(
        "window", f"Window {kind} {1000 * width_m:.0f}x{1000 * height_m:.0f}", at_m, width_m, height_m, sill_m
    )


def _door(at_m: float) -> Opening:
    return Opening("door", "Door 1010x2135", at_m, 1.01, 2.135)


def _interior(model: Author, level: str, k: int) -> tuple[list[str], list[str]]:
    """Partitions and their doors: both sides of the corridor, then between the rooms."""
    south, north = CORRIDOR_M
    half = PARTITION_M / 2
    corridor = [
        ("corridor south", SOUTH_ROOMS[k], south),
        ("corridor north", NORTH_ROOMS[k], north),
        ("corridor east", EAST_ROOMS[k], north),
    ]
    made = [
        _partition(
            model, level, f"{side}", (rooms[0], y), (rooms[-1], y), [_door(x - rooms[0] + 0.7) for x in rooms[:-1]]
        )
        for side, rooms, y in corridor
    ]
    ends = ((SOUTH_ROOMS[k], EXTERIOR_M, south - half), (NORTH_ROOMS[k], north + half, 14 - EXTERIOR_M),
            (EAST_ROOMS[k], north + half, 9 - EXTERIOR_M))  # fmt: skip
    between = [(x, low, high) for rooms, low, high in ends for x in rooms[1:-1]]
    made += [
        _partition(model, level, f"between {n}", (x, low), (x, high), []) for n, (x, low, high) in enumerate(between, 1)
    ]
    return [part[0] for part in made], [door for part in made for door in part[1]]


def _partition(
    model: Author, level: str, name: str, start: Point2, end: Point2, doors: list[Opening]
) -> tuple[str, tuple[str, ...]]:
    made = model.wall(level, f"Partition 120:{name}", start, end, PARTITION_HEIGHT_M, PARTITION_M, openings=doors)
    return made.wall, made.fillings


def _ducts(model: Author, level: str, k: int) -> list[str]:
    stops = np.linspace(1.0, 23.0, 9)
    trunk = [
        model.duct(level, f"Supply air duct 400x250:{n}", (float(a), 6.3, 2.28), (float(b), 6.3, 2.28), (0.4, 0.25))
        for n, (a, b) in enumerate(pairwise(stops), 1)
    ]
    branch = model.duct(level, "Supply air duct 300x200:branch", (13.6, 6.5, 2.28), (13.6, 9.4, 2.28), (0.3, 0.2))
    model.system(f"Supply air {STOREYS[k][:2]}", [*trunk, branch])
    return [*trunk, branch]


def _pipes(model: Author, level: str, k: int) -> list[str]:
    stops = np.linspace(0.5, 23.5, 5)
    heating = [
        model.pipe(level, f"Heating {what} DN50:{n}", (float(a), y, 2.35), (float(b), y, 2.35), 0.06)
        for what, y in (("supply", 5.3), ("return", 5.45))
        for n, (a, b) in enumerate(pairwise(stops), 1)
    ]
    sprinkler = [
        model.pipe(level, f"Sprinkler DN32:{n}", (a + 0.1, 2.6, 2.45), (b - 0.1, 2.6, 2.45), 0.042)
        for n, (a, b) in enumerate(pairwise(SOUTH_ROOMS[k]), 1)
    ]
    waste = [model.pipe(level, f"Waste water DN100:{x}", (x, 13.5, 0.0), (x, 13.5, CLEAR_M), 0.11) for x in (0.6, 9.0)]
    for name, products in (("Heating", heating), ("Sprinkler", sprinkler), ("Waste water", waste)):
        model.system(f"{name} {STOREYS[k][:2]}", products)
    return heating + sprinkler + waste


def _parapet(model: Author, level: str) -> list[str]:
    corners = (*OUTLINE, OUTLINE[0])
    return [
        model.wall(level, f"Parapet 150:{n}", *_inset(start, end, 0.075), 0.6, 0.15).wall
        for n, (start, end) in enumerate(pairwise(corners), 1)
    ]


def _inset(start: Point2, end: Point2, by_m: float) -> tuple[Point2, Point2]:
    """An edge of the outline moved to its left, which is inside, and shortened so that neighbours butt."""
    a, b = np.array(start), np.array(end)
    along = (b - a) / np.linalg.norm(b - a)
    left = np.array([-along[1], along[0]])
    a, b = a + by_m * left + by_m * along, b + by_m * left - by_m * along
    return (float(a[0]), float(a[1])), (float(b[0]), float(b[1]))


# --- the programme ---------------------------------------------------------------------------------------------------


def _tasks(groundwork: Trades, storeys: list[Trades], parapet: list[str]) -> tuple[PlannedTask, ...]:
    tasks = [
        _task("F1", "Foundations", 0, 8, (), groundwork["Foundations"]),
        _task("F2", "Ground slab", 8, 4, ("F1",), groundwork["Ground slab"]),
    ]
    ids = {trade: f"{number}" for number, (trade, _, _) in enumerate(PROGRAMME, 1)}
    for k, trades in enumerate(storeys):
        first = GROUNDWORK_DAYS + k * STOREY_DAYS
        for trade, after, days in PROGRAMME:
            if trades[trade]:
                before = FOLLOWS.get(trade)
                below = "F2" if k == 0 else f"{k}.{ids['Slab above']}"
                follows = (f"{k + 1}.{ids[before]}",) if before and trades[before] else (below,)
                name = f"{STOREYS[k]}: {trade.lower()}"
                tasks.append(_task(f"{k + 1}.{ids[trade]}", name, first + after, days, follows, trades[trade]))
    last = GROUNDWORK_DAYS + len(storeys) * STOREY_DAYS
    tasks.append(_task("R1", "Roof: parapet", last + 2, 4, (f"{len(storeys)}.{ids['Slab above']}",), parapet))
    return tuple(sorted(tasks, key=lambda task: (task.start, task.id)))


def _task(id_: str, name: str, first: int, days: int, follows: tuple[str, ...], products: list[str]) -> PlannedTask:
    return PlannedTask(id_, name, _day(first, 7), _day(first + days - 1, 16), follows, tuple(products))


def _day(working_day: int, hour: int) -> datetime:
    return datetime.fromisoformat(f"{np.busday_offset(START, working_day)}T{hour:02d}:00:00")
