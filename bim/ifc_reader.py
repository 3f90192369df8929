"""One IFC file into arrays and JSON values. Runs in a child process; `bim.ifc` is what others call."""

import io
import os
import re
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import ifcopenshell
import numpy as np
from ifcopenshell.util.element import get_predefined_type
from ifcopenshell.util.unit import calculate_unit_scale

from bim.arrays import Payload
from bim.errors import BadModel
from bim.georef import georeference
from bim.ifc_facesets import Entity, Surface
from bim.ifc_geometry import CannotTessellate, Tessellator, body

SCHEMAS = ("IFC2X3", "IFC4", "IFC4X3_ADD2")
MAX_UNZIPPED_BYTES = 4 * 1024**3
MAX_ZIP_RATIO = 200
"""IFC text compresses about tenfold; a bomb a thousandfold."""


def read_model(path: str) -> Payload:
    """Everything that `bim.ifc` needs to know of the file. Raises BadModel."""
    model, text = open_model(Path(path))
    unit_m = length_unit_m(model)
    tessellator = Tessellator(model, text, unit_m)
    elements, notes = physical_elements(model)
    shapes, failed = _shapes(tessellator, elements)
    storeys = storeys_of(model, tessellator, unit_m)
    homes, systems = parents_of(model), _systems(model)
    kept = [elements[index] for index, _ in shapes]
    found = georeference(model, unit_m)
    return {
        "schema": model.schema_identifier,
        "tool": _tool(model),
        "unit_m": unit_m,
        "storeys": [list(storey) for storey in storeys.values()],
        "georeference": None if found is None else _json(asdict(found)),
        "site_placement": [_json(tessellator.placement(site)) for site in model.by_type("IfcSite")[:1]],
        "notes": notes,
        "failed": [f"{each.is_a()} {each.Name or ''} ({each.GlobalId})" for each in failed],
        "products": dict(sorted(Counter(each.is_a() for each in model.by_type("IfcProduct")).items())),
        "global_ids": [each.GlobalId for each in kept],
        "classes": [each.is_a() for each in kept],
        "names": [each.Name or "" for each in kept],
        "element_storeys": [storey_of(each.id(), homes, storeys) for each in kept],
        "predefined_types": [get_predefined_type(each) or "" for each in kept],
        "systems": [systems.get(each.id()) for each in kept],
        **_mesh([surface for _, surface in shapes]),
    }


# --- The file ---------------------------------------------------------------------------------------------------------


def open_model(path: Path) -> tuple[ifcopenshell.file, bytes]:
    """The open model and the STEP text that it was read from. Raises BadModel."""
    text = path.read_bytes()
    if text.startswith(b"PK"):
        text = _unzipped(path.name, text)
    _check_text(path.name, text)
    # The parser wants a path; an unnamed file in memory has one without touching the disk.
    with os.fdopen(os.memfd_create("model"), "wb") as memory:
        memory.write(text)
        memory.flush()
        model = ifcopenshell.open(f"/proc/self/fd/{memory.fileno()}", format=".ifc")
    if not isinstance(model, ifcopenshell.file) or not model.by_type("IfcProject"):
        raise BadModel(f"{path.name} holds no IfcProject", "a complete IFC model", "export it again")
    return model, text


def _unzipped(name: str, archive: bytes) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            members = [each for each in opened.infolist() if each.filename.lower().endswith(".ifc")]
            if len(members) != 1:
                raise BadModel(f"{name} holds {len(members)} .ifc files", "exactly one", "zip one model a file")
            size = members[0].file_size
            if size > min(MAX_UNZIPPED_BYTES, MAX_ZIP_RATIO * max(members[0].compress_size, 1024)):
                raise BadModel(f"{name} would unpack to {size} bytes", "an archive of IFC text", "unpack it yourself")
            with opened.open(members[0]) as member:
                return member.read(size)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise BadModel(f"{name} is a broken archive ({error})", "a readable .ifczip", "zip the model again") from error


