"""Whether a model can be trusted before a scan is compared with it: findings with GUIDs and what to do.

    for finding in check_model(Path("house.ifc"), [Path("office.ids")]):
        print(finding.severity, finding.message.en, finding.action.en)

Built in is what a comparison needs: units, storeys, geometry, coordinates, and elements that occur twice. What a client
needs comes as IDS 1.0 files (`bim.ids`).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from bim.arrays import Payload
from bim.errors import BadModel
from bim.frames import FloatArray
from bim.ids import Requirement, check_ids
from bim.ifc import MODEL_LIMITS, USER_CACHE, georeference, read_building
from bim.isolation import Limits, isolated
from bim.model import Building
from bim.shapes import Shapes, place_apart_m, shape_apart, shapes
from bim.verdict import Reason

TWICE_M, TWICE_SHAPE = 0.001, 0.001
FAR_M = 10_000.0
"""Beyond this a float32, which viewers and graphics use, no longer holds a millimetre."""
STRAY_M, STRAY_SPREADS = 200.0, 10.0
SMALL_M, LARGE_M = 1.0, 10_000.0
STOREY_M = 4.0
"""Storey height where the model does not tell."""
SAME_LEVEL_M = 0.5


class Severity(StrEnum):
    """An error makes verdicts wrong or impossible, a warning makes some of them doubtful, a note is good to know."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing about a model. `code` names the check and stays the same between versions."""

    severity: Severity
    code: str
    message: Reason
    action: Reason
    global_ids: tuple[str, ...] = ()


class _Words(NamedTuple):
    severity: Severity
    en: str
    zh: str
    do: str
    do_zh: str


_WORDS: Mapping[str, _Words] = MappingProxyType({
    "repeated_guid": _Words(
        Severity.ERROR, "{count} elements repeat the GUID of another.", "{count} 个构件的 GUID 与其他构件重复。",
        "Give each element its own GUID; only the first of each is compared.",
        "为每个构件指定唯一的 GUID；目前只比对第一个。",
    ),
    "duplicate": _Words(
        Severity.WARNING, "{count} elements lie exactly where another of the same shape lies.",
        "{count} 个构件与另一个形状相同的构件完全重合。",
        "Delete the copies; a scan cannot tell them apart, and they count twice.",
        "删除重复构件；扫描无法区分它们，且会重复计量。",
    ),
    "no_body": _Words(
        Severity.NOTE, "{count} elements have no body of their own.", "{count} 个构件没有自己的几何形体。",
        "Nothing if their parts have bodies; else export them with geometry.",
        "若其组成部分有形体则无需处理，否则请导出几何。",
    ),
    "failed_body": _Words(
        Severity.WARNING, "{count} elements have a body that gives no surface.", "{count} 个构件的形体无法生成表面。",
        "Repair or export them again; they are not compared.", "修复或重新导出；目前不参与比对。",
    ),
    "open_body": _Words(
        Severity.NOTE, "{count} elements have a surface that encloses no volume.", "{count} 个构件的表面不封闭。",
        "Model them as solids where volume counts.", "若需按体积计量，请建为实体。",
    ),
    "no_storeys": _Words(
        Severity.WARNING, "The model has no storeys.", "模型没有楼层。",
        "Add storeys; placing a scan and counting progress rely on them.", "添加楼层；扫描定位和进度统计依赖楼层。",
    ),
    "same_level": _Words(
        Severity.WARNING, "Storeys lie at nearly one level: {names}.", "楼层标高几乎相同：{names}。",
        "Correct their elevations or join them.", "修正标高或合并楼层。",
    ),
    "no_storey": _Words(
        Severity.WARNING, "{count} elements belong to no storey.", "{count} 个构件不属于任何楼层。",
        "Contain them in a storey; progress by storey leaves them out.", "将其归入楼层；按楼层统计时不计入。",
    ),
    "off_storeys": _Words(
        Severity.WARNING, "{count} elements lie far below or above all storeys.",
        "{count} 个构件远低于或高于所有楼层。",
        "Check where they are and in which unit they were modelled.", "检查其位置和建模单位。",
    ),
    "wrong_storey": _Words(
        Severity.WARNING, "{count} elements lie outside the storey that they are assigned to.",
        "{count} 个构件不在其所属楼层的高度范围内。",
        "Assign them to the storey that they stand in.", "归入其实际所在的楼层。",
    ),
    "far": _Words(
        Severity.WARNING, "Coordinates lie up to {km:.0f} km from the origin.", "坐标距原点最远 {km:.0f} km。",
        "Model near the origin and give the place on the map as IfcMapConversion.",
        "在原点附近建模，并用 IfcMapConversion 给出地图位置。",
    ),
    "stray": _Words(
        Severity.WARNING, "{count} elements lie far away from all others.", "{count} 个构件远离其他所有构件。",
        "Delete or move them; they disturb placing the scan.", "删除或移动它们；它们会干扰扫描定位。",
    ),
    "size": _Words(
        Severity.ERROR, "The whole model is {size:.3g} m in size.", "整个模型的尺寸为 {size:.3g} m。",
        "Check the unit of length with which it was exported.", "检查导出时的长度单位。",
    ),
    "no_georeference": _Words(
        Severity.NOTE, "The model does not say where on the map it stands.", "模型没有地理定位信息。",
        "Nothing, unless scans come in map coordinates.", "除非扫描使用地图坐标，否则无需处理。",
    ),
})  # fmt: skip


