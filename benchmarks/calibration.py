"""How well confidence is calibrated, on a few hundred simulated sites; `fit` gives the weights of confidence.py.

python -m benchmarks.calibration fit SHARED     prints the weights, from sites that `measure` never sees
"""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize

from benchmarks.simulated_sites import simulate_site
from bim.frames import FloatArray
from bim.ifc import read_building
from bim.verdict import State
from scan_to_bim.confidence import Grounds, features
from scan_to_bim.judge import grounds_of, judge
from scan_to_bim.pipeline import TOLERANCES, weighed
from scan_to_bim.register_facets import facets_of
from scan_to_bim.result import PoseUncertainty, Registration
from scan_to_bim.surfaces import sample_surfaces

MODELS = (
    ("AC20-FZK-Haus",), ("Duplex_A",), ("BimWhale_TallBuilding",), ("BimWhale_LargeBuilding",), ("Ifc4_SampleHouse",),
    ("Everse_Project1",), ("Duplex_A", "Duplex_Electrical"), ("bim2sim_hvac_heating",),
    ("Schependomlaan_walls_ground",),
)  # fmt: skip
SITES, FITTED = 200, 100
POINTS_PER_STATION = (70e3, 200e3)
RIDGE = 0.05
ASSESSABLE_SHARE, ASSESSABLE_M2 = 0.05, 0.03
POSE_SIGMA = np.array([2e-5, 2e-5, 2e-5, 4e-4, 4e-4, 4e-4])
"""Radians and metres, as the registration of such sites gives."""

Case = tuple[Grounds, Any, Mapping[str, Any]]


def measure(shared: Path) -> dict[str, Any]:
    """Calibration error (weighted mean over ten bins of confidence) and accuracy on `SITES` simulated sites."""
    rows = [(v.state, v.confidence, t) for _, v, t in _cases(shared, range(10_000, 10_000 + SITES))]
    said = [(s, c, t) for s, c, t in rows if s is not State.UNSEEN]
    seen = [(s, t) for s, _, t in rows if _assessable(t)]
    hidden = [(s, t) for s, _, t in rows if not _assessable(t)]
    return {
        "sites": SITES,
        "verdicts": len(rows),
        "calibration_error": _calibration_error([(c, s == t["state"]) for s, c, t in said]),
        "calibration_error_present_or_absent": _calibration_error([(c, _agrees(s, t)) for s, c, t in said]),
        "state_right_of_assessable": _share([_agrees(s, t) for s, t in seen]),
        "overclaims": _share([s is not State.UNSEEN and not _agrees(s, t) for s, t in hidden]),
        "unseen_right": _share([not _assessable(t) for s, _, t in rows if s is State.UNSEEN]),
        "bins": _bins([(c, s == t["state"]) for s, c, t in said]),
    }


def fit(shared: Path) -> dict[str, list[float]]:
    """Weights by state of a logistic regression with a small ridge."""
    cases = list(_cases(shared, range(FITTED)))
    weights = {}
    for state in (State.BUILT, State.PARTIAL, State.DISPLACED, State.ABSENT):
        chosen = [(features(g), t["state"] == state) for g, _, t in cases if g.state is state]
        x, right = np.array([f for f, _ in chosen]), np.array([r for _, r in chosen], dtype=float)

        def loss(w: FloatArray, x: FloatArray = x, right: FloatArray = right) -> float:
            z = x @ w
            return float(np.sum(np.logaddexp(0.0, z) - right * z) + RIDGE * np.sum(w[1:] ** 2))

        weights[state.value] = [round(float(w), 2) for w in minimize(loss, np.zeros(x.shape[1])).x]
    return weights


def _cases(shared: Path, seeds: range) -> Iterator[Case]:
    models = {}
    for seed in seeds:
        names = MODELS[seed % len(MODELS)]
        if names not in models:
            building = read_building([shared / "data/ifc" / f"{name}.ifc" for name in names])
            models[names] = building, sample_surfaces(building.mesh)
        building, surfaces = models[names]
        rng = np.random.default_rng(seed)
        stations = int(rng.integers(5, 16))
        survey, truth = simulate_site(
            building, seed, stations, int(stations * rng.uniform(*POINTS_PER_STATION)),
            built_share=float(rng.uniform(0.35, 0.9)), by_storey=bool(rng.random() < 0.7),
        )  # fmt: skip
        T = np.array(truth["scan_to_model"])
        registration = Registration(
            T_site_scan=T, method="given", rmse_m=0.003, sigma_m=4e-4, sigma_rad=2e-5, inlier_share=1.0, confidence=1.0,
            ambiguous=False, uncertainty=PoseUncertainty(surfaces.centre_m, np.diag(POSE_SIGMA**2)),
        )  # fmt: skip
        _, counted, measured = weighed(building, surfaces, survey, facets_of(survey), registration)
        grounds = grounds_of(building.elements, counted, measured, TOLERANCES)
        verdicts = judge(building.elements, counted, measured, TOLERANCES, assumed=False)
        yield from zip(grounds, verdicts, truth["elements"], strict=True)


def _assessable(truth: Mapping[str, Any]) -> bool:
    return bool(truth["visible"] > ASSESSABLE_SHARE and truth["visible_area"] > ASSESSABLE_M2)


def _agrees(state: State, truth: Mapping[str, Any]) -> bool:
    """Whether a state says rightly that the element stands, wholly or in part, or that it does not."""
    return state is not State.UNSEEN and (state is State.ABSENT) == (truth["state"] == State.ABSENT)


def _share(values: list[bool]) -> float:
    return round(float(np.mean(values)), 4) if values else 0.0


def _calibration_error(rows: list[tuple[float, bool]]) -> float:
    return round(sum(n * abs(c - r) for c, r, n in _bins(rows)) / max(len(rows), 1), 4)


def _bins(rows: list[tuple[float, bool]]) -> list[tuple[float, float, int]]:
    """Mean confidence, share right and count by tenth of confidence."""
    confidence, right = np.array([c for c, _ in rows]), np.array([r for _, r in rows], dtype=float)
    tenth = np.minimum((confidence * 10).astype(int), 9)
    return [
        (
            round(float(confidence[tenth == k].mean()), 3),
            round(float(right[tenth == k].mean()), 3),
            int((tenth == k).sum()),
        )
        for k in np.unique(tenth)
    ]


if __name__ == "__main__" and sys.argv[1] == "fit":
    print(fit(Path(sys.argv[2])))
