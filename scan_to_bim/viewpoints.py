"""From where to look next: the fewest places that would show most of what could not be judged.

Candidates stand at eye height over the floors, where there is room for a tripod. Each is worth the unjudged surface
that it would see past everything that stands; the best are taken one by one, each counted for what the earlier ones
leave (greedy cover; Nemhauser, Wolsey and Fisher 1978).
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bim.frames import FloatArray
from bim.mesh import Mesh
from bim.model import Element, Storey
from bim.rays import RayCaster
from scan_to_bim.result import Outcome, Viewpoint
from scan_to_bim.surfaces import Surfaces

EYE_M = 1.6
RANGE_M = 25.0
GRID_M = 2.0
ROOM_M = 0.4
MOST_PLACES, MOST_SAMPLES = 200, 2_000
MOST_VIEWPOINTS = 5
LEAST_GAIN = 0.04
"""A place that shows less than this share of what is unjudged is not worth the walk."""
MIN_COS = 0.2
SHOWN_SHARE = 0.15
"""An element is shown when at least so much of its unjudged surface is."""

BoolArray = npt.NDArray[np.bool_]


def next_viewpoints(
    elements: Sequence[Element],
    storeys: Sequence[Storey],
    mesh: Mesh,
    surfaces: Surfaces,
    outcome: npt.NDArray[np.uint8],
    stands: BoolArray,
    unjudged: BoolArray,
) -> tuple[Viewpoint, ...]:
    """The best places first. `stands` (E,): what blocks the view; `unjudged` (E,): what is looked for."""
    wanted = np.flatnonzero(unjudged[surfaces.element] & (outcome < Outcome.ABSENT) & (surfaces.radius_m > 0.0))
    wanted = wanted[:: max(1, -(-len(wanted) // MOST_SAMPLES))]
    blocking = mesh.corners[stands[mesh.element]] - surfaces.centre_m
    if not len(wanted) or not len(blocking):
        return ()
    caster = RayCaster(blocking)
    places, storey = _places(caster, storeys, blocking, surfaces.centre_m)
    if not len(places):
        return ()
    shows = np.array([_shows(caster, place, surfaces, wanted) for place in places])
    return tuple(
        Viewpoint(
            position_m=_rounded(places[best] + surfaces.centre_m),
            storey=storey[best],
            global_ids=_shown(elements, surfaces, wanted, new),
        )
        for best, new in _greedy(shows)
    )


def _places(
    caster: RayCaster, storeys: Sequence[Storey], blocking: FloatArray, centre: FloatArray
) -> tuple[FloatArray, list[str]]:
    """Places (P, 3) over every floor with room around them, and the storey of each."""
    low, high = blocking.min(axis=(0, 1)), blocking.max(axis=(0, 1))
    levels = [(s.name, s.elevation_m - centre[2]) for s in storeys] or [("", float(low[2]))]
    x, y = (np.arange(low[k] - 2 * GRID_M, high[k] + 2 * GRID_M, GRID_M) for k in (0, 1))
    plan = np.array(np.meshgrid(x, y)).reshape(2, -1).T
    found = [
        (name, np.column_stack([plan, np.full(len(plan), level + EYE_M)]))
        for name, level in levels
        if level + EYE_M < high[2]
    ]
    places = np.concatenate([xyz for _, xyz in found]) if found else np.zeros((0, 3))
    names = [name for name, xyz in found for _ in xyz]
    fits = np.flatnonzero(_has_room(caster, places))
    fits = fits[:: max(1, -(-len(fits) // MOST_PLACES))]
    return places[fits], [names[i] for i in fits]


def _has_room(caster: RayCaster, places: FloatArray) -> BoolArray:
    """(P,) whether a place has a floor under it and nothing too near around it."""
    down, _ = caster.first_hit(places, np.broadcast_to([0.0, 0.0, -1.0], places.shape))
    room = (down > EYE_M - 0.3) & (down < EYE_M + 0.5)
    for angle in np.arange(8) * np.pi / 4:
        ahead, _ = caster.first_hit(places, np.broadcast_to([np.cos(angle), np.sin(angle), 0.0], places.shape))
        room &= ahead > ROOM_M
    return room


def _shows(caster: RayCaster, place: FloatArray, surfaces: Surfaces, wanted: npt.NDArray[np.intp]) -> BoolArray:
    """(W,) which of the wanted samples a place would show."""
    ray = surfaces.xyz[wanted] - place
    distance = np.linalg.norm(ray, axis=1)
    direction = ray / distance[:, None]
    facing = -np.einsum("ni,ni->n", direction, surfaces.normal[wanted].astype(np.float64))
    facing = np.where(surfaces.one_sided[wanted], facing, np.abs(facing))
    hit, _ = caster.first_hit(np.broadcast_to(place, ray.shape), direction)
    shows: BoolArray = (facing > MIN_COS) & (distance < RANGE_M) & (hit > distance - 0.03)
    return shows


def _greedy(shows: BoolArray) -> list[tuple[int, BoolArray]]:
    """The places taken, and what each adds."""
    left = np.ones(shows.shape[1], dtype=bool)
    taken = []
    for _ in range(MOST_VIEWPOINTS):
        gain = (shows & left).sum(axis=1)
        best = int(gain.argmax())
        if gain[best] < LEAST_GAIN * shows.shape[1]:
            break
        taken.append((best, shows[best] & left))
        left &= ~shows[best]
    return taken


def _shown(
    elements: Sequence[Element], surfaces: Surfaces, wanted: npt.NDArray[np.intp], new: BoolArray
) -> tuple[str, ...]:
    of = surfaces.element[wanted]
    share = np.bincount(of, new, len(elements)) / np.maximum(np.bincount(of, minlength=len(elements)), 1)
    return tuple(elements[i].global_id for i in np.argsort(-share, kind="stable") if share[i] >= SHOWN_SHARE)


def _rounded(xyz: FloatArray) -> tuple[float, float, float]:
    x, y, z = (round(float(v), 2) for v in xyz)
    return x, y, z
