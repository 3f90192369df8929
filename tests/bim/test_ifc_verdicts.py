"""A model is written again with its verdicts, and every element shows its own state."""

import zipfile
from collections import Counter
from pathlib import Path

import ifcopenshell
import ifcopenshell.geom
import ifcopenshell.util.element
import ifcopenshell.validate
import pytest

from bim.errors import BadModel
from bim.ifc import read_building, write_verdicts
from bim.ifc_authoring import Author
from bim.verdict import Deviation, Evidence, Reason, State, Verdict

STATES = list(State)
COLOURS = {state: (0.1 + 0.2 * number, 0.5, 0.9 - 0.2 * number) for number, state in enumerate(STATES)}
MODELS = ("Duplex_A", "Ifc4_SampleHouse", "bSI_construction-scheduling-task")
"""One a schema; the first two place shared representations many times."""


def verdict(global_id: str, state: State) -> Verdict:
    unseen = state is State.UNSEEN
    moved = Deviation((0.012, -0.003, 0.0), (0.0, 0.0, 0.0), 0.001, 0.002, 0.004, within_tolerance=False)
    return Verdict(
        global_id,
        state,
        completion=None if unseen else 0.5,
        completion_low=0.25,
        completion_high=0.75,
        observable=0.8,
        confidence=0.99,
        evidence=Evidence(4, 3, 2, 1),
        deviation=moved if state is State.DISPLACED else None,
        reason=Reason("It isn't there; 50 % \\ done", "墙体已建成，偏差 12 毫米"),
    )


def verdicts(path: Path, shift: int = 0) -> list[Verdict]:
    elements = read_building([path], cache=None).elements
    return [verdict(each.global_id, STATES[(row + shift) % len(STATES)]) for row, each in enumerate(elements)]


def shown(path: Path, states: dict[str, State]) -> dict[str, set[tuple[float, ...]]]:
    """The colours of every face of each element."""
    model = ifcopenshell.open(str(path))
    found = {}
    included = [model.by_guid(global_id) for global_id in states]
    for shape in ifcopenshell.geom.iterate(ifcopenshell.geom.settings(), model, include=included):
        assert -1 not in shape.geometry.material_ids
        colours = [each.diffuse for each in shape.geometry.materials]
        found[shape.guid] = {(round(c.r(), 6), round(c.g(), 6), round(c.b(), 6)) for c in colours}
    return found


def complaints(path: Path) -> Counter[str]:
    logger = ifcopenshell.validate.json_logger()
    ifcopenshell.validate.validate(str(path), logger)
    return Counter(str(each.get("message")).splitlines()[0] for each in logger.statements)


@pytest.fixture(params=MODELS)
def source(request, shared_data) -> Path:
    return shared_data / "ifc" / f"{request.param}.ifc"


@pytest.fixture
def house(tmp_path) -> Path:
    model = Author("House")
    ground = model.storey("Ground", 0.0)
    for number in range(5):
        model.column(ground, f"Column {number}", (number, 0), (0.3, 0.3), 2.8)
    model.write(tmp_path / "house.ifc")
    return tmp_path / "house.ifc"


def test_a_written_model_is_as_valid_as_its_source_and_every_element_has_its_own_colour(source, tmp_path):
    given = verdicts(source)
    write_verdicts(source, tmp_path / "out.ifc", verdicts=given, colours=COLOURS)
    assert not complaints(tmp_path / "out.ifc") - complaints(source)
    states = {each.global_id: each.state for each in given}
    expected = {
        global_id: {tuple(round(channel, 6) for channel in COLOURS[state])} for global_id, state in states.items()
    }
    assert shown(tmp_path / "out.ifc", states) == expected


def test_the_property_set_says_what_the_verdict_says(house, tmp_path):
    given = verdicts(house)
    write_verdicts(house, tmp_path / "out.ifc", verdicts=given, colours=COLOURS)
    model = ifcopenshell.open(str(tmp_path / "out.ifc"))
    for each in given:
        said = ifcopenshell.util.element.get_psets(model.by_guid(each.global_id))["Sitewright_Verdict"]
        assert said["State"] == each.state
        assert said.get("Completion") == each.completion
        assert (said["SamplesPresent"], said["SamplesNotCovered"]) == (4, 1)
        assert (said["Reason"], said["ReasonZh"]) == (each.reason.en, each.reason.zh)
        assert said.get("ShiftX_mm") == (12.0 if each.deviation else None)
        assert said.get("WithinTolerance") == (False if each.deviation else None)


def test_the_same_input_gives_the_same_bytes(house, tmp_path):
    for name in ("a.ifc", "b.ifc"):
        write_verdicts(house, tmp_path / name, verdicts=verdicts(house), colours=COLOURS)
    assert (tmp_path / "a.ifc").read_bytes() == (tmp_path / "b.ifc").read_bytes()


def test_a_second_run_replaces_what_the_first_wrote(house, tmp_path):
    first, second = tmp_path / "first.ifc", tmp_path / "second.ifc"
    write_verdicts(house, first, verdicts=verdicts(house), colours=COLOURS)
    later = verdicts(house, shift=1)
    write_verdicts(first, second, verdicts=later, colours=COLOURS)
    before, after = (ifcopenshell.open(str(path)) for path in (first, second))
    for kind in ("IfcPropertySet", "IfcRelDefinesByProperties", "IfcSurfaceStyle", "IfcStyledItem", "IfcColourRgb"):
        assert len(after.by_type(kind)) == len(before.by_type(kind))
    states = {each.global_id: each.state for each in later}
    assert {key: len(colours) for key, colours in shown(second, states).items()} == dict.fromkeys(states, 1)


def test_shapes_do_not_change(source, tmp_path):
    write_verdicts(source, tmp_path / "out.ifc", verdicts=verdicts(source), colours=COLOURS)
    before, after = (read_building([path], cache=None) for path in (source, tmp_path / "out.ifc"))
    assert [(each.global_id, pytest.approx(each.area_m2)) for each in before.elements] == [
        (each.global_id, each.area_m2) for each in after.elements
    ]


def test_a_zipped_model_comes_out_as_text(house, tmp_path):
    with zipfile.ZipFile(tmp_path / "house.ifczip", "w") as archive:
        archive.write(house, "house.ifc")
    write_verdicts(tmp_path / "house.ifczip", tmp_path / "out.ifc", verdicts=verdicts(house), colours=COLOURS)
    assert (tmp_path / "out.ifc").read_bytes().startswith(b"ISO-10303-21")


def test_of_a_broken_model_nothing_is_written(tmp_path):
    (tmp_path / "bad.ifc").write_text("ISO-10303-21; nothing")
    with pytest.raises(BadModel):
        write_verdicts(tmp_path / "bad.ifc", tmp_path / "out.ifc", verdicts=[], colours=COLOURS)
    assert not (tmp_path / "out.ifc").exists()
