"""Two versions of a model: what was added, removed, moved, reshaped, renamed; and what verdicts still hold.

    comparison = compare_versions(old, new)
    verdicts = carried(comparison, old_verdicts)        # in the order of the new model's elements

Elements are matched by GUID first. What is left is matched by geometry: the same class, place, extents, area and
volume, one to one. An element that is at another place under another GUID is a new element.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal

import numpy as np
from scipy.spatial import cKDTree

from bim.model import Building
from bim.shapes import Rows, Shapes, place_apart_m, shape_apart, shapes
from bim.verdict import Evidence, Reason, State, Verdict

MOVED_M, RESHAPED = 0.001, 0.002
"""Smaller differences of place, and smaller relative ones of shape, are rounding."""
SAME_PLACE_M, SAME_SHAPE = 0.005, 0.02
"""What tessellation by another exporter may change of an element that is matched by geometry."""


class Difference(StrEnum):
    """What differs between an element's two versions. `renamed` is another name or class."""

    MOVED = "moved"
    RESHAPED = "reshaped"
    RENAMED = "renamed"


@dataclass(frozen=True, slots=True)
class Match:
    """An element in both versions: indices into their elements, how they were found to be one, and what differs."""

    old: int
    new: int
    by: Literal["guid", "geometry"]
    differences: tuple[Difference, ...]
    moved_m: float
    """Largest difference in a coordinate of its centroid and its box."""

    @property
    def stands_as_before(self) -> bool:
        """Whether place and shape are the same, so that what was proved of the old holds for the new."""
        return Difference.MOVED not in self.differences and Difference.RESHAPED not in self.differences


@dataclass(frozen=True)
class VersionComparison:
    """Every old and every new element is in one match, or in `removed` or `added`."""

    old: Building
    new: Building
    matches: tuple[Match, ...]
    added: tuple[int, ...]
    removed: tuple[int, ...]

    @property
    def new_ids(self) -> Mapping[str, str]:
        """Old GUIDs to new ones, of the elements that stand as before: for `Epoch.renamed`."""
        return {
            self.old.elements[match.old].global_id: self.new.elements[match.new].global_id
            for match in self.matches
            if match.stands_as_before
        }


def compare_versions(old: Building, new: Building) -> VersionComparison:
    """Match the elements of two versions of a building, which share a frame."""
    before, after = shapes(old), shapes(new)
    pairs = _by_guid(old, new)
    by_geometry = _by_geometry(old, before, new, after, pairs)
    matches = _matches(old, before, new, after, pairs, "guid")
    matches += _matches(old, before, new, after, by_geometry, "geometry")
    matched_old, matched_new = {match.old for match in matches}, {match.new for match in matches}
    return VersionComparison(
        old,
        new,
        tuple(sorted(matches, key=lambda match: match.new)),
        tuple(i for i in range(len(new.elements)) if i not in matched_new),
        tuple(i for i in range(len(old.elements)) if i not in matched_old),
    )


def _by_guid(old: Building, new: Building) -> list[tuple[int, int]]:
    place = {element.global_id: i for i, element in enumerate(new.elements)}
    return [(i, place[element.global_id]) for i, element in enumerate(old.elements) if element.global_id in place]


def _by_geometry(
    old: Building, before: Shapes, new: Building, after: Shapes, taken: list[tuple[int, int]]
) -> list[tuple[int, int]]:
    """One-to-one pairs of what GUIDs left over, the most alike first."""
    i, j = _neighbours(before, _left(before, [a for a, _ in taken]), after, _left(after, [b for _, b in taken]))
    alike = np.array([_kind(old, a) == _kind(new, b) for a, b in zip(i, j, strict=True)], bool)
    place, shape = place_apart_m(before, i, after, j), shape_apart(before, i, after, j)
    named = np.array([old.elements[a].name != new.elements[b].name for a, b in zip(i, j, strict=True)], bool)
    good = alike & (place <= SAME_PLACE_M) & (shape <= SAME_SHAPE)
    pairs: dict[int, int] = {}
    used: set[int] = set()
    for row in np.lexsort((j, i, shape, place, named)):
        if good[row] and int(i[row]) not in pairs and int(j[row]) not in used:
            pairs[int(i[row])] = int(j[row])
            used.add(int(j[row]))
    return list(pairs.items())


