"""A storey pack holds the building: every element, every surface, and where it is cut by the plan."""

import gzip
import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bim.ifc import read_building
from bim.mesh import Mesh
from bim.model import Building, Element, Source, Storey
from bim.trades import Trade, trade_of
from bim.verdict import Deviation, Evidence, Reason, State, Verdict
from web.packs import Judgement, pack, verdict_table
from web.packs_glb import COARSEST_STEP_M, STEPS, storey_glb

TETRAHEDRON = np.array([[0, 0, 0], [2, 0, 0], [0, 2, 0], [0, 0, 2]], float)
FACES = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]], np.int32)


def building(places: list[tuple[float, float, float]], storeys: list[str], ifc_class: str = "IfcWall") -> Building:
    """A tetrahedron with sides of 2 m at each place, in its storey."""
    mesh = Mesh(
        np.concatenate([TETRAHEDRON + place for place in places]),
        np.concatenate([FACES + 4 * i for i in range(len(places))]).astype(np.int32),
        np.repeat(np.arange(len(places), dtype=np.int32), 4),
    )
    elements = tuple(Element(f"guid{i}", ifc_class, f"n{i}", s, None, 0, 1.0, 1.0) for i, s in enumerate(storeys))
    levels = (Storey("g", "Ground", 0.0), Storey("u", "Upper", 3.0))
    return Building(elements, levels, mesh, (Source("a.ifc", "0" * 64, "IFC4", len(elements)),))


@dataclass(frozen=True)
class Surface:
    """What a reader of glTF sees. corners: (T, 3, 3) of the site frame. feature: (T,)."""

    corners: npt.NDArray[np.float64]
    feature: npt.NDArray[np.int64]
    document: dict[str, Any]


def read_glb(content: bytes) -> Surface:
    magic, version, length = struct.unpack_from("<4sII", content)
    assert (magic, version, length) == (b"glTF", 2, len(content))
    size = struct.unpack_from("<I", content, 12)[0]
    document = json.loads(content[20 : 20 + size])
    binary = content[28 + size :]
    node = document["nodes"][0]
    offset_m = np.array(document["scenes"][0]["extras"]["offset_site_m"])
    corners, features = [np.zeros((0, 3, 3))], [np.zeros(0, int)]
    for primitive in document.get("meshes", [{"primitives": []}])[0]["primitives"]:
        points = numbers(document, binary, primitive["attributes"]["POSITION"]) * node["scale"] + node["translation"]
        index = numbers(document, binary, primitive["indices"])[:, 0].astype(int).reshape(-1, 3)
        corners.append((points[:, [0, 2, 1]] * [1.0, -1.0, 1.0] + offset_m)[index])
        features.append(numbers(document, binary, primitive["attributes"]["_FEATURE_ID_0"])[index[:, 0], 0].astype(int))
    return Surface(np.concatenate(corners), np.concatenate(features), document)


def numbers(document: dict[str, Any], binary: bytes, i: int) -> npt.NDArray[Any]:
    """(N, 1 or 3) as the glTF specification reads an accessor."""
    accessor = document["accessors"][i]
    view = document["bufferViews"][accessor["bufferView"]]
    kind = {5123: np.dtype("<u2"), 5125: np.dtype("<u4"), 5126: np.dtype("<f4")}[accessor["componentType"]]
    width = {"SCALAR": 1, "VEC3": 3}[accessor["type"]]
    stride = view.get("byteStride", width * kind.itemsize)
    assert view["byteOffset"] % 4 == 0
    assert view["byteOffset"] + view["byteLength"] <= len(binary)
    rows = np.ndarray((accessor["count"], width), kind, binary, view["byteOffset"], (stride, kind.itemsize))
    if "min" in accessor:
        assert rows.min(axis=0).tolist() == accessor["min"]
        assert rows.max(axis=0).tolist() == accessor["max"]
    return rows


def files(packed: Building) -> tuple[dict[str, Any], dict[str, bytes]]:
    parts = {part.file: part.content for part in pack(packed)}
    return json.loads(parts.pop("manifest.json")), parts


places = st.lists(st.tuples(*[st.floats(-400, 400).map(lambda x: round(x, 3))] * 3), min_size=1, max_size=12)


@settings(max_examples=60, deadline=None)
@given(places, st.sampled_from([0.0, 5e5, -3e6]))
def test_every_surface_comes_out_where_it_went_in(at: list[tuple[float, float, float]], far_m: float) -> None:
    whole = building([(x + far_m, y - far_m, z) for x, y, z in at], ["Ground"] * len(at))
    manifest, parts = files(whole)
    surface = read_glb(parts[manifest["storeys"][0]["files"]["glb"]["file"]])
    step_m = surface.document["nodes"][0]["scale"][0]
    assert len(surface.feature) == 4 * len(at)
    for i in range(len(at)):
        mine = surface.corners[surface.feature == i].reshape(-1, 3)
        wanted = whole.mesh.corners[whole.mesh.of(i)].reshape(-1, 3)
        near = np.abs(mine[:, None] - wanted[None]).max(axis=2).min(axis=1)
        assert near.max() <= max(0.51 * step_m if step_m < 1 else 0.0, 1e-4)


