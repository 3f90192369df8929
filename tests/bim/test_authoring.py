"""A building written in code is a valid IFC file with the geometry that was asked for."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import ifcopenshell
import ifcopenshell.geom
import ifcopenshell.util.unit
import ifcopenshell.validate
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bim.ifc_authoring import Author, Opening, PlannedTask, Schema

SCHEMAS: tuple[Schema, ...] = ("IFC2X3", "IFC4", "IFC4X3_ADD2")
SQUARE = ((0.0, 0.0), (6.0, 0.0), (6.0, 5.0), (0.0, 5.0))


def house(schema: Schema = "IFC4", unit: Literal["m", "mm"] = "m") -> Author:
    model = Author("House", schema, unit)
    ground, upper = model.storey("Ground", 0.0), model.storey("Upper", 3.0)
    openings = [
        Opening("window", "Window", at_m=1.0, width_m=1.2, height_m=1.4, sill_m=0.9),
        Opening("door", "Door", at_m=3.0, width_m=1.0, height_m=2.1),
        Opening("none", "Hatch", at_m=5.0, width_m=0.5, height_m=0.5, sill_m=2.0),
    ]
    model.wall(ground, "Wall", (0, 0), (6, 0), height_m=2.8, thickness_m=0.3, openings=openings)
    model.slab(upper, "Slab", SQUARE, 0.2, openings=[((1, 1), (2, 1), (2, 2), (1, 2))])
    model.column(ground, "Column", (3, 3), (0.3, 0.3), 2.8)
    model.footing(ground, "Footing", (3, 3), (1, 1), 0.4, top_m=-0.3)
    model.beam(ground, "Beam", (0, 3, 2.6), (6, 3, 2.6), (0.3, 0.4))
    model.stair(ground, "Stair", (1.5, 1, 0), (0, 1), 1.2, steps=9, step_m=(0.27, 0.16))
    model.railing(upper, "Railing", [(1, 1, 0), (2, 1, 0), (2, 2, 0)])
    pipe = model.pipe(ground, "Pipe", (0, 1, 2.4), (6, 1, 2.4), 0.06)
    model.duct(ground, "Duct", (0, 2, 2.4), (6, 2, 2.4), (0.4, 0.25))
    model.roof(upper, "Roof", SQUARE, 0.2, top_m=3.0)
    model.system("Heating", [pipe])
    return model


def read(model: Author, folder: Path) -> Any:
    model.write(folder / "model.ifc")
    return ifcopenshell.open(str(folder / "model.ifc"))


def shapes(file: Any) -> dict[str, tuple[np.ndarray, float]]:
    """Bounds (2, 3) in metres and volume by the product's name."""
    settings = ifcopenshell.geom.settings()
    settings.set("use-world-coords", True)
    found = {}
    for shape in ifcopenshell.geom.iterate(settings, file):
        xyz = np.array(shape.geometry.verts).reshape(-1, 3)
        a, b, c = xyz[np.array(shape.geometry.faces).reshape(-1, 3)].transpose(1, 0, 2)
        found[shape.name] = (np.array([xyz.min(0), xyz.max(0)]), float(np.einsum("ij,ij", a, np.cross(b, c))) / 6)
    return found


@pytest.mark.parametrize("schema", SCHEMAS)
@pytest.mark.parametrize("unit", ["m", "mm"])
def test_every_schema_and_unit_gives_a_valid_file(schema: Schema, unit: Literal["m", "mm"], tmp_path: Path) -> None:
    file = read(house(schema, unit), tmp_path)
    log = ifcopenshell.validate.json_logger()
    ifcopenshell.validate.validate(file, log)
    assert log.statements == []
    assert ifcopenshell.util.unit.calculate_unit_scale(file) == {"m": 1.0, "mm": 0.001}[unit]


@pytest.mark.parametrize("unit", ["m", "mm"])
def test_bodies_have_the_size_that_was_asked_for_whatever_the_unit(unit: Literal["m", "mm"], tmp_path: Path) -> None:
    made = shapes(read(house(unit=unit), tmp_path))
    expected = {
        "Wall": 6 * 2.8 * 0.3 - 0.3 * (1.2 * 1.4 + 1.0 * 2.1 + 0.25),
        "Slab": 6 * 5 * 0.2 - 0.2,
        "Column": 0.3 * 0.3 * 2.8,
        "Footing": 0.4,
        "Beam": 6 * 0.3 * 0.4,
        "Roof slab": 6.0,
    }
    assert {name: made[name][1] for name in expected} == pytest.approx(expected, rel=1e-6)


def test_heights_are_above_the_floor_of_the_storey(tmp_path: Path) -> None:
    made = shapes(read(house(), tmp_path))
    assert made["Slab"][0][:, 2] == pytest.approx([2.8, 3.0])
    assert made["Roof slab"][0][:, 2] == pytest.approx([5.8, 6.0])
    assert made["Footing"][0][:, 2] == pytest.approx([-0.7, -0.3])


