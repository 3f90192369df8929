"""The building in three dimensions, coloured and hatched by state."""

from dataclasses import dataclass

import numpy as np

from bim.frames import FloatArray
from bim.model import Building
from bim.verdict import State
from scan_to_bim.report.render import CROSSED, DIAGONAL, DOTTED, PLAIN, Mask, Paint, Pixels, draw, parallel_camera, png
from scan_to_bim.report.words import LOOKS, Phrase, rgb
from scan_to_bim.result import Report

WIDTH, HEIGHT = 1200, 820
PATTERNS = {
    State.BUILT: PLAIN,
    State.PARTIAL: DIAGONAL,
    State.DISPLACED: CROSSED,
    State.ABSENT: PLAIN,
    State.UNSEEN: DOTTED,
}
ALPHA = {State.BUILT: 1.0, State.PARTIAL: 1.0, State.DISPLACED: 1.0, State.ABSENT: 0.1, State.UNSEEN: 0.22}
GLASS_ALPHA = 0.03
GHOSTS = (State.ABSENT, State.UNSEEN)
"""What does not stand, or may not, must not hide what does."""


@dataclass(frozen=True)
class Label:
    """Words at a pixel of a picture."""

    text: str
    x: float
    y: float


@dataclass(frozen=True)
class View:
    """A picture with its title and labels, in pixels."""

    title: Phrase
    png: bytes
    width: int
    height: int
    labels: tuple[Label, ...] = ()


def views(report: Report) -> list[View]:
    """From two opposite corners as it stands, as glass around what is wrong, and with the storeys lifted apart."""
    building = report.building
    if not len(building.mesh.triangles):
        return []
    states = [verdict.state for verdict in report.verdicts]
    solid, glass = paint(building, states), paint(building, states, glass=(State.BUILT, *GHOSTS))
    plain = building.mesh.corners
    pictures = [
        _view(Phrase("From −X −Y", "从 −X −Y 方向看"), plain, solid, np.array([0.75, 1.0, -0.62]), {}),
        _view(Phrase("From +X +Y", "从 +X +Y 方向看"), plain, solid, np.array([-0.75, -1.0, -0.62]), {}),
        _view(
            Phrase("What is displaced or partial, through glass", "透视：偏位与部分完成的构件"),
            plain, glass, np.array([0.75, 1.0, -0.62]), {},
        ),
    ]  # fmt: skip
    lift, labels = _lifted(building)
    if len(labels) > 1:
        apart = plain + lift[building.mesh.element, None, :]
        title = Phrase("Storeys lifted apart", "楼层分解图")
        pictures.append(_view(title, apart, solid, np.array([0.75, 1.0, -0.8]), labels))
    return pictures


def paint(building: Building, states: list[State], glass: tuple[State, ...] = ()) -> tuple[Paint, Mask]:
    """How each triangle is drawn by its element's state, and which are ghosts; `glass` states are hardly drawn."""
    order = {state: i for i, state in enumerate(State)}
    state = np.array([order[state] for state in states])[building.mesh.element]
    fill, ink = _bytes([LOOKS[s].fill for s in State]), _bytes([LOOKS[s].ink for s in State])
    alpha = np.array([GLASS_ALPHA if s in glass else ALPHA[s] for s in State], dtype=np.float32)
    pattern = np.array([PLAIN if s in glass else PATTERNS[s] for s in State], dtype=np.uint8)
    ghost = np.array([s in GHOSTS or s in glass for s in State])
    chosen = Paint(fill[state], ink[state], alpha[state], pattern[state], building.mesh.element)
    return chosen, ghost[state]


def _bytes(colours: list[str]) -> Pixels:
    return np.array([[round(255 * channel) for channel in rgb(colour)] for colour in colours], dtype=np.uint8)


def _view(
    title: Phrase,
    corners: FloatArray,
    painted: tuple[Paint, Mask],
    direction: FloatArray,
    labels: dict[str, FloatArray],
) -> View:
    camera = parallel_camera(corners.reshape(-1, 3), direction, WIDTH, HEIGHT)
    picture = draw(corners, *painted, camera, WIDTH, HEIGHT)
    at = {name: camera.project(point, WIDTH, HEIGHT) for name, point in labels.items()}
    placed = tuple(Label(name, float(p[0]) - 14, float(p[1])) for name, p in at.items())
    return View(title, png(picture), WIDTH, HEIGHT, placed)


def _lifted(building: Building) -> tuple[FloatArray, dict[str, FloatArray]]:
    """How far each element (E, 3) rises so that storeys come apart, and where each storey's name belongs."""
    low, high = building.mesh.vertices.min(axis=0), building.mesh.vertices.max(axis=0)
    gap = 0.2 * float(max(high[:2] - low[:2])) + 1.0
    present = {element.storey for element in building.elements}
    rank: dict[str, int] = {}
    labels: dict[str, FloatArray] = {}
    for storey in building.storeys:
        if storey.name in present and storey.name not in rank:
            rank[storey.name] = len(rank)
            z = storey.elevation_m + gap * rank[storey.name]
            labels[storey.name] = np.array([low[0], high[1], z])
    rise = np.array([gap * rank.get(element.storey, 0) for element in building.elements])
    return rise[:, None] * np.array([0.0, 0.0, 1.0]), labels
