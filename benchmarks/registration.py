"""Simulated sites placed from nothing but their shapes: how many right, refused, and wrong."""

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.calibration import MODELS, POINTS_PER_STATION
from benchmarks.simulated_sites import simulate_site
from bim.errors import CannotPlace
from bim.frames import FloatArray, invert, transform
from bim.ifc import read_building
from scan_to_bim.register import register, scene_of
from scan_to_bim.register_facets import facets_of

SITES = 60
RIGHT_M, WRONG_M = 0.005, 0.05


def measure(shared: Path) -> dict[str, Any]:
    """Counts, errors at the stations and errors over their standard error, on seeds that nothing was fitted to."""
    errors, refused, wrong = [], [], []
    for seed in range(20_000, 20_000 + SITES):
        names = MODELS[seed % len(MODELS)]
        building = read_building([shared / "data/ifc" / f"{name}.ifc" for name in names])
        rng = np.random.default_rng(seed)
        stations = int(rng.integers(5, 16))
        survey, truth = simulate_site(
            building, seed, stations, int(stations * rng.uniform(*POINTS_PER_STATION)),
            built_share=float(rng.uniform(0.35, 0.9)), by_storey=bool(rng.random() < 0.7),
        )  # fmt: skip
        label = f"{'+'.join(names)} {seed}"
        try:
            found = register(scene_of(building.mesh, survey, facets_of(survey)))
        except CannotPlace:
            refused.append(label)
            continue
        error_m = _error_m(found.T_site_scan, truth)
        errors.append((error_m, error_m / found.sigma_m))
        if error_m > WRONG_M:
            wrong.append(label)
    size = np.array([e for e, _ in errors])
    return {
        "sites": SITES,
        "right_within_5_mm": int((size < RIGHT_M).sum()),
        "between": int(((size >= RIGHT_M) & (size <= WRONG_M)).sum()),
        "wrong": wrong,
        "refused": refused,
        "error_mm": {"median": round(1000 * float(np.median(size)), 2), "worst": round(1000 * float(size.max()), 2)},
        "error_over_sigma": {"median": round(float(np.median([n for _, n in errors])), 2)},
    }


def _error_m(T_site_scan: FloatArray, truth: dict[str, Any]) -> float:
    """The largest error at a station."""
    stations = np.array(truth["stations"])
    in_scan = transform(invert(np.array(truth["scan_to_model"])), stations)
    return float(np.linalg.norm(transform(T_site_scan, in_scan) - stations, axis=1).max())
