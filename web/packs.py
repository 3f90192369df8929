"""A model as storey packs: what a tablet fetches before it goes where there is no network.

Each storey is three files: its surface as glTF, its elements as columns, its plan as SVG paths. A manifest names them.
A file's name holds the hash of its content, so that it never changes and can be kept for ever; a verdict table is
apart, because verdicts change while the model does not. Everything here is pure: values in, bytes out.
"""

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bim.frames import FloatArray
from bim.model import Building
from bim.trades import trade_of
from bim.verdict import Reason, Verdict
from scan_to_bim.report.sections import Frame, Shape, frame_of, storey_shapes
from web.packs_glb import storey_glb

SCHEMA = 1
MANIFEST, COPC = "manifest.json", "scan.copc.laz"
MEDIA = {".glb": "model/gltf-binary", ".json": "application/json"}


@dataclass(frozen=True)
class Part:
    """A file of a pack."""

    file: str
    content: bytes

    @property
    def sha256(self) -> str:
        """Of the content, hexadecimal."""
        return hashlib.sha256(self.content).hexdigest()


def pack(building: Building) -> Iterator[Part]:
    """The files of all storeys from the lowest up, and last, as it names them, `manifest.json`."""
    mesh = building.mesh
    low, high = (mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)) if len(mesh.vertices) else np.zeros((2, 3))
    offset_m = np.round(0.5 * (low + high))
    boxes = _boxes(building)
    storeys = []
    frame = frame_of(building) if len(mesh.vertices) else Frame(np.zeros(2), np.zeros(2), 0.0)
    for number, (name, floor_m, shapes) in enumerate(storey_shapes(building, frame)):
        members = [i for i, element in enumerate(building.elements) if element.storey == name]
        parts = {
            "glb": _part(f"{number}", ".glb", storey_glb(mesh, _glazed(building), members, offset_m)),
            "elements": _part(f"{number}", ".json", _json(_columns(building, members, boxes))),
            "plan": _part(f"{number}-plan", ".json", _json(_plan(members, shapes, frame))),
        }
        yield from parts.values()
        storeys.append({
            "key": f"{number}",
            "name": name,
            "elevation_m": floor_m,
            "elements": len(members),
            "triangles": int(np.isin(mesh.element, members).sum()),
            "files": {kind: _named(part) for kind, part in parts.items()},
        })  # fmt: skip
    yield Part(MANIFEST, _json({
        "schema": SCHEMA,
        "models": [source.sha256 for source in building.sources],
        "offset_site_m": offset_m.tolist(),
        "low_m": np.round(low, 2).tolist(),
        "high_m": np.round(high, 2).tolist(),
        "elements": len(building.elements),
        "storeys": storeys,
    }))  # fmt: skip


@dataclass(frozen=True)
class Judgement:
    """What colour asks of a verdict. deviation_m: length of its shift, None where nothing could be measured."""

    global_id: str
    state: str
    completion: float | None
    confidence: float
    deviation_m: float | None
    within_tolerance: bool | None
    reason: Reason

    @staticmethod
    def of(verdict: Verdict) -> "Judgement":
        """That of a comparison's verdict."""
        deviation = verdict.deviation
        return Judgement(
            verdict.global_id,
            verdict.state.value,
            verdict.completion,
            verdict.confidence,
            math.hypot(*deviation.translation_m) if deviation else None,
            deviation.within_tolerance if deviation else None,
            verdict.reason,
        )


def verdict_table(judgements: Iterable[Judgement]) -> Part:
    """Verdicts as columns, for colour; the evidence behind them is asked for one element at a time."""
    rows = list(judgements)
    return Part("verdicts.json", _json({
        "schema": SCHEMA,
        "global_id": [row.global_id for row in rows],
        "state": [row.state for row in rows],
        "completion": [_rounded(row.completion, 3) for row in rows],
        "confidence": [round(row.confidence, 4) for row in rows],
        "deviation_m": [_rounded(row.deviation_m, 4) for row in rows],
        "within_tolerance": [row.within_tolerance for row in rows],
        "reason": {"en": [row.reason.en for row in rows], "zh": [row.reason.zh for row in rows]},
    }))  # fmt: skip


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def _part(stem: str, suffix: str, content: bytes) -> Part:
    return Part(f"{stem}-{hashlib.sha256(content).hexdigest()[:16]}{suffix}", content)


def _named(part: Part) -> Mapping[str, object]:
    return {"file": part.file, "bytes": len(part.content), "sha256": part.sha256}


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


# --- A storey's elements and its plan ---------------------------------------------------------------------------------

GLASS = {"IfcWindow", "IfcWindowStandardCase", "IfcCurtainWall"}


def _glazed(building: Building) -> list[bool]:
    return [element.ifc_class in GLASS for element in building.elements]


def _boxes(building: Building) -> FloatArray:
    """(E, 2, 3): lowest and highest corner of each element in the site frame; zeros where it has no triangle."""
    mesh = building.mesh
    boxes = np.zeros((len(building.elements), 2, 3))
    present, first = np.unique(mesh.element, return_index=True)
    if len(present):
        boxes[present, 0] = np.minimum.reduceat(mesh.corners.min(axis=1), first)
        boxes[present, 1] = np.maximum.reduceat(mesh.corners.max(axis=1), first)
    return boxes


def _columns(building: Building, members: list[int], boxes: FloatArray) -> dict[str, Any]:
    elements = [building.elements[i] for i in members]
    return {
        "schema": SCHEMA,
        "global_id": [e.global_id for e in elements],
        "ifc_class": [e.ifc_class for e in elements],
        "name": [e.name for e in elements],
        "system": [e.system for e in elements],
        "trade": [trade_of(e.ifc_class).value for e in elements],
        "low_m": np.round(boxes[members, 0], 2).tolist(),
        "high_m": np.round(boxes[members, 1], 2).tolist(),
    }


def _plan(members: list[int], shapes: tuple[Shape, ...], frame: Frame) -> dict[str, Any]:
    """Paths in metres right and down from `corner_m`, the plan's upper left corner in the site frame. What the cut
    meets of another storey's elements is left out: it belongs to that storey's pack."""
    own = {element: i for i, element in enumerate(members)}
    width_m, depth_m = frame.high - frame.low
    return {
        "schema": SCHEMA,
        "corner_m": [round(float(frame.low[0]), 3), round(float(frame.high[1]), 3)],
        "width_m": round(float(width_m), 2),
        "depth_m": round(float(depth_m), 2),
        "shapes": [{"element": own[s.element], "layer": s.layer, "d": s.path} for s in shapes if s.element in own],
    }