def test_a_flight_climbs_along_its_heading_to_one_riser_below_the_next_floor(tmp_path: Path) -> None:
    bounds = shapes(read(house(), tmp_path))["Stair flight"][0]
    assert bounds[0] == pytest.approx([0.9, 1.0, 0.0])
    assert bounds[1] == pytest.approx([2.1, 1.0 + 8 * 0.27, 8 * 0.16])


def test_doors_and_windows_stand_in_their_openings(tmp_path: Path) -> None:
    file = read(house(), tmp_path)
    made = shapes(file)
    assert made["Window"][0][:, [0, 2]] == pytest.approx(np.array([[1.0, 0.9], [2.2, 2.3]]))
    assert made["Door"][0][:, [0, 2]] == pytest.approx(np.array([[3.0, 0.0], [4.0, 2.1]]))
    assert len(file.by_type("IfcRelFillsElement")) == 2


def test_an_assembly_is_contained_and_its_part_carries_the_geometry(tmp_path: Path) -> None:
    file = read(house(), tmp_path)
    (stair,) = file.by_type("IfcStair")
    assert stair.Representation is None
    assert [part.Name for part in stair.IsDecomposedBy[0].RelatedObjects] == ["Stair flight"]
    assert stair.ContainedInStructure[0].RelatingStructure.Name == "Ground"


def test_the_same_calls_write_the_same_bytes(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        house().write(tmp_path / folder / "model.ifc")
    assert (tmp_path / "one/model.ifc").read_bytes() == (tmp_path / "two/model.ifc").read_bytes()


def test_two_projects_share_no_global_id(tmp_path: Path) -> None:
    ids = [{entity.GlobalId for entity in Author(name)._file.by_type("IfcRoot")} for name in ("A", "B")]
    assert not ids[0] & ids[1]


def test_a_task_has_dates_follows_others_and_brings_about_its_products(tmp_path: Path) -> None:
    model = Author("Planned")
    ground = model.storey("Ground", 0.0)
    columns = [model.column(ground, f"Column {n}", (n, 0), (0.3, 0.3), 3.0) for n in range(2)]
    slab = model.slab(ground, "Slab", SQUARE, 0.2)
    model.schedule("Programme", [
        PlannedTask("1", "Columns", datetime(2026, 3, 2, 7), datetime(2026, 3, 6, 16), (), tuple(columns)),
        PlannedTask("2", "Slab", datetime(2026, 3, 9, 7), datetime(2026, 3, 11, 16), ("1",), (slab,)),
    ])  # fmt: skip
    file = read(model, tmp_path)
    first, second = file.by_type("IfcTask")
    assert second.TaskTime.ScheduleStart == "2026-03-09T07:00:00"
    assert [relation.RelatingProcess for relation in second.IsSuccessorFrom] == [first]
    linked = [relation.RelatingProduct.Name for relation in file.by_type("IfcRelAssignsToProduct")]
    assert linked == ["Column 0", "Column 1", "Slab"]


def test_the_map_conversion_says_where_the_site_is(tmp_path: Path) -> None:
    model = house()
    model.map_conversion("EPSG:25832", 565_310.0, 5_934_120.0, 7.5, 0.2)
    file = read(model, tmp_path)
    (conversion,) = file.by_type("IfcMapConversion")
    assert (conversion.Eastings, conversion.OrthogonalHeight) == (565_310.0, 7.5)
    assert np.arctan2(conversion.XAxisOrdinate, conversion.XAxisAbscissa) == pytest.approx(0.2)


@pytest.mark.parametrize(
    "add", [lambda model: model.schedule("Plan", []), lambda model: model.map_conversion("EPSG:25832", 0, 0, 0, 0)]
)
def test_what_ifc2x3_cannot_say_is_refused(add: Callable[[Author], None]) -> None:
    with pytest.raises(ValueError, match="cannot be written in IFC2X3"):
        add(Author("Old", "IFC2X3"))


@settings(max_examples=20, deadline=None)
@given(st.floats(-np.pi, np.pi), st.floats(0.5, 20.0), st.floats(0.05, 1.0), st.floats(0.5, 5.0))
def test_a_wall_in_any_direction_has_its_volume(turn: float, length: float, thickness: float, height: float) -> None:
    model = Author("Walls")
    ground = model.storey("Ground", 0.0)
    model.wall(ground, "Wall", (1, 2), (1 + length * np.cos(turn), 2 + length * np.sin(turn)), height, thickness)
    assert shapes(model._file)["Wall"][1] == pytest.approx(length * thickness * height, rel=1e-4)