def check_model(
    path: Path, ids: Iterable[Path] = (), cache: Path | None = USER_CACHE, limits: Limits = MODEL_LIMITS
) -> tuple[Finding, ...]:
    """All findings about a model file, the gravest first. One that cannot be read is a finding too.

    Raises BadInput for an IDS file that cannot be read.
    """
    try:
        building = read_building([path], cache, limits)
        found = [*check_building(building), *_check_file(path, building, cache, limits)]
        for file in ids:
            found += map(_of_ids, check_ids(path, file, limits))
    except BadModel as error:
        said = Reason(str(error), f"模型无法使用：{error}")
        found = [Finding(Severity.ERROR, "unreadable", said, Reason("Export it again.", "请重新导出。"))]
    return tuple(sorted(found, key=lambda finding: list(Severity).index(finding.severity)))


def check_building(building: Building) -> tuple[Finding, ...]:
    """What can be found from elements, storeys and geometry alone."""
    known = shapes(building)
    checks = (_duplicates, _open_bodies, _storeys, _homes, _coordinates)
    return tuple(finding for check in checks for finding in check(building, known))


def _finding(code: str, global_ids: Iterable[str] = (), **values: object) -> Finding:
    words, ids = _WORDS[code], tuple(global_ids)
    said = {"count": len(ids)} | values
    message = Reason(words.en.format(**said), words.zh.format(**said))
    return Finding(words.severity, code, message, Reason(words.do, words.do_zh), ids)


