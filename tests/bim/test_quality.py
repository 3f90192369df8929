"""Tolerance libraries: what a standard allows, and measured values held against it."""

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bim.errors import BadInput
from bim.quality.elements import Tolerances, chosen_tolerances
from bim.quality.library import ANY, Quantity, Tolerance, assess, read_library, standard, standards

GB, DIN, ACI = standard("gb_50204_2015"), standard("din_18202"), standard("aci_117")


def test_every_library_that_comes_along_can_be_read_and_says_what_was_not_verified() -> None:
    assert standards() == ("aci_117", "din_18202", "gb_50204_2015", "usibd_loa_20", "usibd_loa_30", "usibd_loa_40")
    unverified = {name for name in standards() if not all(clause.verified for clause in standard(name).clauses)}
    assert unverified == {"aci_117", "usibd_loa_20", "usibd_loa_30", "usibd_loa_40"}


@pytest.mark.parametrize(
    ("quantity", "ifc_class", "predefined_type", "height_m", "limit_mm"),
    [
        (Quantity.POSITION, "IfcColumn", "", None, 8),
        (Quantity.POSITION, "IfcWallStandardCase", "", None, 8),
        (Quantity.POSITION, "IfcFooting", "STRIP_FOOTING", None, 15),
        (Quantity.POSITION, "IfcFooting", "PAD_FOOTING", None, 10),
        (Quantity.PLUMB, "IfcWall", "", 3.0, 10),
        (Quantity.PLUMB, "IfcWall", "", 6.0, 10),
        (Quantity.PLUMB, "IfcWall", "", 6.5, 12),
        (Quantity.LEVEL, "IfcSlab", "FLOOR", None, 10),
        (Quantity.TOTAL_LEVEL, "IfcBuilding", "", None, 30),
        (Quantity.OPENING, "IfcDoor", "", None, 15),
    ],
)
def test_gb_50204_allows(
    quantity: Quantity, ifc_class: str, predefined_type: str, height_m: float | None, limit_mm: float
) -> None:
    allowed = GB.tolerance(quantity, ifc_class, predefined_type=predefined_type, height_m=height_m)
    assert allowed is not None
    assert allowed.limit_m == pytest.approx(limit_mm / 1000)
    assert allowed.source == "GB 50204-2015"


def test_gb_50204_allows_more_section_than_less_and_8_mm_under_2_m() -> None:
    section = GB.tolerance(Quantity.SECTION, "IfcBeam")
    flatness = GB.tolerance(Quantity.FLATNESS, "IfcSlab", length_m=2.0)
    assert section is not None
    assert flatness is not None
    assert (section.limit_m, section.lower_m, flatness.limit_m) == pytest.approx((0.010, -0.005, 0.008))
    assert GB.straightedges_m("IfcSlab") == (2.0,)


@pytest.mark.parametrize(
    ("ifc_class", "length_m", "limit_mm"),
    [
        ("IfcSlab", 0.1, 2), ("IfcSlab", 1, 4), ("IfcSlab", 4, 10), ("IfcSlab", 10, 12), ("IfcSlab", 15, 15),
        ("IfcWall", 0.1, 5), ("IfcWall", 1, 10), ("IfcWall", 4, 15), ("IfcWall", 10, 25), ("IfcWall", 15, 30),
        ("IfcSlab", 2.5, 7),
    ],
)  # fmt: skip
def test_din_18202_allows_more_over_longer_spacings(ifc_class: str, length_m: float, limit_mm: float) -> None:
    allowed = DIN.tolerance(Quantity.FLATNESS, ifc_class, length_m=length_m)
    assert allowed is not None
    assert allowed.limit_m == pytest.approx(limit_mm / 1000)


def test_a_share_of_the_height_counts_up_to_its_cap() -> None:
    low = ACI.tolerance(Quantity.PLUMB, "IfcColumn", height_m=3.0)
    high = ACI.tolerance(Quantity.PLUMB, "IfcColumn", height_m=30.0)
    assert low is not None
    assert high is not None
    assert (low.limit_m, high.limit_m) == pytest.approx((0.009, 0.025))
    assert "unverified" in low.citation.en
    assert "未核实" in low.citation.zh


def test_what_a_library_does_not_limit_has_no_tolerance() -> None:
    assert DIN.tolerance(Quantity.POSITION, "IfcWall") is None
    assert GB.tolerance(Quantity.POSITION, "IfcFooting") is None, "strip or pad: not guessed"
    assert GB.tolerance(Quantity.PLUMB, "IfcWall") is None, "without a height"
    assert DIN.tolerance(Quantity.FLATNESS, "IfcSlab", length_m=40.0) is None


WITHIN_8 = Tolerance(Quantity.POSITION, 0.008, -0.008, "clause 1", "第 1 条", "standard", True)