def _check_text(name: str, text: bytes) -> None:
    start = text[:1000].lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith(b"<"):
        raise BadModel(f"{name} is XML", "IFC as STEP text (.ifc) or zipped (.ifczip)", "export it as .ifc")
    if not start.startswith(b"ISO-10303-21"):
        raise BadModel(f"{name} is not an IFC file", "text that begins with ISO-10303-21", "check the path")
    if not (match := re.search(rb"FILE_SCHEMA\s*\(\s*\(\s*'([^']*)'", text[:100_000])):
        raise BadModel(f"{name} names no schema in its header", f"one of {', '.join(SCHEMAS)}", "export it again")
    schema = match[1].decode("ascii", "replace").strip().upper()
    if schema not in SCHEMAS:
        raise BadModel(f"{name} is of schema {schema}", f"one of {', '.join(SCHEMAS)}", "export it in one of these")
    if b"END-ISO-10303-21" not in text[-10_000:]:
        raise BadModel(f"{name} is cut off", "a file that ends with END-ISO-10303-21", "copy or export it again")


def length_unit_m(model: ifcopenshell.file) -> float:
    """Metres in one length unit of the model. Raises BadModel where it does not say."""
    units = [unit for each in model.by_type("IfcProject") if each.UnitsInContext for unit in each.UnitsInContext.Units]
    if not any(getattr(unit, "UnitType", None) == "LENGTHUNIT" for unit in units):
        raise BadModel(
            "the model names no unit of length", "a LENGTHUNIT in its IfcUnitAssignment", "export it with units"
        )
    unit_m = float(calculate_unit_scale(model))
    if not 1e-7 < unit_m < 1e5:
        raise BadModel(
            f"the model's unit of length is {unit_m:g} m", "a unit between a micrometre and a mile", "correct it"
        )
    return unit_m


def _tool(model: ifcopenshell.file) -> str:
    applications = [
        f"{each.ApplicationFullName or ''} {each.Version or ''}" for each in model.by_type("IfcApplication")
    ]
    return " ".join(applications[0].split()) if applications else ""


# --- Elements ---------------------------------------------------------------------------------------------------------


def physical_elements(model: ifcopenshell.file) -> tuple[list[Entity], list[str]]:
    """Elements with a body, in the order of the file, and what had to be settled."""
    found: dict[str, Entity] = {}
    repeated, bodiless = [], 0
    for element in sorted(model.by_type("IfcElement"), key=lambda each: int(each.id())):
        if element.is_a("IfcFeatureElement") or element.is_a("IfcVirtualElement"):
            continue
        if body(element) is None:
            bodiless += 1
        elif element.GlobalId in found:
            repeated.append(element.GlobalId)
        else:
            found[element.GlobalId] = element
    notes = []
    if repeated:
        notes.append(
            f"{len(repeated)} elements repeat the GlobalId of another; the first of each counts: {_some(repeated)}"
        )
    if bodiless:
        notes.append(f"{bodiless} elements have no body of their own and are not compared")
    return list(found.values()), notes


def _shapes(tessellator: Tessellator, elements: list[Entity]) -> tuple[list[tuple[int, Surface]], list[Entity]]:
    shapes, failed = [], []
    for index, element in enumerate(elements):
        try:
            shapes.append((index, tessellator.surface(element, list(_openings(element)))))
        except CannotTessellate:
            failed.append(element)
    return shapes, failed


def _openings(element: Entity, depth: int = 0) -> Iterator[Entity]:
    """The openings of an element and of what it is a part of."""
    for relation in getattr(element, "HasOpenings", ()):
        yield relation.RelatedOpeningElement
    for relation in getattr(element, "Decomposes", ()) if depth < 10 else ():
        yield from _openings(relation.RelatingObject, depth + 1)


def _mesh(surfaces: list[Surface]) -> Payload:
    sizes = np.array([len(surface.triangles) for surface in surfaces], np.int64)
    offsets = np.cumsum([0, *(len(surface.vertices) for surface in surfaces)])
    measures = np.array([_area_and_volume(surface) for surface in surfaces], float).reshape(-1, 2)
    return {
        "vertices": np.concatenate([np.zeros((0, 3)), *(surface.vertices for surface in surfaces)]),
        "triangles": np.concatenate(
            [
                np.zeros((0, 3), np.int32),
                *(each.triangles + np.int32(at) for each, at in zip(surfaces, offsets, strict=False)),
            ]
        ),
        "element": np.repeat(np.arange(len(surfaces), dtype=np.int32), sizes),
        "area_m2": measures[:, 0],
        "volume_m3": measures[:, 1],
    }


