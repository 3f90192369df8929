"""A storey's surface as binary glTF 2.0: one primitive for what is solid, one for glass, at most.

Positions are whole steps of a grid (KHR_mesh_quantization), 1 mm for a storey of 65 m. There are no normals: flat
surfaces have theirs in the triangles. Vertices know their element by `_FEATURE_ID_0`, so a viewer needs one texel an
element to colour, hide and pick. Sources: Khronos glTF 2.0; KHR_mesh_quantization; EXT_mesh_features.
"""

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from bim.frames import FloatArray
from bim.mesh import Mesh

UNSIGNED_SHORT, UNSIGNED_INT, FLOAT = 5123, 5125, 5126
VERTICES, INDICES = 34962, 34963
JSON_CHUNK, BINARY_CHUNK = 0x4E4F534A, 0x004E4942
STEPS = 65535
COARSEST_STEP_M = 0.004
"""A storey that would need coarser steps keeps its coordinates as numbers of 32 bits."""
MATERIALS = (
    {"name": "solid", "pbrMetallicRoughness": {"baseColorFactor": [0.7, 0.7, 0.7, 1.0], "metallicFactor": 0.0}},
    {
        "name": "glass",
        "alphaMode": "BLEND",
        "pbrMetallicRoughness": {"baseColorFactor": [0.5, 0.7, 0.8, 0.4], "metallicFactor": 0.0},
    },
)


def storey_glb(mesh: Mesh, glazed: Sequence[bool], members: Sequence[int], offset_m: FloatArray) -> bytes:
    """The elements `members` of a building; `_FEATURE_ID_0` is an element's place in `members`.

    A point of the site frame is (x, -z, y) of a glTF point of the scene, Y up, plus `offset_m` (3,).
    """
    feature = np.full(len(glazed), -1)
    feature[list(members)] = np.arange(len(members))
    rows = np.flatnonzero(feature[mesh.element] >= 0)
    corners = (mesh.corners[rows] - offset_m)[:, :, [0, 2, 1]] * [1.0, 1.0, -1.0]
    grid = _grid(corners)
    buffer = _Buffer()
    glass = np.asarray(glazed, dtype=bool)[mesh.element[rows]]
    primitives = [
        primitive | {"material": material}
        for material, chosen in enumerate((~glass, glass))
        if (primitive := _primitive(grid.steps(corners[chosen]), feature[mesh.element[rows[chosen]]], buffer))
    ]
    quantised = {"extensionsUsed": ["KHR_mesh_quantization"], "extensionsRequired": ["KHR_mesh_quantization"]}
    node: dict[str, Any] = {"translation": grid.low.tolist(), "scale": [grid.step_m] * 3}
    document: dict[str, Any] = {
        "asset": {"version": "2.0", "generator": "Sitewright"},
        **(quantised if primitives and grid.kind is np.uint16 else {}),
        "scene": 0,
        "scenes": [{"nodes": [0], "extras": {"offset_site_m": offset_m.tolist()}}],
        "nodes": [node],
    }
    if primitives:
        node["mesh"] = 0
        document |= {"meshes": [{"primitives": primitives}], "materials": list(MATERIALS), **buffer.described()}
    return container(document, bytes(buffer.data))


@dataclass(frozen=True)
class _Grid:
    """low: (3,) of the first step; points are kept as `kind`."""

    low: FloatArray
    step_m: float
    kind: type[np.uint16] | type[np.float32]

    def steps(self, corners: FloatArray) -> npt.NDArray[np.generic]:
        """Corners (T, 3, 3) in metres as steps of the grid."""
        steps = (corners - self.low) / self.step_m
        return np.rint(steps).astype(np.uint16) if self.kind is np.uint16 else steps.astype(np.float32)


def _grid(corners: FloatArray) -> _Grid:
    if not len(corners):
        return _Grid(np.zeros(3), 1.0, np.uint16)
    low: FloatArray = corners.min(axis=(0, 1))
    step_m = max(float((corners.max(axis=(0, 1)) - low).max()) / STEPS, 1e-6)
    return _Grid(low, step_m, np.uint16) if step_m <= COARSEST_STEP_M else _Grid(low, 1.0, np.float32)


