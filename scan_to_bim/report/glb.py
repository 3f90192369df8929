"""The building as binary glTF 2.0, coloured by state: one primitive a storey and state."""

import json
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from bim.frames import FloatArray
from bim.verdict import State
from scan_to_bim.report.views import ALPHA
from scan_to_bim.report.words import LOOKS, rgb
from scan_to_bim.result import Report

_FLOAT, _UINT = 5126, 5125
_ARRAY_BUFFER, _ELEMENT_ARRAY_BUFFER = 34962, 34963
_JSON_CHUNK, _BINARY_CHUNK = 0x4E4F534A, 0x004E4942


def to_glb(report: Report) -> bytes:
    """Metres, Y up, around the building's own centre so that float32 keeps millimetres.

    A site point is (x, -z, y) of a glTF point, plus the scene's `extras.offset_site_m`. `_FEATURE_ID_0` of a vertex
    indexes the scene's `extras.global_ids`; each primitive's `extras` name its storey and state.
    """
    building = report.building
    offset = _centre(building.mesh.vertices)
    buffer = _Buffer()
    primitives = list(_primitives(report, offset, buffer))
    document = {
        "asset": {"version": "2.0", "generator": "Sitewright"},
        "scene": 0,
        "scenes": [
            {
                "nodes": list(range(len(primitives))),
                "extras": {
                    "offset_site_m": offset.tolist(),
                    "global_ids": [element.global_id for element in building.elements],
                    "states": [verdict.state.value for verdict in report.verdicts],
                },
            }
        ],
        "nodes": [
            {"mesh": i, "name": f"{primitive['extras']['storey']} {primitive['extras']['state']}"}
            for i, primitive in enumerate(primitives)
        ],
        "meshes": [{"primitives": [primitive]} for primitive in primitives],
        "materials": [_material(state) for state in State],
        "accessors": buffer.accessors,
        "bufferViews": buffer.views,
        "buffers": [{"byteLength": len(buffer.data)}],
    }
    return _container({key: value for key, value in document.items() if value != []}, bytes(buffer.data))


class _Buffer:
    """The binary chunk while it grows, with its views and accessors."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.views: list[dict[str, Any]] = []
        self.accessors: list[dict[str, Any]] = []

    def add(self, array: npt.NDArray[Any], target: int, bounds: bool = False) -> int:
        """Append (N, 3) or (N,) values of four bytes each; returns the accessor's index."""
        view = {"buffer": 0, "byteOffset": len(self.data), "byteLength": array.nbytes, "target": target}
        accessor: dict[str, Any] = {
            "bufferView": len(self.views),
            "componentType": _UINT if array.dtype == np.uint32 else _FLOAT,
            "count": len(array),
            "type": "VEC3" if array.ndim == 2 else "SCALAR",
        }
        if bounds:
            accessor |= {"min": array.min(axis=0).tolist(), "max": array.max(axis=0).tolist()}
        self.data += array.tobytes()
        self.views.append(view)
        self.accessors.append(accessor)
        return len(self.accessors) - 1


def _centre(vertices: FloatArray) -> FloatArray:
    if not len(vertices):
        return np.zeros(3)
    centre: FloatArray = np.round(0.5 * (vertices.min(axis=0) + vertices.max(axis=0)))
    return centre


def _primitives(report: Report, offset: FloatArray, buffer: _Buffer) -> Iterator[dict[str, Any]]:
    building = report.building
    mesh = building.mesh
    groups = {
        (element.storey, verdict.state) for element, verdict in zip(building.elements, report.verdicts, strict=True)
    }
    states = list(State)
    for storey, state in sorted(groups):
        member = np.array(
            [e.storey == storey and v.state is state for e, v in zip(building.elements, report.verdicts, strict=True)]
        )
        rows = np.flatnonzero(member[mesh.element])
        if not len(rows):
            continue
        # A vertex that two elements share must become two, as it carries its element.
        keys = mesh.triangles[rows].astype(np.int64) * len(member) + mesh.element[rows, None]
        unique, index = np.unique(keys, return_inverse=True)
        local = (mesh.vertices[unique // len(member)] - offset)[:, [0, 2, 1]] * [1.0, 1.0, -1.0]
        yield {
            "attributes": {
                "POSITION": buffer.add(local.astype(np.float32), _ARRAY_BUFFER, bounds=True),
                "_FEATURE_ID_0": buffer.add((unique % len(member)).astype(np.float32), _ARRAY_BUFFER),
            },
            "indices": buffer.add(index.astype(np.uint32).reshape(-1), _ELEMENT_ARRAY_BUFFER),
            "material": states.index(state),
            "extras": {"storey": storey, "state": state.value},
        }


def _material(state: State) -> dict[str, Any]:
    # glTF colours are linear; ours are sRGB.
    linear = [round(channel**2.2, 4) for channel in rgb(LOOKS[state].fill)]
    material: dict[str, Any] = {
        "name": state.value,
        "doubleSided": True,
        "pbrMetallicRoughness": {
            "baseColorFactor": [*linear, round(ALPHA[state], 3)],
            "metallicFactor": 0.0,
            "roughnessFactor": 0.9,
        },
    }
    return material | ({"alphaMode": "BLEND"} if ALPHA[state] < 1.0 else {})


def _container(document: dict[str, Any], binary: bytes) -> bytes:
    text = json.dumps(document, separators=(",", ":"), allow_nan=False).encode()
    text += b" " * (-len(text) % 4)
    chunks = struct.pack("<II", len(text), _JSON_CHUNK) + text
    if binary:
        chunks += struct.pack("<II", len(binary), _BINARY_CHUNK) + binary
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks
