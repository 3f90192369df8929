"""IFC files into buildings. The parsing happens in a child process, and only when the cache has not seen the file."""

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bim.arrays import Payload, keep_arrays, kept_arrays
from bim.errors import BadModel
from bim.frames import FloatArray
from bim.georef import Georeference
from bim.isolation import Limits, isolated
from bim.mesh import Mesh
from bim.model import Building, Element, Source, Storey
from bim.verdict import State, Verdict

READER_VERSION = 2
"""Raised with every change to what is read, so that older cache files no longer count."""
MODEL_LIMITS = Limits(cpu_s=900.0, wall_s=1800.0)
FAR_M = 100_000.0
APART_M = 50.0
SAME_LEVEL_M = 0.5


USER_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sitewright"


def read_building(paths: Sequence[Path], cache: Path | None = USER_CACHE, limits: Limits = MODEL_LIMITS) -> Building:
    """One building from one or several IFC files, which share a frame: the first file's engineering frame in metres.

    IFC2X3, IFC4 and IFC4X3_ADD2, as .ifc or .ifczip. `cache` is a folder for what was read, None for none.
    Raises BadModel for whatever cannot be read within `limits`.
    """
    models = [_model(Path(path), cache, limits) for path in paths]
    for path, (_, payload) in zip(paths, models, strict=True):
        if not payload["global_ids"]:
            raise BadModel(f"{path} has no element with geometry", "a model with bodies", "export it with geometry")
    payloads = [payload for _, payload in models]
    kept = _first_of_each([payload["global_ids"] for payload in payloads])
    storeys, storey_notes = _storeys(payloads, list(paths))
    return Building(
        elements=tuple(
            element for index, payload in enumerate(payloads) for element in _elements(payload, index, kept[index])
        ),
        storeys=storeys,
        mesh=_mesh(payloads, kept),
        sources=tuple(
            Source(str(path), sha256, payload["schema"], int(keep.sum()))
            for path, (sha256, payload), keep in zip(paths, models, kept, strict=True)
        ),
        assumptions=tuple(
            [note for path, payload in zip(paths, payloads, strict=True) for note in _notes(Path(path), payload)]
            + storey_notes
            + _federation_notes(payloads, kept, list(paths))
        ),
    )


def georeference(path: Path, cache: Path | None = USER_CACHE, limits: Limits = MODEL_LIMITS) -> Georeference | None:
    """What a model says of its place on the map; None if nothing. Raises BadModel."""
    stated = _model(path, cache, limits)[1]["georeference"]
    if stated is None:
        return None
    T = stated.pop("T_map_site")
    return Georeference(T_map_site=None if T is None else np.array(T), **stated)


def inspect_model(path: Path, cache: Path | None = USER_CACHE, limits: Limits = MODEL_LIMITS) -> dict[str, Any]:
    """What a model holds and what is wrong with it, as JSON values. Raises BadModel."""
    sha256, payload = _model(path, cache, limits)
    vertices = payload["vertices"]
    return {
        "path": str(path),
        "sha256": sha256,
        "schema": payload["schema"],
        "tool": payload["tool"],
        "length_unit_m": payload["unit_m"],
        "storeys": [{"name": name, "elevation_m": elevation} for _, name, elevation in payload["storeys"]],
        "elements": dict(sorted(Counter(payload["classes"]).items())),
        "products": payload["products"],
        "triangles": len(payload["triangles"]),
        "bounds_site_m": [vertices.min(axis=0).tolist(), vertices.max(axis=0).tolist()] if len(vertices) else None,
        "georeference": payload["georeference"],
        "problems": _notes(path, payload) + ([] if len(vertices) else [f"{path.name}: no element has geometry"]),
    }


def write_verdicts(
    source: Path,
    target: Path,
    *,
    verdicts: Sequence[Verdict],
    colours: Mapping[State, tuple[float, float, float]],
    limits: Limits = MODEL_LIMITS,
) -> None:
    """Write the model `source` again as STEP text, each judged element with a property set and its state's colour.

    The property set is `Sitewright_Verdict`, see `bim.ifc_verdicts.properties_of`; colours are red, green and blue in
    0..1. The same input gives the same bytes; on its own output it replaces what it wrote. Raises BadModel.
    """
    what = f"model {source.name}"
    payload = isolated(_with_verdicts, str(source), verdicts, colours, limits=limits, failure=BadModel, what=what)
    target.write_bytes(payload["text"].data)


# --- The cache --------------------------------------------------------------------------------------------------------


def _model(path: Path, cache: Path | None, limits: Limits) -> tuple[str, Payload]:
    """The file's SHA-256 and what was read from it, now or before."""
    sha256 = _sha256(path)
    kept = cache / f"{sha256}-{READER_VERSION}.model" if cache else None
    if kept and (payload := kept_arrays(kept)) and _is_sound(payload):
        return sha256, payload
    payload = isolated(_read, str(path), limits=limits, failure=BadModel, what=f"model {path.name}")
    if kept:
        keep_arrays(kept, payload)
    return sha256, payload


def _read(path: str) -> Payload:
    from bim.ifc_reader import read_model  # costs half a second, which a cached model does not need

    return read_model(path)


def _with_verdicts(
    path: str, verdicts: Sequence[Verdict], colours: Mapping[State, tuple[float, float, float]]
) -> Payload:
    from bim.ifc_verdicts import model_with_verdicts

    return model_with_verdicts(path, verdicts, colours)


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BadModel(f"{path} cannot be opened ({error.strerror})", "an IFC file", "check the path") from error


def _is_sound(payload: Payload) -> bool:
    """Whether what was kept holds together: indices within what they point into."""
    try:
        triangles, element = payload["triangles"], payload["element"]
        return bool(
            len(triangles) == len(element)
            and (not len(triangles) or 0 <= triangles.min() <= triangles.max() < len(payload["vertices"]))
            and (not len(element) or 0 <= element[0] <= element[-1] < len(payload["global_ids"]))
        )
    except (ValueError, KeyError, TypeError):
        return False


# --- One building out of several files --------------------------------------------------------------------------------

Mask = np.ndarray[tuple[int], np.dtype[np.bool_]]


def _first_of_each(global_ids: list[list[str]]) -> list[Mask]:
    """For each file, which of its elements no earlier file holds."""
    seen: set[str] = set()
    masks = []
    for ids in global_ids:
        masks.append(np.array([each not in seen for each in ids], bool))
        seen.update(ids)
    return masks


def _elements(payload: Payload, source: int, keep: Mask) -> list[Element]:
    columns = ("global_ids", "classes", "names", "element_storeys", "systems")
    rows = zip(
        *(payload[column] for column in columns),
        payload["area_m2"].tolist(),
        payload["volume_m3"].tolist(),
        payload["predefined_types"],
        strict=True,
    )
    kept = (row for keeps, row in zip(keep, rows, strict=True) if keeps)
    return [Element(*row[:5], source, *row[5:]) for row in kept]  # type: ignore[call-arg]


def _mesh(payloads: list[Payload], kept: list[Mask]) -> Mesh:
    if len(payloads) == 1:  # the maps of the cache file as they are, without a copy
        return Mesh(payloads[0]["vertices"], payloads[0]["triangles"], payloads[0]["element"])
    vertex_starts = np.cumsum([0, *(len(payload["vertices"]) for payload in payloads)])
    element_starts = np.cumsum([0, *(int(keep.sum()) for keep in kept)])
    triangles, elements = [], []
    for payload, keep, vertex, element in zip(payloads, kept, vertex_starts, element_starts, strict=False):
        rows = keep[payload["element"]]
        triangles.append((payload["triangles"][rows] + vertex).astype(np.int32))
        elements.append((np.cumsum(keep) - 1 + element).astype(np.int32)[payload["element"][rows]])
    vertices = np.concatenate([payload["vertices"] for payload in payloads])
    return Mesh(vertices, np.concatenate(triangles), np.concatenate(elements))


def _storeys(payloads: list[Payload], paths: list[Path]) -> tuple[tuple[Storey, ...], list[str]]:
    """Storeys of all files by elevation; those of one name are one storey, at the elevation that came first."""
    found: dict[str, Storey] = {}
    notes = []
    for path, payload in zip(paths, payloads, strict=True):
        for global_id, name, elevation_m in payload["storeys"]:
            storey = found.setdefault(name, Storey(global_id, name, elevation_m))
            if abs(storey.elevation_m - elevation_m) > SAME_LEVEL_M:
                notes.append(
                    f"{Path(path).name}: storey {name} lies at {elevation_m:.2f} m and in an earlier file at"
                    f" {storey.elevation_m:.2f} m; the earlier counts"
                )
    return tuple(sorted(found.values(), key=lambda storey: (storey.elevation_m, storey.name))), notes


def _notes(path: Path, payload: Payload) -> list[str]:
    """What one file left open."""
    notes = list(payload["notes"])
    failed, homeless = payload["failed"], payload["element_storeys"].count("")
    if failed:
        notes.append(
            f"{len(failed)} elements have a body that gives no surface and are left out: {', '.join(failed[:3])}"
        )
    if homeless:
        notes.append(f"{homeless} elements belong to no storey")
    vertices = payload["vertices"]
    if len(vertices) and np.abs(vertices).max() > FAR_M:
        notes.append(f"coordinates lie up to {np.abs(vertices).max() / 1000:.0f} km from the origin")
    return [f"{path.name}: {note}" for note in notes]


def _federation_notes(payloads: list[Payload], kept: list[Mask], paths: list[Path]) -> list[str]:
    names = [Path(path).name for path in paths]
    notes = [
        f"{name}: {int((~keep).sum())} elements are in an earlier file too; that one counts"
        for name, keep in zip(names, kept, strict=True)
        if not keep.all()
    ]
    for name, payload in zip(names[1:], payloads[1:], strict=True):
        notes += [
            f"{name} {difference} {names[0]}; coordinates are taken as they are"
            for difference in _differences(payloads[0], payload)
        ]
    return notes


def _differences(first: Payload, other: Payload) -> Iterator[str]:
    apart_m = _gap_m(first["vertices"], other["vertices"])
    if apart_m > APART_M:
        yield f"lies {apart_m:.0f} m away from"
    if first["georeference"] != other["georeference"]:
        yield "states another place on the map than"
    if first["site_placement"] != other["site_placement"]:
        yield "places its site otherwise than"


def _gap_m(one: FloatArray, other: FloatArray) -> float:
    """The distance between two bounding boxes."""
    gaps = np.maximum(one.min(axis=0) - other.max(axis=0), other.min(axis=0) - one.max(axis=0))
    return float(np.linalg.norm(np.maximum(gaps, 0.0)))
