"""What was measured of each element: its shift with the whole standard error, the registration's included."""

import numpy as np

from bim.frames import FloatArray
from scan_to_bim.evidence import Findings
from scan_to_bim.judge import Measured
from scan_to_bim.result import Outcome, Registration
from scan_to_bim.surfaces import Surfaces

SYSTEMATIC_M = 0.0005
"""What no repetition averages out: the scanner's own calibration, the model's rounding."""


def measure(surfaces: Surfaces, findings: Findings, registration: Registration) -> list[Measured]:
    """One an element, in order."""
    shifts = findings.shifts
    placed = _registration_sigma_m(surfaces, shifts.shift_m, registration)
    sigma = np.sqrt(shifts.sigma_m**2 + placed**2 + SYSTEMATIC_M**2)
    rows = np.searchsorted(surfaces.element, np.arange(len(sigma) + 1))
    seen = findings.outcome == Outcome.PRESENT
    found = []
    for e in range(len(sigma)):
        span = slice(rows[e], rows[e + 1])
        off = np.abs(findings.deviation_m[span][seen[span]]).astype(np.float64)
        rms, p95 = (float(np.sqrt(np.mean(off**2))), float(np.percentile(off, 95))) if len(off) else (0.0, 0.0)
        fixed = bool(np.isfinite(sigma[e]))
        found.append(Measured(shifts.shift_m[e], float(sigma[e]) if fixed else 0.0, rms, p95, fixed))
    return found


def _registration_sigma_m(surfaces: Surfaces, shift_m: FloatArray, registration: Registration) -> FloatArray:
    """(E,) standard error that the pose brings to each element, along its shift."""
    if registration.uncertainty is None:
        return np.full(len(shift_m), registration.sigma_m)
    elements = len(shift_m)
    count = np.maximum(np.bincount(surfaces.element, minlength=elements), 1)
    middle = np.column_stack([np.bincount(surfaces.element, surfaces.xyz[:, k], elements) / count for k in range(3)])
    size = np.linalg.norm(shift_m, axis=1, keepdims=True)
    direction = np.where(size > 1e-9, shift_m / np.maximum(size, 1e-9), [1.0, 0.0, 0.0])
    return registration.uncertainty.sigma_m(middle + surfaces.centre_m, direction)
