"""IFC files into buildings: real models, units, places far away, federation, hostile files, the cache."""

import json
import random
import re
import zipfile
from pathlib import Path

import ifcopenshell
import ifcopenshell.geom
import numpy as np
import pytest

from bim.errors import BadModel
from bim.ifc import georeference, inspect_model, read_building
from bim.ifc_authoring import Author, Opening
from bim.isolation import Limits
from bim.model import Building

CASES = {
    "duplex": "Duplex_A",
    "tall": "BimWhale_TallBuilding",
    "fzk": "AC20-FZK-Haus",
    "large": "BimWhale_LargeBuilding",
}
KERNEL_MODELS = ("AC20-FZK-Haus", "BimWhale_TallBuilding", "Everse_Project1", "Schependomlaan_masonry", "large_offset")
FACET_M = 0.001
"""How far two approximations of one circle may lie apart."""
MUTANTS = 120
TIGHT = Limits(memory_bytes=2 * 1024**3, cpu_s=20, wall_s=60)


def house(unit: str = "m", schema: str = "IFC4") -> Author:
    model = Author("House", schema, unit)
    ground = model.storey("Ground", 0.0)
    openings = [Opening("door", "Door", at_m=1.0, width_m=1.0, height_m=2.1)]
    model.wall(ground, "Wall", (0, 0), (4, 0), height_m=3.0, thickness_m=0.25, openings=openings)
    model.pipe(ground, "Pipe", (0, 1, 2), (3, 1, 2), 0.05)
    return model


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("model") / "house.ifc"
    house().write(path)
    return path


def read(*paths: Path) -> Building:
    return read_building(list(paths), cache=None, limits=TIGHT)


def bounds_m(building: Building, element: int) -> np.ndarray:
    xyz = building.mesh.corners[building.mesh.of(element)].reshape(-1, 3)
    return np.array([xyz.min(axis=0), xyz.max(axis=0)])


def refusal(path: Path) -> str:
    with pytest.raises(BadModel) as caught:
        read(path)
    return str(caught.value)


def edited(written: Path, folder: Path, pattern: str, replacement: str) -> Path:
    text, count = re.subn(pattern, replacement, written.read_text())
    assert count
    path = folder / "edited.ifc"
    path.write_text(text)
    return path


# --- What is read -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES)
def test_every_element_of_a_case_is_found_with_its_area(shared_data, case):
    elements = {each.global_id: each for each in read(shared_data / "ifc" / f"{CASES[case]}.ifc").elements}
    truth = json.loads((shared_data / "cases" / case / "truth.json").read_text())["elements"]
    assert elements.keys() == {each["global_id"] for each in truth}
    for each in truth:
        assert elements[each["global_id"]].area_m2 == pytest.approx(each["area"], rel=0.02)


@pytest.mark.parametrize("name", KERNEL_MODELS)
def test_shapes_are_those_of_the_plain_kernel(shared_data, name):
    path = shared_data / "ifc" / f"{name}.ifc"
    building, model = read(path), ifcopenshell.open(str(path))
    rows = {element.global_id: row for row, element in enumerate(building.elements)}
    settings = ifcopenshell.geom.settings()
    settings.set("use-world-coords", True)
    included = [model.by_guid(global_id) for global_id in rows]
    for shape in ifcopenshell.geom.iterate(settings, model, include=included):
        row = rows.pop(shape.guid)
        xyz = np.array(shape.geometry.verts).reshape(-1, 3)
        a, b, c = (xyz - xyz[0])[np.array(shape.geometry.faces).reshape(-1, 3)].transpose(1, 0, 2)
        np.testing.assert_allclose(bounds_m(building, row), [xyz.min(axis=0), xyz.max(axis=0)], atol=FACET_M)
        volume_m3 = abs(np.einsum("ij,ij", a, np.cross(b, c))) / 6.0
        assert building.elements[row].volume_m3 == pytest.approx(volume_m3, rel=0.06, abs=1e-4)
    assert not rows


def test_a_door_stands_in_its_opening_and_the_wall_lacks_it(written):
    building = read(written)
    classes = [each.ifc_class for each in building.elements]
    wall, door = classes.index("IfcWall"), classes.index("IfcDoor")
    assert building.elements[wall].volume_m3 == pytest.approx(0.25 * (4.0 * 3.0 - 1.0 * 2.1), rel=1e-6)
    np.testing.assert_allclose(bounds_m(building, door)[:, [0, 2]], [[1.0, 0.0], [2.0, 2.1]], atol=1e-6)