def _left(of: Shapes, taken: list[int]) -> Rows:
    left = np.asarray(np.isfinite(of.centroid_m).all(axis=1))
    left[taken] = False
    return np.flatnonzero(left)


def _neighbours(before: Shapes, old: Rows, after: Shapes, new: Rows) -> tuple[Rows, Rows]:
    """Pairs (P,), (P,) whose centroids are near enough."""
    if not len(old) or not len(new):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    near = cKDTree(before.centroid_m[old]).query_ball_tree(cKDTree(after.centroid_m[new]), 2 * SAME_PLACE_M)
    rows = np.repeat(np.arange(len(old)), [len(each) for each in near])
    return old[rows], new[np.array([b for each in near for b in each], np.int64)]


def _kind(building: Building, i: int) -> str:
    return building.elements[i].ifc_class.removesuffix("StandardCase")


def _matches(
    old: Building,
    before: Shapes,
    new: Building,
    after: Shapes,
    pairs: list[tuple[int, int]],
    by: Literal["guid", "geometry"],
) -> list[Match]:
    i, j = np.array(pairs, np.int64).reshape(-1, 2).T
    place, shape = place_apart_m(before, i, after, j), shape_apart(before, i, after, j)
    return [
        Match(a, b, by, _differences(old, a, new, b, float(place[row]), float(shape[row])), float(place[row]))
        for row, (a, b) in enumerate(pairs)
    ]


def _differences(old: Building, i: int, new: Building, j: int, place_m: float, shape: float) -> tuple[Difference, ...]:
    one, other = old.elements[i], new.elements[j]
    reshaped = shape > RESHAPED
    found = {
        # A wall made longer has its centroid elsewhere; it did not move.
        Difference.MOVED: place_m > MOVED_M and not reshaped,
        Difference.RESHAPED: reshaped,
        Difference.RENAMED: (one.name, _kind(old, i)) != (other.name, _kind(new, j)),
    }
    return tuple(difference for difference, holds in found.items() if holds)


def carried(comparison: VersionComparison, verdicts: Sequence[Verdict]) -> tuple[Verdict, ...]:
    """One verdict a new element: that of its old version where it stands as before, else unseen with the reason.

    `verdicts` are in the order of the old elements.
    """
    found = {match.new: match for match in comparison.matches}
    return tuple(
        _carried(found.get(j), element.global_id, verdicts) for j, element in enumerate(comparison.new.elements)
    )


def _carried(match: Match | None, global_id: str, verdicts: Sequence[Verdict]) -> Verdict:
    if match is None:
        return _open(global_id, Reason("New in this version of the model.", "模型此版本中新增。"))
    if not match.stands_as_before:
        mm = f"{1000 * match.moved_m:.0f}"
        return _open(
            global_id,
            Reason(
                f"This version of the model has it up to {mm} mm elsewhere; compare again.",
                f"模型此版本中它的位置或形状改变，最多 {mm} mm；请重新比对。",
            ),
        )
    verdict = verdicts[match.old]
    if match.by == "guid":
        return verdict
    how = Reason(" Its GUID changed; it was found again by place and shape.", "其 GUID 已改变，按位置和形状重新找到。")
    reason = Reason(verdict.reason.en + how.en, verdict.reason.zh + how.zh)
    return replace(verdict, global_id=global_id, reason=reason)


def _open(global_id: str, reason: Reason) -> Verdict:
    return Verdict(global_id, State.UNSEEN, None, 0.0, 1.0, 0.0, 1.0, Evidence(0, 0, 0, 0), None, reason)
