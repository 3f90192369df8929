"""What is known to stand, element by element: the model beside the last verdicts. Values and shapes only."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import shapely

from bim.frames import FloatArray
from bim.model import Building, Element
from bim.rays import RayCaster
from bim.verdict import State, Vector

BoolArray = npt.NDArray[np.bool_]

FLOORS = ("IfcSlab",)
SOFFITS = ("IfcSlab", "IfcRoof", "IfcBeam")
ON_FLOOR_M = 0.15
"""A floor's top and a wall's base that are nearer than this belong together."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The last verdict of an element. shift_m: as-built minus as-designed, None where not measured."""

    state: State
    shift_m: Vector | None = None


@dataclass(frozen=True)
class SiteState:
    """A building and what was seen of it; elements that no verdict names are unseen."""

    building: Building
    seen: Mapping[str, Seen]

    def state_of(self, element: Element) -> State:
        """The last state of an element."""
        known = self.seen.get(element.global_id)
        return known.state if known else State.UNSEEN

    @cached_property
    def states(self) -> tuple[State, ...]:
        """State of each element in the order of the model."""
        return tuple(map(self.state_of, self.building.elements))

    def masked(self, *wanted: State) -> BoolArray:
        """(E,) which elements are in one of these states."""
        return np.array([state in wanted for state in self.states], bool)

    @cached_property
    def names(self) -> Mapping[str, str]:
        """What people call each element, by its GlobalId."""
        return {element.global_id: element.name or element.global_id for element in self.building.elements}

    @cached_property
    def stands(self) -> BoolArray:
        """(E,) what is there, whole or in part, in its place or not."""
        return self.masked(State.BUILT, State.DISPLACED, State.PARTIAL)

    def of_class(self, *classes: str) -> BoolArray:
        """(E,) which elements are of one of these IFC classes."""
        return np.array([element.ifc_class in classes for element in self.building.elements], bool)

    def corners(self, element: int) -> FloatArray:
        """(T, 3, 3) the triangles of one element."""
        return self.building.mesh.corners[self.building.mesh.of(element)]

    def floor_m(self, element: Element) -> float:
        """Height of the floor of an element's storey; of the lowest where it names none."""
        heights = {storey.name: storey.elevation_m for storey in self.building.storeys}
        return heights.get(element.storey, min(heights.values(), default=0.0))


class Looking:
    """Rays through a part of the building, in site coordinates."""

    def __init__(self, site: SiteState, elements: BoolArray) -> None:
        mesh = site.building.mesh
        rows = elements[mesh.element]
        self.centre: FloatArray = mesh.vertices.mean(axis=0)
        self.element = mesh.element[rows]
        self._caster = RayCaster(mesh.corners[rows] - self.centre) if rows.any() else None

    def first_hit(self, origin: FloatArray, direction: FloatArray) -> tuple[FloatArray, npt.NDArray[np.int32]]:
        """Distance (N,) in lengths of `direction` and element (N,), -1 with an infinite distance for none."""
        if self._caster is None:
            return np.full(len(origin), np.inf), np.full(len(origin), -1, np.int32)
        distance, triangle = self._caster.first_hit(origin - self.centre, np.broadcast_to(direction, origin.shape))
        return distance, np.where(triangle >= 0, self.element[triangle], -1).astype(np.int32)


def axis_of(corners: FloatArray) -> FloatArray:
    """Ends (2, 3) of the middle line of a long body: that of its smallest rectangle in plan, at its lowest point."""
    box = shapely.minimum_rotated_rectangle(shapely.MultiPoint(corners.reshape(-1, 3)[:, :2]))
    ring = shapely.get_coordinates(box)[:4]
    low = float(corners[..., 2].min())
    if len(ring) < 4:  # a line or a point has no rectangle
        ring = np.concatenate([ring[:2], ring[1::-1]])[[0, 1, 1, 0]]
    sides = np.linalg.norm(ring[1] - ring[0]), np.linalg.norm(ring[2] - ring[1])
    a, b = (ring[[0, 1, 2, 3]] if sides[0] >= sides[1] else ring[[1, 2, 3, 0]]).reshape(2, 2, 2)
    ends = np.array([(a[0] + b[1]) / 2, (a[1] + b[0]) / 2])
    ordered = ends[np.lexsort((ends[:, 1], ends[:, 0]))]
    return np.column_stack([ordered, [low, low]])


def floor_under(site: SiteState, points: FloatArray) -> npt.NDArray[np.int32]:
    """The slab right under each point (N, 3), -1 for none."""
    looking = Looking(site, site.of_class(*FLOORS))
    above = points + np.array([0.0, 0.0, ON_FLOOR_M])
    distance, element = looking.first_hit(above, np.array([0.0, 0.0, -1.0]))
    return np.where(distance <= 2 * ON_FLOOR_M, element, -1).astype(np.int32)