def _if_any(building: Building, code: str, which: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> Iterator[Finding]:
    if which.any():
        yield _finding(code, (building.elements[i].global_id for i in np.flatnonzero(which)))


# --- Elements ---------------------------------------------------------------------------------------------------------


def _duplicates(building: Building, known: Shapes) -> Iterator[Finding]:
    """Same place and shape under several GUIDs, whatever the class; copies stand together in the list."""
    count = len(building.elements)
    pairs = cKDTree(known.centroid_m).query_pairs(2 * TWICE_M, output_type="ndarray").astype(np.int64).reshape(-1, 2)
    i, j = pairs.T
    same = (place_apart_m(known, i, known, j) <= TWICE_M) & (shape_apart(known, i, known, j) <= TWICE_SHAPE)
    i, j = i[same], j[same]
    if len(i):
        _, group = connected_components(coo_matrix((np.ones(len(i)), (i, j)), (count, count)), directed=False)
        twice = np.flatnonzero(np.bincount(group)[group] > 1)
        yield _finding(
            "duplicate", (building.elements[row].global_id for row in twice[np.argsort(group[twice], kind="stable")])
        )


def _open_bodies(building: Building, known: Shapes) -> Iterator[Finding]:
    yield from _if_any(building, "open_body", known.volume_m3 == 0.0)


def _check_file(path: Path, building: Building, cache: Path | None, limits: Limits) -> Iterator[Finding]:
    """What only the file shows: elements that did not become part of the building."""
    found = isolated(_bodies, str(path), limits=limits, failure=BadModel, what=f"model {path.name}")
    kept = {element.global_id for element in building.elements}
    failed = [each for each in found["with_body"] if each not in kept]
    lists = {"repeated_guid": found["repeated"], "failed_body": failed, "no_body": found["without_body"]}
    yield from (_finding(code, ids) for code, ids in lists.items() if ids)
    if georeference(path, cache, limits) is None:
        yield _finding("no_georeference")


def _bodies(path: str) -> Payload:
    """GUIDs of the physical elements of a file, by whether they have a body. Runs in a child process."""
    from bim.ifc_geometry import body
    from bim.ifc_reader import open_model

    model, _ = open_model(Path(path))
    with_body: dict[str, None] = {}
    without_body, repeated = [], []
    for element in model.by_type("IfcElement"):
        if element.is_a("IfcFeatureElement") or element.is_a("IfcVirtualElement"):
            continue
        if body(element) is None:
            without_body.append(element.GlobalId)
        elif element.GlobalId in with_body:
            repeated.append(element.GlobalId)
        else:
            with_body[element.GlobalId] = None
    return {"with_body": list(with_body), "without_body": without_body, "repeated": repeated}


# --- Storeys and coordinates ------------------------------------------------------------------------------------------


def _storeys(building: Building, known: Shapes) -> Iterator[Finding]:
    if not building.storeys:
        yield _finding("no_storeys")
        return
    levels = np.array([storey.elevation_m for storey in building.storeys])
    close = np.flatnonzero(np.diff(levels) < SAME_LEVEL_M)
    if len(close):
        names = ", ".join(building.storeys[row].name for row in sorted({*close.tolist(), *(close + 1).tolist()}))
        yield _finding("same_level", names=names)
    height_m = _storey_height_m(levels)
    off = (known.high_m[:, 2] < levels[0] - 2 * height_m) | (known.low_m[:, 2] > levels[-1] + 2 * height_m)
    yield from _if_any(building, "off_storeys", off)


def _storey_height_m(levels: FloatArray) -> float:
    steps = np.diff(levels)
    steps = steps[steps >= SAME_LEVEL_M]
    return float(np.median(steps)) if len(steps) else STOREY_M


def _homes(building: Building, known: Shapes) -> Iterator[Finding]:
    """Elements without a storey, and those that do not reach into the storey they are said to be in."""
    homeless = np.array([not element.storey for element in building.elements], bool)
    yield from _if_any(building, "no_storey", homeless)
    levels = {storey.name: storey.elevation_m for storey in building.storeys}
    height_m = _storey_height_m(np.array(list(levels.values())))
    level = np.array([levels.get(element.storey, np.nan) for element in building.elements])
    # A slab hangs below its storey and a roof stands on it: a storey to either side is no mistake.
    outside = (known.high_m[:, 2] < level - height_m) | (known.low_m[:, 2] > level + 2 * height_m)
    yield from _if_any(building, "wrong_storey", outside)


def _coordinates(building: Building, known: Shapes) -> Iterator[Finding]:
    farthest_m = float(np.abs(building.mesh.vertices).max())
    if farthest_m > FAR_M:
        yield _finding("far", km=farthest_m / 1000)
    size_m = float(np.ptp(building.mesh.vertices, axis=0).max())
    if not SMALL_M <= size_m <= LARGE_M:
        yield _finding("size", size=size_m)
    away = np.linalg.norm(known.centroid_m - np.median(known.centroid_m, axis=0), axis=1)
    yield from _if_any(building, "stray", away > max(STRAY_M, STRAY_SPREADS * float(np.median(away))))


def _of_ids(requirement: Requirement) -> Finding:
    """A requirement of an IDS file that the model does not meet, or that is not for its schema."""
    if not requirement.applies:
        said = Reason(
            f"{requirement.specification}: not for schema {requirement.schema}.",
            f"{requirement.specification}：不适用于 {requirement.schema}。",
        )
        return Finding(Severity.NOTE, "ids_schema", said, Reason("Nothing.", "无需处理。"))
    many = f"{len(requirement.global_ids)}: " if requirement.global_ids else ""
    why = f" ({'; '.join(requirement.reasons)})" if requirement.reasons else ""
    said = Reason(
        f"{requirement.specification}: {many}{requirement.text}{why}",
        f"未满足 IDS 要求 {requirement.specification}：{many}{requirement.text}{why}",
    )
    act = requirement.instructions or "Complete the model as the IDS file demands."
    return Finding(
        Severity.ERROR,
        "ids",
        said,
        Reason(act, requirement.instructions or "按 IDS 文件要求补全模型。"),
        requirement.global_ids,
    )
