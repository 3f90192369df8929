"""The level ground around a building: where it is seen inside too, a slab that is planned just above it is not there.

A slab on the ground differs from bare ground by a few centimetres only. What tells them apart is that the ground goes
on beyond the slab; so its plane is fitted outside, where the model plans no floor.
"""

import numpy as np

from bim.frames import FloatArray, transform
from scan_to_bim.register_facets import Facets
from scan_to_bim.register_planes import Planes, match

REACH_M = 0.15
"""A facet as near to a planned floor as this may be that floor."""
LEVEL_COS = 0.98
LEAST_FACETS = 300
INLIER_M, ROUGH_M = 0.015, 0.05
LEAST_SHARE = 0.5
STEEPEST = 0.03
ROUNDS = 6


def ground_plane(facets: Facets, T: FloatArray, planes: Planes) -> FloatArray | None:
    """(3,) a, b, c of z = a x + b y + c in the frame of `planes`, None where there is no such ground.

    T (4, 4) takes the facets' frame to the planes' frame.
    """
    level = facets.take((facets.normal @ T[2, :3]) > LEVEL_COS)
    outside = level.take(match(planes, level, T, REACH_M)[0] < 0)
    if len(outside) < LEAST_FACETS:
        return None
    xyz = transform(T, outside.xyz)
    bins = np.round(xyz[:, 2] / ROUGH_M).astype(np.int64)
    values, counts = np.unique(bins, return_counts=True)
    plane = np.array([0.0, 0.0, values[counts.argmax()] * ROUGH_M])
    columns = np.column_stack([xyz[:, :2], np.ones(len(xyz))])
    reach_m = 2 * ROUGH_M
    for _ in range(ROUNDS):
        near = np.abs(columns @ plane - xyz[:, 2]) < reach_m
        plane = np.linalg.lstsq(columns[near], xyz[near, 2], rcond=None)[0]
        reach_m = max(INLIER_M, 0.6 * reach_m)
    share = float((np.abs(columns @ plane - xyz[:, 2]) < INLIER_M).mean())
    return plane if share > LEAST_SHARE and np.hypot(*plane[:2]) < STEEPEST else None
