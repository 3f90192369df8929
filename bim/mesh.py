"""The surface of a building as triangles that know their element."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bim.frames import FloatArray, IntArray


@dataclass(frozen=True)
class Mesh:
    """Triangles of every element, in the site frame, in metres.

    vertices: (V, 3) float64. triangles: (T, 3) int32 into vertices, counter-clockwise seen from outside where the
    source says so. element: (T,) int32, the element's index in `Building.elements`, ascending.
    """

    vertices: FloatArray
    triangles: IntArray
    element: IntArray

    @cached_property
    def corners(self) -> FloatArray:
        """(T, 3, 3): three corners a triangle."""
        return self.vertices[self.triangles]

    @cached_property
    def normals(self) -> FloatArray:
        """(T, 3) unit normals; zero for a degenerate triangle."""
        a, b, c = self.corners.transpose(1, 0, 2)
        cross = np.cross(b - a, c - a)
        length = np.linalg.norm(cross, axis=1, keepdims=True)
        normals: FloatArray = cross / np.where(length > 0, length, 1.0)
        return normals

    @cached_property
    def areas(self) -> FloatArray:
        """(T,) square metres."""
        a, b, c = self.corners.transpose(1, 0, 2)
        areas: FloatArray = 0.5 * np.linalg.norm(np.cross(b - a, c - a), axis=1)
        return areas

    def of(self, element: int) -> slice:
        """The rows of `triangles` that belong to one element."""
        first, last = np.searchsorted(self.element, [element, element + 1])
        return slice(int(first), int(last))
