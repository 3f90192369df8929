"""Faces of a built room held against the clauses of a library: which, by how much, and in which words."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from bim.mesh import Mesh
from bim.model import Building, Element, Source, Storey
from bim.quality.elements import chosen_tolerances
from bim.verdict import Evidence, Reason, State, Verdict
from scan_to_bim.report.contract import to_json
from scan_to_bim.report.page import to_html
from scan_to_bim.report.surfaces import rows, sentence
from scan_to_bim.result import Outcome, Registration, Report, Samples
from scan_to_bim.surface_quality import surface_quality

PITCH_M = 0.1
WALL, FLOOR, PIPE = range(3)


def grid(width_m: float, height_m: float) -> tuple[np.ndarray, np.ndarray]:
    u, v = np.meshgrid(np.arange(0.05, width_m, PITCH_M), np.arange(0.05, height_m, PITCH_M))
    return u.ravel(), v.ravel()


def room(bulge_m: float = 0.0, lean: float = 0.0, state: State = State.BUILT) -> Report:
    """A wall of 6 x 3 m that faces -y, a floor of 8 x 6 m, and a pipe with the wall's shape; exact but for `bulge_m`
    in the wall's middle and its `lean` in metres a metre."""
    u, v = grid(6.0, 3.0)
    dented = bulge_m * np.exp(-(((u - 3) ** 2 + (v - 1.5) ** 2) / 0.08)) + lean * v
    x, y = grid(8.0, 6.0)
    wall = np.stack([u, np.zeros_like(u), v], axis=1)
    parts = [
        (wall, [0.0, -1.0, 0.0], dented),
        (np.stack([x, y, np.zeros_like(x)], axis=1), [0.0, 0.0, 1.0], np.zeros(len(x))),
        (wall + np.array([0.0, 9.0, 0.0]), [0.0, -1.0, 0.0], dented),
    ]
    count = [len(xyz) for xyz, _, _ in parts]
    samples = Samples(
        xyz=np.concatenate([xyz for xyz, _, _ in parts]),
        normal=np.repeat(np.array([n for _, n, _ in parts], np.float32), count, axis=0),
        element=np.repeat(np.arange(3), count).astype(np.int32),
        area_m2=np.full(sum(count), PITCH_M**2, np.float32),
        outcome=np.full(sum(count), Outcome.PRESENT, np.uint8),
        deviation_m=np.concatenate([d for _, _, d in parts]).astype(np.float32),
    )
    classes = ("IfcWallStandardCase", "IfcSlab", "IfcPipeSegment")
    elements = tuple(Element(f"{i:022d}", c, f"Part {i}", "ground", None, 0, 1.0, 1.0) for i, c in enumerate(classes))
    told = (None, 0.0, 1.0) if state is State.UNSEEN else (1.0, 1.0, 1.0)
    verdicts = tuple(
        Verdict(e.global_id, state, *told, 1.0, 0.99, Evidence(9, 0, 0, 0), None, Reason("So.", "如此。"))
        for e in elements
    )
    empty = Mesh(np.zeros((0, 3)), np.zeros((0, 3), np.int32), np.zeros(0, np.int32))
    return Report(
        building=Building(elements, (Storey("s" * 22, "ground", 0.0),), empty, (Source("a.ifc", "0" * 64, "IFC4", 3),)),
        inputs=(),
        registration=Registration(np.eye(4), "given", 0.002, 0.0005, 1e-5, 0.9, 0.99, ambiguous=False),
        stations_site_m=np.zeros((0, 3)),
        samples=samples,
        verdicts=verdicts,
        unexplained=(),
        next_viewpoints=(),
        tolerances=chosen_tolerances(["gb_50204_2015"], 0.015),
        assumptions=(),
    )


def found(report: Report) -> dict[tuple[str, str], bool | None]:
    return {
        (row.element.global_id[-1], row.assessment.tolerance.quantity.value): row.assessment.within
        for row in rows(report, surface_quality(report))
    }


def test_a_true_wall_and_floor_are_within_their_clauses() -> None:
    assert found(room()) == {("0", "flatness"): True, ("0", "plumb"): True, ("1", "flatness"): True}


def test_a_bulge_is_beyond_the_straightedge_and_a_lean_beyond_plumb() -> None:
    assert found(room(bulge_m=0.03))["0", "flatness"] is False
    leaning = found(room(lean=0.006))
    assert (leaning["0", "plumb"], leaning["0", "flatness"]) == (False, True)


def test_what_is_no_concrete_and_what_does_not_stand_is_not_assessed() -> None:
    assert not {key for key in found(room(bulge_m=0.03)) if key[0] == str(PIPE)}
    assert found(room(state=State.UNSEEN)) == {}


def test_where_no_library_was_chosen_only_floor_numbers_are_told() -> None:
    report = replace(room(bulge_m=0.03), tolerances=chosen_tolerances([], 0.015))
    [only] = surface_quality(report)
    assert (only.element, only.assessments, only.floor is not None) == (FLOOR, (), True)


def test_json_and_page_cite_the_clause_in_both_languages() -> None:
    report = room(bulge_m=0.03)
    surfaces = surface_quality(report)
    worst = to_json(report, surfaces)["surfaces"][WALL]["assessments"][0]
    assert worst["within"] is False
    assert worst["value_m"] - 2 * worst["sigma_m"] > worst["limit_m"] == pytest.approx(0.008)
    assert worst["clause"]["en"] == "GB 50204-2015, table 8.3.2 (check), surface flatness, 2 m straightedge"
    assert worst["clause"]["zh"] == "GB 50204-2015 表 8.3.2（待核）表面平整度，2 m 靠尺"
    page = to_html(report, datetime(2026, 3, 4, tzinfo=UTC), surfaces=surfaces).decode()
    assert worst["clause"]["zh"] in page
    assert sentence(rows(report, surfaces)).en.startswith("Flatness and plumb: 1 of 3 values beyond")
