"""First hits of rays on triangles, by Intel Embree."""

import numpy as np
from embreex import rtcore_scene
from embreex.mesh_construction import TriangleMesh

from bim.frames import FloatArray, IntArray


class RayCaster:
    """Embree works in float32, which errs by 3e-5 of the coordinate: pass corners (T, 3, 3) relative to the site's
    centre. Distances are computed again in float64 from the triangle's plane."""

    def __init__(self, corners: FloatArray) -> None:
        self._scene = rtcore_scene.EmbreeScene()
        TriangleMesh(self._scene, np.ascontiguousarray(corners, dtype=np.float32))
        self._anchor = corners[:, 0]
        self._normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])

    def first_hit(self, origin: FloatArray, direction: FloatArray) -> tuple[FloatArray, IntArray]:
        """Distance (N,) in lengths of `direction` and triangle (N,), -1 with an infinite distance where none is hit."""
        triangle = self._scene.run(origin.astype(np.float32), direction.astype(np.float32)).astype(np.int32)
        hit = np.flatnonzero(triangle >= 0)
        normal = self._normal[triangle[hit]]
        across = np.einsum("ij,ij->i", normal, direction[hit])
        ahead = np.einsum("ij,ij->i", normal, self._anchor[triangle[hit]] - origin[hit])
        distance = np.full(len(origin), np.inf)
        distance[hit] = ahead / np.where(across == 0.0, np.inf, across)
        return distance, triangle