def _area_and_volume(surface: Surface) -> tuple[float, float]:
    """Square and cubic metres; the volume of what encloses nothing is 0."""
    a, b, c = (surface.vertices - surface.vertices[0])[surface.triangles].transpose(1, 0, 2)
    twice = np.cross(b - a, c - a)
    volume_m3 = abs(surface.volume_m3)
    # The area vectors of a closed surface sum to zero; otherwise the volume depends on where it is measured from.
    extent_m = float(np.ptp(surface.vertices, axis=0).max())
    closed = extent_m * np.abs(twice.sum(axis=0)).max() / 6.0 < 0.05 * volume_m3
    return float(np.linalg.norm(twice, axis=1).sum() / 2.0), volume_m3 if closed else 0.0


# --- Where elements belong --------------------------------------------------------------------------------------------


def storeys_of(model: ifcopenshell.file, tessellator: Tessellator, unit_m: float) -> dict[int, tuple[str, str, float]]:
    """GlobalId, name and elevation in metres of each storey by its STEP id, the lowest first."""
    found = {}
    for storey in model.by_type("IfcBuildingStorey"):
        elevation_m = (
            tessellator.placement(storey)[2, 3] if storey.ObjectPlacement else (storey.Elevation or 0.0) * unit_m
        )
        found[int(storey.id())] = (
            storey.GlobalId,
            storey.Name or storey.LongName or "unnamed storey",
            float(elevation_m),
        )
    names = Counter(name for _, name, _ in found.values())
    distinct = {
        step_id: (global_id, name if names[name] == 1 else f"{name} ({elevation_m:.2f} m)", elevation_m)
        for step_id, (global_id, name, elevation_m) in found.items()
    }
    return dict(sorted(distinct.items(), key=lambda item: (item[1][2], item[1][0])))


def parents_of(model: ifcopenshell.file) -> dict[int, int]:
    """What each object stands in, is a part of, fills or cuts, by STEP ids; the first of these that is given."""
    relations = (
        ("IfcRelContainedInSpatialStructure", "RelatedElements", "RelatingStructure"),
        ("IfcRelAggregates", "RelatedObjects", "RelatingObject"),
        ("IfcRelNests", "RelatedObjects", "RelatingObject"),
        ("IfcRelFillsElement", "RelatedBuildingElement", "RelatingOpeningElement"),
        ("IfcRelVoidsElement", "RelatedOpeningElement", "RelatingBuildingElement"),
    )
    parents: dict[int, int] = {}
    for relation, child, parent in relations:
        for each in model.by_type(relation):
            children = getattr(each, child)
            for one in children if isinstance(children, tuple) else (children,):
                parents.setdefault(one.id(), getattr(each, parent).id())
    return parents


def storey_of(step_id: int, parents: dict[int, int], storeys: dict[int, tuple[str, str, float]]) -> str:
    """The name of the storey that an object belongs to, through whatever it stands in; empty for none."""
    seen = set()
    while step_id not in storeys:
        seen.add(step_id)
        step_id = parents.get(step_id, step_id)
        if step_id in seen:
            return ""
    return storeys[step_id][1]


def _systems(model: ifcopenshell.file) -> dict[int, str]:
    """The name of the first system that each object belongs to, by STEP id."""
    systems: dict[int, str] = {}
    for relation in model.by_type("IfcRelAssignsToGroup"):
        group = relation.RelatingGroup
        if group.is_a("IfcSystem") and not group.is_a("IfcZone"):
            for each in relation.RelatedObjects:
                systems.setdefault(each.id(), group.Name or group.is_a())
    return systems


def _some(names: list[str], most: int = 3) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _json(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _json(each) for key, each in value.items()}
    return value.tolist() if isinstance(value, np.ndarray) else value
