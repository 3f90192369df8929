"""Two versions of a model: every element is matched, added or removed, and verdicts go where they still hold."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bim.ifc import read_building
from bim.model import Building
from bim.model_versions import Difference, VersionComparison, carried, compare_versions
from bim.shapes import shape_apart, shapes
from bim.verdict import Evidence, Reason, State, Verdict
from tests.bim.boxes import Box, building


def compare(old: list[Box], new: list[Box]) -> VersionComparison:
    return compare_versions(building(old), building(new))


def verdicts(of: Building) -> list[Verdict]:
    return [
        Verdict(
            each.global_id, State.BUILT, 1.0, 0.9, 1.0, 0.8, 0.97, Evidence(9, 0, 0, 0), None, Reason("Seen.", "可见。")
        )
        for each in of.elements
    ]


A, B = Box("A"), Box("B", (0.0, 5.0, 0.0))


@pytest.mark.parametrize(
    ("changed", "differences"),
    [
        (A, ()),
        (replace(A, name="outer wall"), (Difference.RENAMED,)),
        (replace(A, ifc_class="IfcColumn"), (Difference.RENAMED,)),
        (replace(A, ifc_class="IfcWallStandardCase"), ()),
        (replace(A, low_m=(0.0, 0.03, 0.0)), (Difference.MOVED,)),
        (replace(A, turn_rad=0.5), (Difference.MOVED,)),
        (replace(A, size_m=(4.0, 0.3, 3.0)), (Difference.RESHAPED,)),
        (replace(A, size_m=(4.5, 0.2, 3.0), name="longer"), (Difference.RESHAPED, Difference.RENAMED)),
    ],
)
def test_an_element_of_the_same_guid_is_matched_and_says_what_differs(
    changed: Box, differences: tuple[Difference, ...]
) -> None:
    [first, second] = compare([A, B], [changed, B]).matches
    assert (first.by, first.differences, second.differences) == ("guid", differences, ())


def test_what_has_no_match_is_added_or_removed() -> None:
    found = compare([A, B], [A, Box("C", (9.0, 0.0, 0.0))])
    assert (found.added, found.removed) == ((1,), (1,))


def test_an_element_whose_guid_changed_is_found_by_its_geometry() -> None:
    found = compare([A, B], [replace(B, global_id="new B"), replace(A, global_id="new A")])
    assert [(match.old, match.new, match.by) for match in found.matches] == [(1, 0, "geometry"), (0, 1, "geometry")]
    assert found.new_ids == {"A": "new A", "B": "new B"}


@pytest.mark.parametrize(
    "other",
    [
        replace(A, global_id="X", ifc_class="IfcSlab"),
        replace(A, global_id="X", low_m=(0.1, 0, 0)),
        replace(A, global_id="X", size_m=(4.0, 0.2, 3.1)),
    ],
    ids=["another class", "another place", "another shape"],
)
def test_what_is_not_the_same_is_not_matched_by_geometry(other: Box) -> None:
    assert compare([A], [other]).matches == ()


def test_of_two_elements_in_one_place_each_is_matched_once() -> None:
    twins = [replace(A, global_id="1", name="inner"), replace(A, global_id="2", name="outer")]
    found = compare(twins, [replace(A, global_id="3", name="outer"), replace(A, global_id="4", name="inner")])
    assert [(match.old, match.new) for match in found.matches] == [(1, 0), (0, 1)]
    single = compare(twins, [replace(A, global_id="3")])
    assert (len(single.matches), len(single.removed)) == (1, 1)


def test_verdicts_follow_what_stands_as_before_and_say_how() -> None:
    old = building([A, B, Box("C", (0.0, 9.0, 0.0))])
    new = building([replace(A, global_id="new A"), replace(B, low_m=(0.0, 5.5, 0.0)), Box("D", (9.0, 9.0, 0.0))])
    first, second, third = carried(compare_versions(old, new), verdicts(old))
    assert (first.global_id, first.state) == ("new A", State.BUILT)
    assert "found again by place and shape" in first.reason.en
    assert "按位置和形状重新找到" in first.reason.zh
    assert second.state is third.state is State.UNSEEN
    assert "500 mm elsewhere" in second.reason.en
    assert "New in this version" in third.reason.en


@given(turn=st.floats(-3, 3), x=st.floats(-50, 50), y=st.floats(-50, 50))
def test_turning_and_moving_do_not_change_a_shape(turn: float, x: float, y: float) -> None:
    one, other = shapes(building([A])), shapes(building([replace(A, turn_rad=turn, low_m=(x, y, 1.0))]))
    row = np.zeros(1, np.int64)
    assert shape_apart(one, row, other, row)[0] < 1e-9


boxes = st.lists(
    st.builds(
        Box,
        st.sampled_from("abcdef"),
        st.tuples(st.integers(0, 1).map(float), st.just(0.0), st.just(0.0)),
        st.sampled_from([(4.0, 0.2, 3.0), (1.0, 1.0, 1.0)]),
        st.sampled_from(["x", "y"]),
    ),
    max_size=6,
    unique_by=lambda box: box.global_id,
)


@settings(deadline=None)
@given(old=boxes, new=boxes)
def test_every_element_is_in_one_match_or_none(old: list[Box], new: list[Box]) -> None:
    found = compare(old, new)
    assert sorted([*(match.old for match in found.matches), *found.removed]) == list(range(len(old)))
    assert sorted([*(match.new for match in found.matches), *found.added]) == list(range(len(new)))


@settings(deadline=None)
@given(old=boxes)
def test_a_model_compared_with_itself_is_the_same(old: list[Box]) -> None:
    found = compare(old, old)
    assert [(match.old, match.new, match.differences) for match in found.matches] == [
        (i, i, ()) for i in range(len(old))
    ]


def test_a_real_model_with_every_guid_changed_is_found_again(shared_data: Path, tmp_path: Path) -> None:
    old = read_building([shared_data / "ifc/AC20-FZK-Haus.ifc"], cache=tmp_path)
    new = replace(old, elements=tuple(replace(each, global_id=f"new{i:019d}") for i, each in enumerate(old.elements)))
    found = compare_versions(old, new)
    assert (found.added, found.removed) == ((), ())
    assert all(match.by == "geometry" and match.differences == () for match in found.matches)
    wrong = [match for match in found.matches if match.old != match.new]
    assert not wrong
