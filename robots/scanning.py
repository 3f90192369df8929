"""From where to scan so that what is unseen is seen, with the fewest set-ups.

Candidates are free cells where a robot can stand. Each is worth the surface of unseen elements that it would show past
what stands; the best are taken one by one, each counted for what the earlier ones leave. That greedy cover needs at
most 1 + ln n times the fewest (Chvatal 1979); a set-up that the later ones make needless is taken out again.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bim.frames import FloatArray, IntArray
from bim.verdict import Reason, State
from robots.navigation import StoreyMap
from robots.proposal import Proposal, proposal, target
from robots.site_state import BoolArray, Looking, SiteState
from robots.task_rules import TaskRules
from robots.tasks import Kind, Target

EYE_M = 1.6
RANGE_M = 20.0
MIN_COS = 0.2
GRID_M = 1.5
SAMPLES = 24
"""Of each unseen element."""
LEVEL_M = 3.0
"""Up or down, what is further than this belongs to another storey."""
SHOWN = 0.15
"""An element is shown when so much of its samples is."""
NEAR_M = 0.03
LEAST_GAIN = 0.02


def scan_missions(site: SiteState, rules: TaskRules, maps: Sequence[StoreyMap]) -> list[Proposal]:
    """A task for each set-up: where to stand, and what it would show."""
    points, normals, element = _samples(site, site.masked(State.UNSEEN))
    places, stand = _places(maps)
    if not len(points) or not places:
        return []
    looking = Looking(site, site.stands)
    shows = np.array([_shows(looking, place, points, normals) for place in stand])
    counts = np.bincount(element, minlength=len(site.building.elements))
    return [
        _mission(site, rules, places[k][0], stand[k], np.flatnonzero(_share(new, element, counts) >= SHOWN))
        for k, new in _cover(shows)
    ]


def view_of(site: SiteState, maps: Sequence[StoreyMap], wanted: int) -> Target | None:
    """Where a robot stands that sees most of one element, None where it sees nothing of it."""
    points, normals, _ = _samples(site, np.arange(len(site.building.elements)) == wanted)
    _, stand = _places(maps)
    looking = Looking(site, site.stands)
    shows = [int(_shows(looking, place, points, normals).sum()) for place in stand]
    if not max(shows, default=0):
        return None
    best = int(np.argmax(shows))
    return target(stand[best] - np.array([0.0, 0.0, EYE_M]), points.mean(axis=0))


def _places(maps: Sequence[StoreyMap]) -> tuple[list[tuple[StoreyMap, tuple[int, int]]], FloatArray]:
    """Where a scanner may stand, and its eyes (P, 3) there."""
    places = [(each, cell) for each in maps for cell in _candidates(each)]
    eyes = np.array([each.centre(cell) for each, cell in places]).reshape(-1, 3) + np.array([0.0, 0.0, EYE_M])
    return places, eyes


def _samples(site: SiteState, wanted: BoolArray) -> tuple[FloatArray, FloatArray, IntArray]:
    """Points (N, 3), normals and element of samples spread over what is wanted; the same every time."""
    mesh, rng = site.building.mesh, np.random.default_rng(0)
    rows = [
        rng.choice(np.arange(span.start, span.stop), SAMPLES, p=area / area.sum())
        for k in np.flatnonzero(wanted)
        if (area := mesh.areas[(span := mesh.of(int(k)))]).sum() > 0.0
    ]
    triangle = np.concatenate([np.zeros(0, int), *rows]).astype(int)
    u, v = np.sqrt(rng.random((len(triangle), 1))), rng.random((len(triangle), 1))
    a, b, c = mesh.corners[triangle].transpose(1, 0, 2)
    return (1 - u) * a + u * (1 - v) * b + u * v * c, mesh.normals[triangle], mesh.element[triangle]


def _candidates(storey: StoreyMap) -> list[tuple[int, int]]:
    """Free cells about GRID_M apart."""
    step = max(1, round(GRID_M / storey.cell_m))
    cells = np.argwhere(storey.free[step // 2 :: step, step // 2 :: step]) * step + step // 2
    return [(int(x), int(y)) for x, y in cells]


def _shows(looking: Looking, place: FloatArray, points: FloatArray, normals: FloatArray) -> BoolArray:
    """(N,) which samples a place would show: near, not grazing, and nothing that stands before them.

    Of other storeys only those behind which something stands: against the sky no echo tells that they are absent.
    """
    ray = points - place
    distance = np.linalg.norm(ray, axis=1)
    facing = np.abs(np.einsum("ni,ni->n", ray, normals)) / np.maximum(distance, 1e-9)
    wanted = np.flatnonzero((distance < RANGE_M) & (facing > MIN_COS))
    hit, _ = looking.first_hit(np.broadcast_to(place, (len(wanted), 3)), ray[wanted])
    shows = np.zeros(len(points), bool)
    free = hit > 1.0 - NEAR_M / np.maximum(distance[wanted], NEAR_M)
    same_level = np.abs(ray[wanted, 2]) < LEVEL_M
    shows[wanted] = free & (same_level | (hit * distance[wanted] < RANGE_M))
    return shows


def _cover(shows: BoolArray) -> list[tuple[int, BoolArray]]:
    """The places taken, and what each shows."""
    left, taken = shows.any(axis=0), list[int]()
    least = LEAST_GAIN * left.sum()
    while left.any():
        gain = (shows & left).sum(axis=1)
        best = int(gain.argmax())
        if gain[best] < least:
            break
        taken.append(best)
        left &= ~shows[best]
    for place in list(taken):
        others = [each for each in taken if each != place]
        if others and not (shows[place] & ~shows[others].any(axis=0)).any():
            taken.remove(place)
    return [(place, shows[place]) for place in taken]


def _share(shown: BoolArray, element: IntArray, counts: npt.NDArray[np.intp]) -> FloatArray:
    share: FloatArray = np.bincount(element, shown, len(counts)) / np.maximum(counts, 1)
    return share


def _mission(
    site: SiteState, rules: TaskRules, storey: StoreyMap, eye: FloatArray, shown: npt.NDArray[np.intp]
) -> Proposal:
    ids = tuple(site.building.elements[k].global_id for k in shown)
    x, y = round(float(eye[0]), 1), round(float(eye[1]), 1)
    return proposal(
        rules,
        Kind.SCAN,
        f"{storey.storey} {x} {y}",
        Reason(f"Scan from {x}, {y} on {storey.storey}", f"扫描：{storey.storey} ({x}, {y})"),
        Reason(
            f"{len(ids)} elements that no scan has seen can be seen from there",
            f"该处可看到 {len(ids)} 个尚未扫描到的构件",
        ),
        [target(eye - [0.0, 0.0, EYE_M])],
        storey=storey.storey,
        element_ids=ids,
        payload={"height_m": EYE_M},
    )