def test_a_large_storey_keeps_millimetres() -> None:
    side_m = 2 * STEPS * COARSEST_STEP_M
    surface = read_glb(next(pack(building([(0, 0, 0), (side_m, 0, 0)], ["Ground"] * 2))).content)
    assert "extensionsRequired" not in surface.document
    assert surface.corners[surface.feature == 1][..., 0].min() == pytest.approx(side_m, abs=1e-3)


def test_each_storey_has_its_own_files_and_numbers_its_elements_from_nought() -> None:
    manifest, parts = files(building([(0, 0, 0), (0, 0, 3), (5, 0, 3)], ["Ground", "Upper", "Upper"]))
    assert [storey["name"] for storey in manifest["storeys"]] == ["Ground", "Upper"]
    upper = manifest["storeys"][1]["files"]
    assert json.loads(parts[upper["elements"]["file"]])["global_id"] == ["guid1", "guid2"]
    assert set(read_glb(parts[upper["glb"]["file"]]).feature) == {0, 1}


def test_a_plan_leads_to_the_element_that_it_cuts() -> None:
    manifest, parts = files(building([(0, 0, 0), (7, 0, 0)], ["Ground", "Ground"]))
    plan = json.loads(parts[manifest["storeys"][0]["files"]["plan"]["file"]])
    cut = {shape["element"]: shape["d"] for shape in plan["shapes"] if shape["layer"] == "cut"}
    assert set(cut) == {0, 1}
    left = [min(float(xy.split()[0]) for xy in d.strip("MZ").replace("Z", "").split("L")) for d in cut.values()]
    assert [x + plan["corner_m"][0] for x in left] == pytest.approx([0.0, 7.0], abs=0.02)


def test_solid_and_glass_are_a_draw_call_each() -> None:
    mixed = building([(0, 0, 0), (5, 0, 0), (9, 0, 0)], ["Ground"] * 3)
    content = storey_glb(mixed.mesh, [False, True, False], [0, 1, 2], np.zeros(3))
    primitives = read_glb(content).document["meshes"][0]["primitives"]
    assert [primitive["material"] for primitive in primitives] == [0, 1]


def test_names_follow_content_so_that_a_cache_may_keep_them() -> None:
    here, there = building([(0, 0, 0)], ["Ground"]), building([(0, 0, 0.5)], ["Ground"])
    assert list(pack(here)) == list(pack(here))
    assert {p.file for p in pack(here)} & {p.file for p in pack(there)} == {"manifest.json"}


@pytest.mark.parametrize(("places", "storeys"), [([(0.0, 0.0, 0.0)], [""]), ([(0.0, 0.0, 0.0)], ["Unknown"])])
def test_elements_without_a_storey_are_not_lost(places: list[tuple[float, float, float]], storeys: list[str]) -> None:
    manifest, _ = files(building(places, storeys))
    assert [(s["name"], s["elevation_m"], s["elements"]) for s in manifest["storeys"]] == [(storeys[0], None, 1)]


def test_a_building_without_elements_is_an_empty_pack() -> None:
    nothing = Building((), (), Mesh(np.zeros((0, 3)), np.zeros((0, 3), np.int32), np.zeros(0, np.int32)), ())
    assert files(nothing)[0]["storeys"] == []


def test_verdicts_travel_as_columns() -> None:
    moved = Deviation((0.03, 0.04, 0.0), (0.0, 0.0, 0.0), 0.001, 0.0, 0.0, False)
    evidence, reason = Evidence(1, 0, 0, 0), Reason("It stands.", "已建成。")
    verdicts = [
        Verdict("a", State.DISPLACED, 1.0, 1.0, 1.0, 0.9, 0.99, evidence, moved, reason),
        Verdict("b", State.UNSEEN, None, 0.0, 1.0, 0.0, 0.9, evidence, None, reason),
    ]
    table = json.loads(verdict_table(map(Judgement.of, verdicts)).content)
    assert table["state"] == ["displaced", "unseen"]
    assert table["deviation_m"] == [0.05, None]
    assert table["within_tolerance"] == [False, None]
    assert table["reason"]["zh"] == ["已建成。"] * 2


@pytest.mark.parametrize(
    ("ifc_class", "trade"),
    [
        ("IfcWallStandardCase", Trade.WALLS),
        ("IfcSlab", Trade.STRUCTURE),
        ("IfcPipeFitting", Trade.SERVICES),
        ("IfcFlowTerminal", Trade.SERVICES),
        ("IfcDoor", Trade.OPENINGS),
        ("IfcBuildingElementProxy", Trade.OTHER),
    ],
)
def test_a_class_belongs_to_a_trade(ifc_class: str, trade: Trade) -> None:
    assert trade_of(ifc_class) is trade


@pytest.mark.parametrize("model", ["Duplex_A", "BimWhale_LargeBuilding", "Schependomlaan_walls_ground"])
def test_real_models_are_small(shared_data: Path, model: str) -> None:
    whole = read_building([shared_data / "ifc" / f"{model}.ifc"])
    manifest, parts = files(whole)
    assert sum(storey["elements"] for storey in manifest["storeys"]) == len(whole.elements)
    a_thousand = sum(len(gzip.compress(content)) for content in parts.values()) * 1000 / len(whole.elements)
    assert a_thousand < 5_000_000
