"""The spaces of an IFC model as prisms in plan: rooms, shafts, and whatever else a model keeps apart."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely

from bim.arrays import Payload
from bim.errors import BadModel
from bim.ifc_facesets import Surface
from bim.ifc_geometry import CannotTessellate, Tessellator
from bim.ifc_reader import length_unit_m, open_model, parents_of, storey_of, storeys_of
from bim.isolation import Limits, isolated

GRID_M = 0.001


@dataclass(frozen=True, slots=True)
class Space:
    """A space: its outline in site x and y (holes left out), and its lowest and highest point, in metres."""

    global_id: str
    name: str
    storey: str
    outline_m: tuple[tuple[float, float], ...]
    low_m: float
    high_m: float


def read_spaces(path: Path, limits: Limits) -> tuple[Space, ...]:
    """The spaces of a model that have a shape, by storey and name. Raises BadModel."""
    payload = isolated(_read, str(path), limits=limits, failure=BadModel, what=f"model {path.name}")
    spaces = (
        Space(global_id, name, storey, tuple((x, y) for x, y in outline), low_m, high_m)
        for global_id, name, storey, outline, low_m, high_m in payload["spaces"]
    )
    return tuple(sorted(spaces, key=lambda space: (space.storey, space.name, space.global_id)))


def _read(path: str) -> Payload:
    """In the child."""
    model, text = open_model(Path(path))
    unit_m = length_unit_m(model)
    tessellator = Tessellator(model, text, unit_m)
    storeys, homes = storeys_of(model, tessellator, unit_m), parents_of(model)
    found = []
    for space in model.by_type("IfcSpace"):
        try:
            surface = tessellator.surface(space, ())
        except CannotTessellate:
            continue
        name = " ".join(part for part in (space.Name, space.LongName) if part)
        if outline := _outline(surface):
            z = surface.vertices[:, 2]
            storey = storey_of(space.id(), homes, storeys)
            found.append([space.GlobalId, name, storey, outline, float(z.min()), float(z.max())])
    return {"spaces": found}


def _outline(surface: Surface) -> list[list[float]]:
    """The corners of what the surface covers in plan, of its largest part; empty where that has no area."""
    corners = surface.vertices[surface.triangles][:, :, :2]
    u, v = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    covering = corners[np.abs(u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]) > GRID_M**2]
    whole = shapely.union_all(shapely.polygons(covering), grid_size=GRID_M)
    parts = [part for part in shapely.get_parts(whole) if part.geom_type == "Polygon" and not part.is_empty]
    if not parts:
        return []
    largest = max(parts, key=lambda part: part.area)
    outline: list[list[float]] = shapely.get_coordinates(largest.exterior.simplify(GRID_M))[:-1].tolist()
    return outline
