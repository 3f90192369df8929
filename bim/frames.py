"""Rigid transforms. `T_site_scan` takes scan coordinates to site coordinates; both are metres, Z up.

Transforms are 4x4 float64 matrices; points are (N, 3) float64 arrays.
"""

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int32]


def transform(T: FloatArray, xyz: FloatArray) -> FloatArray:
    """Points (..., 3) taken through T (4, 4)."""
    moved: FloatArray = xyz @ T[:3, :3].T + T[:3, 3]
    return moved


def invert(T: FloatArray) -> FloatArray:
    """The inverse of a rigid transform, exact for a rotation and a translation."""
    inverse = np.eye(4)
    inverse[:3, :3] = T[:3, :3].T
    inverse[:3, 3] = -T[:3, :3].T @ T[:3, 3]
    return inverse


def rotation(rotvec: FloatArray) -> FloatArray:
    """Rotation matrix (3, 3) of a rotation vector (3,) in radians (Rodrigues' formula)."""
    angle = float(np.linalg.norm(rotvec))
    x, y, z = rotvec
    skew = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    # sin(a)/a and (1 - cos a)/a^2 by numpy's sinc, which is exact at zero.
    first = np.sinc(angle / np.pi)
    second = 0.5 * np.sinc(angle / (2 * np.pi)) ** 2
    R: FloatArray = np.eye(3) + first * skew + second * (skew @ skew)
    return R


def rotation_vector(R: FloatArray) -> FloatArray:
    """Rotation vector (3,) in radians of a rotation matrix (3, 3), for angles below pi."""
    axis = np.array([R[2, 1] - R[1, 2], R[0, 2] - R[2, 0], R[1, 0] - R[0, 1]])
    sine = 0.5 * float(np.linalg.norm(axis))
    angle = float(np.arctan2(sine, 0.5 * (np.trace(R) - 1.0)))
    scale = 0.5 if sine < 1e-12 else 0.5 * angle / sine
    return scale * axis


def rigid(rotvec: FloatArray, translation: FloatArray) -> FloatArray:
    """T (4, 4) of a rotation vector (3,) in radians and a translation (3,) in metres."""
    T = np.eye(4)
    T[:3, :3] = rotation(rotvec)
    T[:3, 3] = translation
    return T


def is_rigid(T: FloatArray, tolerance: float = 1e-6) -> bool:
    """Whether T is a finite rotation and translation without scale, shear or mirroring."""
    R = T[:3, :3]
    return bool(
        T.shape == (4, 4)
        and np.isfinite(T).all()
        and np.abs(R @ R.T - np.eye(3)).max() < tolerance
        and np.linalg.det(R) > 0.0
        and np.abs(T[3] - [0.0, 0.0, 0.0, 1.0]).max() < tolerance
    )