@pytest.mark.parametrize(
    ("value_mm", "sigma_mm", "within"),
    [(5, 1, True), (-5, 1, True), (12, 1, False), (-12, 1, False), (8.5, 1, None), (7.5, 1, None), (12, 5, None)],
)
def test_a_value_is_within_or_beyond_only_by_two_standard_errors(
    value_mm: float, sigma_mm: float, within: bool | None
) -> None:
    assert assess(value_mm / 1000, sigma_mm / 1000, WITHIN_8).within is within


def test_the_reason_cites_the_clause_in_both_languages() -> None:
    reason = assess(0.012, 0.001, WITHIN_8).reason
    assert reason.en == "12.0 mm ± 1.0 mm is more than 8 mm allows (standard, clause 1)"
    assert reason.zh == "12.0 mm ± 1.0 mm 超出 8 mm（standard 第 1 条）"


@given(value=st.floats(-0.1, 0.1), sigma=st.floats(0, 0.05), more=st.floats(0, 0.05))
def test_more_noise_never_decides_what_less_noise_left_open(value: float, sigma: float, more: float) -> None:
    less_sure = assess(value, sigma + more, WITHIN_8).within
    assert less_sure is None or less_sure is assess(value, sigma, WITHIN_8).within


BEAMS = Tolerances(0.015, (("*", GB),))


@pytest.mark.parametrize(
    ("shift_m", "excess_mm", "limit_mm", "said"),
    [
        ((0.003, 0.004, 0.0), -3.0, 8.0, "axis position"),
        ((0.012, 0.0, 0.002), 4.0, 8.0, "axis position"),
        ((0.0, 0.0, -0.015), 5.0, 10.0, "level"),
    ],
)
def test_a_shift_is_held_against_the_clause_that_it_exceeds_most(
    shift_m: tuple[float, float, float], excess_mm: float, limit_mm: float, said: str
) -> None:
    held = BEAMS.allowance("IfcBeam").governing(shift_m)
    assert (1000 * held.excess_m, 1000 * held.limit_m) == pytest.approx((excess_mm, limit_mm))
    assert held.citation is not None
    assert said in held.citation.en


def test_a_clause_for_a_predefined_type_speaks_of_that_type_alone() -> None:
    strip, pad, other = (BEAMS.allowance("IfcFooting", kind).plan for kind in ("STRIP_FOOTING", "PAD_FOOTING", ""))
    assert strip is not None
    assert pad is not None
    assert (strip.limit_m, pad.limit_m, other) == (0.015, 0.010, None)


def test_what_no_library_limits_is_held_against_the_general_tolerance() -> None:
    held = BEAMS.allowance("IfcPipeSegment").governing((0.006, 0.0, 0.008))
    assert (1000 * held.excess_m, held.limit_m, held.citation) == (pytest.approx(-5.0), 0.015, None)


def test_a_library_named_for_a_class_comes_before_those_for_any() -> None:
    chosen = chosen_tolerances(["usibd_loa_20", "IfcWallStandardCase=gb_50204_2015"], 0.015)
    assert [chosen.allowance(each).plan.source for each in ("IfcWall", "IfcDoor")] == [  # type: ignore[union-attr]
        "GB 50204-2015",
        "USIBD LOA 20",
    ]


@pytest.mark.parametrize("choice", ["din_1", "wall=din_18202", "=", "IfcWall=", "absent.toml"])
def test_a_choice_that_names_no_library_is_refused(choice: str) -> None:
    with pytest.raises(BadInput):
        chosen_tolerances([choice], 0.015)


OWN = """name = "House rules"
title = { en = "Ours", zh = "本项目" }
[[tolerance]]
quantity = "position"
classes = ["*"]
limit_mm = 20
clause = "page 3"
"""


def test_a_project_may_bring_its_own_library(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(OWN)
    library = read_library(tmp_path / "own.toml")
    allowed = library.tolerance(Quantity.POSITION, "IfcPipeSegment")
    assert allowed is not None
    assert (allowed.limit_m, allowed.clause) == (0.02, "page 3")
    assert library.clauses[0].classes == (ANY,)


@pytest.mark.parametrize(
    "wrong",
    ["", "[", OWN.replace("position", "beauty"), OWN.replace("20", "-1"), OWN.replace("20", "true"),
     OWN.replace("20", "nan"), OWN.replace("clause", "claws"), OWN.replace('["*"]', "3"), "tolerance = 3\n" + OWN[:20]],
)  # fmt: skip
def test_a_library_with_a_mistake_is_refused_by_name(wrong: str, tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(wrong)
    with pytest.raises(BadInput, match=r"own\.toml"):
        read_library(tmp_path / "own.toml")


def test_an_unknown_standard_is_refused_with_those_there_are() -> None:
    with pytest.raises(BadInput, match="din_18202"):
        standard("din_1")
    assert math.isinf(GB.clauses[0].share_of_height)
