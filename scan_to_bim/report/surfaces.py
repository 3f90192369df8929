"""Faces against their clauses as JSON, as a sentence, and as rows and pictures of the page."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from bim.model import Element
from bim.quality.library import Assessment, Quantity
from scan_to_bim.flatness import SurfaceMap
from scan_to_bim.floor_numbers import FloorNumbers, FNumber
from scan_to_bim.report.deviation_maps import colour
from scan_to_bim.report.render import png
from scan_to_bim.report.words import Phrase
from scan_to_bim.result import Report
from scan_to_bim.surface_quality import SurfaceQuality

MAX_PICTURES = 6
UNMEASURED = (214, 218, 223)
QUANTITIES = {Quantity.FLATNESS: Phrase("flatness", "平整度"), Quantity.PLUMB: Phrase("plumb", "垂直度")}
OUTCOMES = {
    True: Phrase("✓ within", "✓ 合格"),
    False: Phrase("✕ beyond", "✕ 超差"),
    None: Phrase("? cannot tell", "? 无法判断"),
}


@dataclass(frozen=True)
class Row:
    """One measured value of one element against its clause."""

    element: Element
    assessment: Assessment

    @property
    def outcome(self) -> Phrase:
        """Symbol and word."""
        return OUTCOMES[self.assessment.within]

    @property
    def quantity(self) -> Phrase:
        """What was measured."""
        return QUANTITIES[self.assessment.tolerance.quantity]


@dataclass(frozen=True)
class Picture:
    """Unflatness of one face, seen from outside; the colour scale jumps at the limit and ends at twice as much."""

    element: Element
    width_m: float
    height_m: float
    assessment: Assessment
    png: bytes


def rows(report: Report, surfaces: Sequence[SurfaceQuality]) -> list[Row]:
    """What is beyond its limit first, then what cannot be told; within each the largest share of its limit first."""
    found = [Row(report.building.elements[s.element], each) for s in surfaces for each in s.assessments]
    order = {False: 0, None: 1, True: 2}
    return sorted(found, key=lambda row: (order[row.assessment.within], -_share(row.assessment)))


def pictures(report: Report, surfaces: Sequence[SurfaceQuality]) -> list[Picture]:
    """Of the faces that come nearest to their limits or exceed them most."""
    faces = [
        (max(face.straightedges, key=_share), face.surface, report.building.elements[each.element])
        for each in surfaces
        for face in each.faces
    ]
    worst = sorted(faces, key=lambda face: -_share(face[0]))[:MAX_PICTURES]
    return [_picture(element, surface, assessment) for assessment, surface, element in worst]


def floors(report: Report, surfaces: Sequence[SurfaceQuality]) -> list[tuple[Element, FloorNumbers]]:
    """The floors that are large enough for floor numbers."""
    return [(report.building.elements[each.element], each.floor) for each in surfaces if each.floor]


def f_number(number: FNumber) -> str:
    """From the number as measured to that without noise, as people write it."""
    low, high = (f"{value:.0f}" if value is not None else "∞" for value in (number.value, number.without_noise))
    return low if low == high else f"{low}–{high}"


def sentence(found: Sequence[Row]) -> Phrase:
    """How many values are beyond, within, and neither."""
    counts = [sum(row.assessment.within is outcome for row in found) for outcome in (False, True, None)]
    return Phrase(
        "Flatness and plumb: {beyond} of {total} values beyond their clause, {within} within, {open} cannot be told.",
        "平整度与垂直度：{total} 项中 {beyond} 项超差，{within} 项合格，{open} 项无法判断。",
    ).format(beyond=counts[0], within=counts[1], open=counts[2], total=len(found))


def to_values(surfaces: Sequence[SurfaceQuality], report: Report) -> list[dict[str, Any]]:
    """As JSON values, lengths in metres."""
    return [
        {
            "global_id": report.building.elements[each.element].global_id,
            "assessments": [_values(found) for found in each.assessments],
            "floor_numbers": asdict(each.floor) if each.floor else None,
        }
        for each in surfaces
    ]


def _values(found: Assessment) -> dict[str, Any]:
    return {
        "quantity": found.tolerance.quantity.value,
        "value_m": found.value_m,
        "sigma_m": found.sigma_m,
        "limit_m": found.tolerance.limit_m,
        "within": found.within,
        "clause": asdict(found.tolerance.citation),
    }


def _share(assessment: Assessment) -> float:
    return assessment.value_m / assessment.tolerance.limit_m


def _picture(element: Element, surface: SurfaceMap, assessment: Assessment) -> Picture:
    height_m, limit_m = surface.flatness_m, assessment.tolerance.limit_m
    known = np.isfinite(height_m)
    pixels = np.full((*height_m.shape, 3), UNMEASURED, dtype=np.uint8)
    pixels[known] = colour(height_m[known], limit_m, 2 * limit_m)
    rows_, columns = height_m.shape
    drawn = png(np.ascontiguousarray(pixels[::-1]), colours=0)
    return Picture(element, columns * surface.cell_m, rows_ * surface.cell_m, assessment, drawn)