def _primitive(corners: npt.NDArray[Any], feature: npt.NDArray[np.int64], buffer: "_Buffer") -> dict[str, Any] | None:
    """Triangles (T, 3, 3) of elements (T,), corners of one element in one place welded, flat triangles left out."""
    flat = (corners == np.roll(corners, 1, axis=1)).all(axis=2).any(axis=1)
    corners, feature = corners[~flat], feature[~flat]
    if not len(corners):
        return None
    vertices = np.zeros(3 * len(corners), dtype=[("feature", np.float32), ("xyz", corners.dtype, 3)])
    vertices["feature"], vertices["xyz"] = np.repeat(feature, 3), corners.reshape(-1, 3)
    unique, first, index = np.unique(vertices, return_index=True, return_inverse=True)
    # In the order of first use: neighbours stay neighbours, which a GPU and a compressor both like.
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    unique = unique[order]
    return {
        "attributes": {"POSITION": buffer.points(unique["xyz"]), "_FEATURE_ID_0": buffer.scalars(unique["feature"])},
        "indices": buffer.indices(rank[index.reshape(-1)]),
    }


@dataclass
class _Buffer:
    """The binary chunk while it grows, with its views and accessors."""

    data: bytearray = field(default_factory=bytearray)
    views: list[dict[str, Any]] = field(default_factory=list)
    accessors: list[dict[str, Any]] = field(default_factory=list)

    def points(self, points: npt.NDArray[Any]) -> int:
        """(V, 3), padded so that each begins at a multiple of four bytes; returns the accessor's index."""
        width = 4 if points.dtype == np.uint16 else 3
        padded = np.zeros((len(points), width), dtype=points.dtype)
        padded[:, :3] = points
        stride = {"byteStride": width * points.itemsize}
        bounds = {"min": points.min(axis=0).tolist(), "max": points.max(axis=0).tolist()}
        return self._add(padded, "VEC3", {"target": VERTICES} | stride, bounds)

    def scalars(self, values: npt.NDArray[np.float32]) -> int:
        """(V,) one number a vertex; returns the accessor's index."""
        return self._add(np.ascontiguousarray(values), "SCALAR", {"target": VERTICES})

    def indices(self, index: npt.NDArray[np.int64]) -> int:
        """(3 T,) vertices of triangles, in as few bytes as they need; returns the accessor's index."""
        kind = np.uint16 if index.max() < STEPS else np.uint32
        return self._add(index.astype(kind), "SCALAR", {"target": INDICES})

    def described(self) -> dict[str, Any]:
        """What the document says of the buffer."""
        buffers = [{"byteLength": len(self.data)}]
        return {"accessors": self.accessors, "bufferViews": self.views, "buffers": buffers}

    def _add(
        self, array: npt.NDArray[Any], kind: str, view: dict[str, Any], accessor: dict[str, Any] | None = None
    ) -> int:
        self.data += bytes(-len(self.data) % 4)
        component = {np.dtype(np.uint16): UNSIGNED_SHORT, np.dtype(np.uint32): UNSIGNED_INT}.get(array.dtype, FLOAT)
        self.accessors.append(
            {"bufferView": len(self.views), "componentType": component, "count": len(array), "type": kind}
            | (accessor or {})
        )
        self.views.append({"buffer": 0, "byteOffset": len(self.data), "byteLength": array.nbytes} | view)
        self.data += array.tobytes()
        return len(self.accessors) - 1


def container(document: dict[str, Any], binary: bytes) -> bytes:
    """A GLB file: header, JSON chunk, and a binary chunk where there is something in it."""
    text = json.dumps(document, separators=(",", ":"), allow_nan=False).encode()
    text += b" " * (-len(text) % 4)
    chunks = struct.pack("<II", len(text), JSON_CHUNK) + text
    if binary:
        binary += bytes(-len(binary) % 4)
        chunks += struct.pack("<II", len(binary), BINARY_CHUNK) + binary
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks
