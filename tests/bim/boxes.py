"""Buildings made of boxes, without a file."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bim.mesh import Mesh
from bim.model import Building, Element, Source, Storey

Point = tuple[float, float, float]
FACES = np.array(
    [[0, 2, 1], [0, 3, 2], [4, 5, 6], [4, 6, 7], [0, 1, 5], [0, 5, 4], [1, 2, 6], [1, 6, 5], [2, 3, 7], [2, 7, 6],
     [3, 0, 4], [3, 4, 7]]
)  # fmt: skip
CORNERS = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 1], [1, 0, 1], [1, 1, 1], [0, 1, 1]], float)


@dataclass(frozen=True)
class Box:
    """An element: a box from `low_m` with sides `size_m`, turned about its low corner's vertical."""

    global_id: str
    low_m: Point = (0.0, 0.0, 0.0)
    size_m: Point = (4.0, 0.2, 3.0)
    name: str = "wall"
    ifc_class: str = "IfcWall"
    storey: str = "Ground"
    turn_rad: float = 0.0

    @property
    def corners(self) -> np.ndarray:
        turned = CORNERS * self.size_m
        c, s = np.cos(self.turn_rad), np.sin(self.turn_rad)
        return turned @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]]) + self.low_m


def building(
    boxes: Sequence[Box], storeys: Sequence[tuple[str, float]] = (("Ground", 0.0), ("Upper", 3.2))
) -> Building:
    """The boxes as one model."""
    elements = []
    for box in boxes:
        x, y, z = box.size_m
        elements.append(
            Element(box.global_id, box.ifc_class, box.name, box.storey, None, 0, 2 * (x * y + y * z + z * x), x * y * z)
        )
    mesh = Mesh(
        np.concatenate([np.zeros((0, 3)), *(box.corners for box in boxes)]),
        np.concatenate([np.zeros((0, 3)), *(FACES + 8 * i for i in range(len(boxes)))]).astype(np.int32),
        np.repeat(np.arange(len(boxes), dtype=np.int32), len(FACES)),
    )
    levels = tuple(Storey(f"storey {name}", name, elevation) for name, elevation in storeys)
    return Building(tuple(elements), levels, mesh, (Source("boxes.ifc", "0" * 64, "IFC4", len(boxes)),))
