"""A model is checked before it is trusted: what a comparison needs, and what an IDS file demands."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from bim.checks import Finding, Severity, check_building, check_model
from bim.errors import BadInput
from bim.ifc_authoring import Author
from tests.bim.boxes import Box, building

A = Box("A")


def codes(findings: Iterable[Finding]) -> dict[str, tuple[str, ...]]:
    return {finding.code: finding.global_ids for finding in findings}


# --- Built in ---------------------------------------------------------------------------------------------------------


def test_a_sound_model_has_no_findings() -> None:
    assert check_building(building([A, Box("B", (0.0, 5.0, 0.0)), Box("C", (0.0, 0.0, 3.2), storey="Upper")])) == ()


def test_elements_of_one_place_and_shape_are_named_together() -> None:
    twice = [A, Box("B", (0.0, 5.0, 0.0)), replace(A, global_id="A2"), Box("B2", (0.0, 5.0, 0.0), ifc_class="IfcSlab")]
    [found] = check_building(building(twice))
    assert (found.code, found.severity) == ("duplicate", Severity.WARNING)
    assert found.global_ids == ("A", "A2", "B", "B2")
    assert found.message.en.startswith("4 elements")
    assert found.message.zh.startswith("4 个构件")


@pytest.mark.parametrize(
    "other", [replace(A, low_m=(0.0, 0.005, 0.0)), replace(A, size_m=(4.0, 0.21, 3.0))], ids=["5 mm away", "thicker"]
)
def test_what_is_nearly_the_same_is_no_duplicate(other: Box) -> None:
    assert check_building(building([A, replace(other, global_id="B")])) == ()


@pytest.mark.parametrize(
    ("box", "code"),
    [
        (Box("X", storey=""), "no_storey"),
        (Box("X", (0.0, 0.0, -30.0)), "off_storeys"),
        (Box("X", (0.0, 0.0, 20.0), storey="Upper"), "off_storeys"),
        (Box("X", (0.0, 0.0, 9.0)), "wrong_storey"),
        (Box("X", (900.0, 0.0, 0.0)), "stray"),
        (Box("X", size_m=(4.0, 0.0, 3.0)), "open_body"),
    ],
)
def test_an_element_that_is_out_of_place_is_named(box: Box, code: str) -> None:
    rest = [Box(f"B{i}", (0.0, 5.0 + i, 0.0)) for i in range(5)]
    assert codes(check_building(building([*rest, box])))[code] == ("X",)


def test_a_model_without_storeys_or_with_two_at_one_level_says_so() -> None:
    assert "no_storeys" in codes(check_building(building([A], storeys=())))
    close = check_building(building([A], storeys=(("Ground", 0.0), ("Ground finish", 0.1), ("Upper", 3.2))))
    [found] = [finding for finding in close if finding.code == "same_level"]
    assert "Ground, Ground finish" in found.message.en


def test_a_model_in_the_wrong_unit_or_far_away_says_so() -> None:
    tiny = Box("A", size_m=(0.004, 0.0002, 0.003))
    assert "size" in codes(check_building(building([tiny])))
    assert "far" in codes(check_building(building([replace(A, low_m=(3.5e6, 5.8e6, 0.0))])))


def test_every_finding_says_what_to_do_in_both_languages() -> None:
    for finding in check_building(building([Box("X", (900.0, 0.0, -30.0), storey="")], storeys=())):
        for said in (finding.message, finding.action):
            assert said.en
            assert said.zh
            assert "{" not in said.en + said.zh


# --- Files ------------------------------------------------------------------------------------------------------------


def written(folder: Path) -> Path:
    model = Author("House")
    ground = model.storey("Ground", 0.0)
    model.storey("Upper", 3.0)
    model.wall(ground, "Wall 1", (0, 0), (6, 0), height_m=2.8, thickness_m=0.3)
    model.wall(ground, "", (0, 4), (6, 4), height_m=2.8, thickness_m=0.3)
    model.write(folder / "house.ifc")
    return folder / "house.ifc"


def test_findings_come_with_the_gravest_first(shared_data: Path, tmp_path: Path) -> None:
    found = check_model(shared_data / "ifc/Duplex_A.ifc", cache=tmp_path)
    assert len(found) > 1
    assert found == tuple(sorted(found, key=lambda finding: list(Severity).index(finding.severity)))


def test_a_real_model_far_from_its_origin_is_told(shared_data: Path, tmp_path: Path) -> None:
    assert "far" in codes(check_model(shared_data / "ifc/large_offset.ifc", cache=tmp_path))


def test_a_model_that_cannot_be_read_is_a_finding(shared_data: Path, tmp_path: Path) -> None:
    [found] = check_model(shared_data / "ifc/unsupported_IFC2X_FINAL.ifc", cache=tmp_path)
    assert (found.code, found.severity) == ("unreadable", Severity.ERROR)
    assert "IFC2X_FINAL" in found.message.en


def test_a_repeated_guid_and_an_element_without_a_body_are_found(tmp_path: Path) -> None:
    import ifcopenshell

    path = written(tmp_path)
    model = ifcopenshell.open(str(path))
    first, second = model.by_type("IfcWall")
    first_id = first.GlobalId
    second.GlobalId = first_id
    bodiless = model.create_entity("IfcBeam", GlobalId="0000000000000000000000", Name="drawn only")
    model.write(str(path))
    found = codes(check_model(path, cache=None))
    assert found["repeated_guid"] == (first_id,)
    assert found["no_body"] == (bodiless.GlobalId,)


# --- IDS --------------------------------------------------------------------------------------------------------------

IDS = """<?xml version="1.0" encoding="utf-8"?>
<ids xmlns="http://standards.buildingsmart.org/IDS" xmlns:xs="http://www.w3.org/2001/XMLSchema">
<info><title>Office rules</title></info><specifications>
<specification name="Walls are named" ifcVersion="IFC4" instructions="Name every wall.">
<applicability minOccurs="0" maxOccurs="unbounded">
<entity><name><simpleValue>IFCWALL</simpleValue></name></entity></applicability>
<requirements><attribute cardinality="required"><name><simpleValue>Name</simpleValue></name>
<value>
<xs:restriction base="xs:string"><xs:pattern value="PATTERN"/></xs:restriction>
</value></attribute></requirements>
</specification>
<specification name="There are slabs" ifcVersion="IFC4">
<applicability minOccurs="1" maxOccurs="unbounded">
<entity><name><simpleValue>IFCSLAB</simpleValue></name></entity></applicability>
</specification>
<specification name="Old schema" ifcVersion="IFC2X3">
<applicability minOccurs="0" maxOccurs="unbounded">
<entity><name><simpleValue>IFCWALL</simpleValue></name></entity></applicability>
</specification>
</specifications></ids>"""


def ids_file(folder: Path, text: str = IDS, pattern: str = "Wall [0-9]+") -> Path:
    path = folder / "rules.ids"
    path.write_text(text.replace("PATTERN", pattern), encoding="utf-8")
    return path


def test_what_an_ids_file_demands_is_checked_element_by_element(tmp_path: Path) -> None:
    path = written(tmp_path)
    found = [each for each in check_model(path, [ids_file(tmp_path)], cache=None) if each.code.startswith("ids")]
    names, slabs, schema = found
    assert names.message.en.startswith("Walls are named: 1: ")
    assert len(names.global_ids) == 1
    assert names.action.en == "Name every wall."
    assert "at least one" in slabs.message.en
    assert (schema.code, schema.severity) == ("ids_schema", Severity.NOTE)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<ids/>",
        IDS.replace("<info>", "<inf>").replace("</info>", "</inf>"),
        '<!DOCTYPE x [<!ENTITY a "b">]>' + IDS.partition("?>")[2],
        IDS.replace('xmlns="http://standards.buildingsmart.org/IDS"', 'xmlns="http://example.org/other"'),
    ],
    ids=["empty", "nothing in it", "another element", "entities", "another namespace"],
)
def test_what_is_no_ids_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"rules\.ids"):
        check_model(written(tmp_path), [ids_file(tmp_path, text)], cache=None)


def test_a_pattern_that_never_ends_is_stopped(tmp_path: Path) -> None:
    from bim.isolation import Limits

    path = written(tmp_path)
    path.write_text(path.read_text().replace("Wall 1", "a" * 60 + "!"))
    rules = ids_file(tmp_path, pattern="(a|aa|aaa|aaaa)+(a+)+b")
    with pytest.raises(BadInput, match="too long"):
        check_model(path, [rules], cache=None, limits=Limits(cpu_s=2.0, wall_s=5.0))