def test_elements_say_what_kind_of_their_class_they_are(shared_data):
    elements = read(shared_data / "ifc" / "Duplex_A.ifc").elements
    assert [each.predefined_type for each in elements if each.ifc_class == "IfcFooting"] == ["STRIP_FOOTING"] * 7
    assert {each.predefined_type for each in elements if each.ifc_class == "IfcSlab"} == {"FLOOR", "ROOF"}


def test_openings_spaces_and_sites_are_no_elements(shared_data):
    building = read(shared_data / "ifc" / "AC20-FZK-Haus.ifc")
    assert not {"IfcOpeningElement", "IfcSpace", "IfcSite"} & {each.ifc_class for each in building.elements}


def test_of_an_assembly_the_parts_are_the_elements(tmp_path):
    model = Author("Stair")
    model.stair(model.storey("Ground", 0.0), "Stair", (1.5, 1, 0), (0, 1), 1.2, steps=9, step_m=(0.27, 0.16))
    model.write(tmp_path / "stair.ifc")
    elements = read(tmp_path / "stair.ifc").elements
    assert elements
    assert all(each.area_m2 > 0.0 and each.storey == "Ground" for each in elements)


# --- Units and places -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("schema", ["IFC2X3", "IFC4", "IFC4X3_ADD2"])
def test_millimetres_and_metres_give_the_same_building(written, tmp_path, schema):
    house("mm", schema).write(tmp_path / "mm.ifc")
    building = read(tmp_path / "mm.ifc")
    np.testing.assert_allclose(building.mesh.vertices, read(written).mesh.vertices, atol=1e-7)


@pytest.mark.parametrize(("name", "unit_m"), [("FOOT", 0.3048), ("INCH", 0.0254)])
def test_a_conversion_based_unit_counts(written, tmp_path, name, unit_m):
    path = edited(
        written,
        tmp_path,
        r"#(\d+)=IFCSIUNIT\(\*,\.LENGTHUNIT\.,\$,\.METRE\.\);",
        rf"#\1=IFCCONVERSIONBASEDUNIT(#900001,.LENGTHUNIT.,'{name}',#900002);"
        rf"#900001=IFCDIMENSIONALEXPONENTS(1,0,0,0,0,0,0);"
        rf"#900002=IFCMEASUREWITHUNIT(IFCLENGTHMEASURE({unit_m}),#900003);"
        rf"#900003=IFCSIUNIT(*,.LENGTHUNIT.,$,.METRE.);",
    )
    size_m = np.ptp(read(path).mesh.vertices, axis=0)
    np.testing.assert_allclose(size_m, np.ptp(read(written).mesh.vertices, axis=0) * unit_m, rtol=0.02)


def test_a_model_without_a_unit_of_length_is_refused(written, tmp_path):
    assert "names no unit of length" in refusal(edited(written, tmp_path, r"\.LENGTHUNIT\.", ".MASSUNIT."))


def test_far_coordinates_keep_their_precision_and_are_noted(shared_data):
    building = read(shared_data / "ifc" / "large_offset.ifc")
    assert np.abs(building.mesh.vertices).max() > 1e5
    assert building.mesh.vertices.dtype == np.float64
    assert any("km from the origin" in note for note in building.assumptions)


def test_an_unsupported_schema_is_refused_by_name(shared_data):
    assert "is of schema IFC2X_FINAL" in refusal(shared_data / "ifc" / "unsupported_IFC2X_FINAL.ifc")


def test_a_map_conversion_is_the_models_place(shared_data):
    found = georeference(shared_data / "ifc" / "bSI_geographic-referencing-utm.ifc", cache=None)
    assert found is not None
    assert found.T_map_site is not None
    assert "EPSG" in found.crs


# --- Several files ----------------------------------------------------------------------------------------------------


def test_files_of_several_suppliers_are_one_building(shared_data):
    paths = [shared_data / "ifc" / f"Schependomlaan_{part}.ifc" for part in ("masonry", "floors", "steel")]
    building = read(*paths)
    # The marker of the common origin is in all of them.
    assert [source.elements for source in building.sources] == [135, 49, 77]
    assert len({each.global_id for each in building.elements}) == len(building.elements) == 261
    assert (np.diff(building.mesh.element) >= 0).all()


def test_an_element_in_two_files_counts_once(written, tmp_path):
    (tmp_path / "again.ifc").write_bytes(written.read_bytes())
    building = read(written, tmp_path / "again.ifc")
    assert len(building.elements) == len(read(written).elements)
    assert any("in an earlier file too" in note for note in building.assumptions)


def test_a_zipped_model_is_the_same_building(written, tmp_path):
    with zipfile.ZipFile(tmp_path / "house.ifczip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(written, "house.ifc")
    assert read(tmp_path / "house.ifczip").elements == read(written).elements


def test_an_inspection_counts_what_the_model_holds(written):
    found = inspect_model(written, cache=None)
    assert found["elements"] == {"IfcDoor": 1, "IfcPipeSegment": 1, "IfcWall": 1}
    assert found["length_unit_m"] == 1.0
    json.dumps(found)


# --- The cache --------------------------------------------------------------------------------------------------------


def test_the_cache_gives_the_same_building(written, tmp_path):
    first, again = (read_building([written], cache=tmp_path) for _ in range(2))
    assert first.elements == again.elements
    np.testing.assert_array_equal(first.mesh.vertices, again.mesh.vertices)
    assert len(list(tmp_path.iterdir())) == 1


def test_a_damaged_cache_file_is_read_anew(written, tmp_path):
    read_building([written], cache=tmp_path)
    (kept,) = tmp_path.iterdir()
    kept.write_bytes(kept.read_bytes()[:200])
    assert read_building([written], cache=tmp_path).elements == read(written).elements


def test_an_interrupted_cache_write_leaves_nothing(written, tmp_path, monkeypatch):
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        read_building([written], cache=tmp_path)
    assert list(tmp_path.iterdir()) == []


# --- Hostile files ----------------------------------------------------------------------------------------------------

HOSTILE = {
    "empty": (b"", "is not an IFC file"),
    "binary": (bytes(range(256)) * 10, "is not an IFC file"),
    "XML": (b"<?xml version='1.0'?><ifcXML/>", "is XML"),
    "broken archive": (b"PK\x03\x04 and nothing more", "broken archive"),
    "header alone": (b"ISO-10303-21;HEADER;ENDSEC;DATA;ENDSEC;END-ISO-10303-21;", "names no schema"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_is_no_model_is_refused(tmp_path, kind):
    content, sentence = HOSTILE[kind]
    (tmp_path / "m.ifc").write_bytes(content)
    assert sentence in refusal(tmp_path / "m.ifc")


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    assert "cannot be opened" in refusal(tmp_path / "none.ifc")
    assert "cannot be opened" in refusal(tmp_path)


def test_a_truncated_model_is_refused(written, tmp_path):
    (tmp_path / "m.ifc").write_bytes(written.read_bytes()[:-2000])
    assert "is cut off" in refusal(tmp_path / "m.ifc")


def test_a_zip_bomb_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "bomb.ifczip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.ifc", b" " * 50_000_000)
    assert "would unpack to" in refusal(tmp_path / "bomb.ifczip")


def test_two_models_in_one_archive_are_refused(written, tmp_path):
    with zipfile.ZipFile(tmp_path / "two.ifczip", "w") as archive:
        archive.write(written, "a.ifc")
        archive.write(written, "b.ifc")
    assert "holds 2 .ifc files" in refusal(tmp_path / "two.ifczip")


def survives(path: Path) -> None:
    """A building or a refusal; nothing else comes out."""
    try:
        vertices = read(path).mesh.vertices
    except BadModel:
        return
    assert np.isfinite(vertices).all()


def test_placements_that_go_in_circles_end(written, tmp_path):
    survives(edited(written, tmp_path, r"#(\d+)=IFCLOCALPLACEMENT\((#\d+|\$),", r"#\1=IFCLOCALPLACEMENT(#\1,"))


def test_deep_nesting_ends(written, tmp_path):
    deep = "(" * 100_000 + ")" * 100_000
    survives(edited(written, tmp_path, r"IFCDIRECTION\(\([^)]*\)\)", f"IFCDIRECTION({deep})"))


def mutant(text: bytes, rng: random.Random) -> bytes:
    """The text with a few bytes changed, or a few of its tokens replaced by others of it."""
    if rng.random() < 0.5:
        changed = bytearray(text)
        for _ in range(rng.randint(1, 20)):
            changed[rng.randrange(len(text))] = rng.randrange(256)
        return bytes(changed)
    tokens = re.split(rb"([(),;=])", text)
    for _ in range(rng.randint(1, 10)):
        tokens[rng.randrange(len(tokens))] = rng.choice([rng.choice(tokens), b"$", b"1e308", b"-1", b"9" * 30])
    return b"".join(tokens)


def test_mutants_give_a_building_or_a_refusal_and_leave_nothing(written, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    rng = random.Random(7)
    path = tmp_path / "mutant.ifc"
    for _ in range(MUTANTS):
        path.write_bytes(mutant(written.read_bytes(), rng))
        survives(path)
    assert list(tmp_path.iterdir()) == [path]
