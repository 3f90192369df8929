"""Where a camera stands, from marks seen in its picture and picked in the model; and where on the ground a pixel is.

The camera is a pinhole with square pixels, its axis through the middle of the picture, and one term of radial
distortion (Brown 1971). Pose, focal length and distortion come from a least-squares fit to the marks; their covariance
is carried into every place on the ground. A layout that does not fix them is refused: marks badly placed give metres.

Frames: `site` (metres, Z up) and `camera` (Z along the view, Y down). Pixels: u to the right, v down.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from scipy.optimize import OptimizeResult, least_squares

from bim.errors import BadInput
from bim.frames import FloatArray, invert, rigid, transform
from bim.verdict import Vector
from site_safety.tracks import Box

LEAST_MARKS = 8
LEAST_SPREAD = 0.08
"""Share of the picture that the marks' hull must cover."""
MARK_PX = 1.5
"""Standard error of a mark placed by hand, in pixels; smaller residuals are luck."""
LARGEST_RESIDUAL = 0.006
"""Root mean square of the residuals as a share of the picture's width: 8 pixels of 1280."""
LARGEST_GROUND_ERROR_M = 0.5
"""Standard error on the ground amid the marks."""
DISTORTION = 0.1
"""Before any mark is seen the radial term is 0 give or take this."""
REFITS = 3
"""Fits after the first, each with the error of the marks that the one before it found."""
FOOT_PX = 2.0
"""Standard error of the lower edge of a detector's box, in pixels, and 2 % of the box's height."""
FOCALS = (0.5, 0.7, 0.9, 1.2, 1.7, 2.5, 4.0)
"""Focal lengths to start from, in picture widths: from a very wide lens to a long one."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A point seen in the picture and picked in the model."""

    picture_px: tuple[float, float]
    site_m: Vector


@dataclass(frozen=True, slots=True)
class Place:
    """A point on a storey's ground, site frame."""

    position_m: Vector
    sigma_m: float
    """Standard error along the worst horizontal direction."""


@dataclass(frozen=True)
class Calibration:
    """What is known of one camera. `state` is the pose T_camera_site (rotation vector, translation), focal length in
    pixels and radial term; `covariance` (8 x 8, row by row) is its covariance."""

    camera_id: str
    width_px: int
    height_px: int
    state: tuple[float, ...]
    covariance: tuple[float, ...]
    residual_px: float
    storeys: dict[str, float]
    """Elevation in metres of the ground planes that this camera sees, by storey."""
    marks: tuple[Mark, ...]

    @cached_property
    def T_site_camera(self) -> FloatArray:  # noqa: N802
        """The camera's pose (4, 4)."""
        return invert(_pose(np.array(self.state)))

    def project(self, site_m: FloatArray) -> FloatArray:
        """Pixels (N, 2) of points (N, 3); NaN for those behind the camera.

        So are those so far aside that the radial term, which was fitted to what is seen, would fold them back inwards.
        """
        state = np.array(self.state)
        x, y, z = transform(_pose(state), site_m).T
        unfolded = z**2 + 3.0 * state[7] * (x**2 + y**2) > 0.0
        return np.where(unfolded[:, None], _project(state, site_m, self._centre), np.nan)

    def homography(self, storey: str) -> FloatArray:
        """Site x, y of a storey's ground -> undistorted pixels, homogeneous (3, 3)."""
        T, focal = _pose(np.array(self.state)), self.state[6]
        K = np.array([[focal, 0.0, self._centre[0]], [0.0, focal, self._centre[1]], [0.0, 0.0, 1.0]])
        plane = np.column_stack([T[:3, 0], T[:3, 1], T[:3, 2] * self.storeys[storey] + T[:3, 3]])
        return np.asarray(K @ plane)

    def ground(self, pixel: tuple[float, float], storey: str, pixel_sigma: float = FOOT_PX) -> Place | None:
        """Where a pixel meets a storey's ground, and how well that is known; None at and above the horizon."""
        state, elevation = np.array(self.state), self.storeys[storey]
        place = _ground(state, np.array(pixel), self._centre, elevation)
        if place is None:
            return None
        J_state = _jacobian(lambda s: _ground(s, np.array(pixel), self._centre, elevation), state)
        J_pixel = _jacobian(lambda p: _ground(state, p, self._centre, elevation), np.array(pixel))
        if J_state is None or J_pixel is None:
            return None
        C_state = np.array(self.covariance).reshape(8, 8)
        spread = J_state @ C_state @ J_state.T + pixel_sigma**2 * J_pixel @ J_pixel.T
        sigma = float(np.sqrt(np.linalg.eigvalsh(spread)[-1]))
        return Place((float(place[0]), float(place[1]), elevation), sigma)

    def standing(self, box: Box, storey: str) -> Place | None:
        """Where someone in a box stands: the middle of its lower edge, less sure for large boxes and cut-off feet."""
        x1, y1, x2, y2 = box
        cut_off = 0.2 * (y2 - y1) if y2 >= self.height_px - 2 else 0.0
        return self.ground(((x1 + x2) / 2, y2), storey, FOOT_PX + 0.02 * (y2 - y1) + cut_off)

    def misses_px(self) -> list[float]:
        """How far each mark lies from where the calibration puts it."""
        seen, site = (np.array([getattr(mark, side) for mark in self.marks]) for side in ("picture_px", "site_m"))
        return np.linalg.norm(self.project(site) - seen, axis=1).tolist()  # type: ignore[no-any-return]

    def fits(self, width_px: int, height_px: int) -> bool:
        """Whether pictures of that shape can be this camera's (any scale of the same shape)."""
        return abs(width_px * self.height_px - height_px * self.width_px) <= max(self.width_px, self.height_px)

    @property
    def _centre(self) -> FloatArray:
        return np.array([self.width_px / 2, self.height_px / 2])


def calibrate(
    marks: Sequence[Mark], camera_id: str, size_px: tuple[int, int], storeys: Mapping[str, float]
) -> Calibration:
    """The calibration that fits the marks best. Raises BadInput for a poor or degenerate layout; names a bad mark."""
    _check_layout(marks, size_px)
    pixels, site = (np.array([getattr(mark, side) for mark in marks]) for side in ("picture_px", "site_m"))
    centre = np.array(size_px) / 2
    state, J, errors_px = _fit(pixels, site, centre, size_px[0])
    residual_px = float(np.sqrt((errors_px**2).sum(axis=1).mean()))
    if not np.isfinite(residual_px) or residual_px > LARGEST_RESIDUAL * size_px[0]:
        raise _poor_fit(pixels, site, size_px, residual_px)
    freedom = max(2 * len(marks) - len(state), 1)
    sigma_px = max(MARK_PX, float(np.sqrt((errors_px**2).sum() / freedom)))
    covariance = np.linalg.pinv(J.T @ J / sigma_px**2 + np.diag([0.0] * 7 + [DISTORTION**-2]))
    found = Calibration(
        camera_id,
        *size_px,
        tuple(state.tolist()),
        tuple(covariance.ravel().tolist()),
        residual_px,
        dict(storeys),
        tuple(marks),
    )
    _check_ground(found, site)
    return found


# --- The fit --------------------------------------------------------------------------------------------------------


def _fit(pixels: FloatArray, site: FloatArray, centre: FloatArray, width: float) -> tuple[FloatArray, ...]:
    """State (8,), Jacobian (2N, 8) and residuals (N, 2) of the best of several starts.

    Fitted again with the error that the marks turn out to have: against marks that are better than hands usually place
    them, what is thought of lenses counts for less, and against marks without error for nothing.
    """

    def fit(start: FloatArray, mark_px: float, most: int) -> OptimizeResult:
        def errors(state: FloatArray) -> FloatArray:
            off = _project(state, site, centre) - pixels
            behind = np.where(np.isfinite(off), off, 1e3).ravel()
            return np.append(behind, mark_px * state[7] / DISTORTION)

        return least_squares(errors, start, x_scale=scale, max_nfev=most, xtol=1e-10, ftol=1e-10, gtol=1e-10)

    scale = np.array([0.1, 0.1, 0.1, 1.0, 1.0, 1.0, width, 0.1])
    fits = [fit(start, MARK_PX, 60) for start in _starts(pixels, site, centre, width) if np.isfinite(start).all()]
    if not fits:
        raise BadInput("marks that no camera could see so", "each mark at its own point of the model", "check them")
    best = min(fits, key=lambda each: each.cost)
    for _ in range(REFITS):
        freedom = max(2 * len(pixels) - len(best.x), 1)
        seen_px = float(np.sqrt((best.fun[:-1] ** 2).sum() / freedom))
        best = fit(best.x, min(seen_px, MARK_PX), 200)
    return best.x, np.asarray(best.jac[:-1]), best.fun[:-1].reshape(-1, 2)


def _starts(pixels: FloatArray, site: FloatArray, centre: FloatArray, width: float) -> list[FloatArray]:
    """States (8,) to start from: the two focal lengths, each with its pose, that fit best."""
    tried = []
    for focal in np.array(FOCALS) * width:
        K = np.array([[focal, 0.0, centre[0]], [0.0, focal, centre[1]], [0.0, 0.0, 1.0]])
        middle = site.mean(axis=0)
        solved, rotvec, shift = cv2.solvePnP(site - middle, pixels, K, None, flags=cv2.SOLVEPNP_SQPNP)
        if not solved:
            continue
        pose = rigid(rotvec.ravel().astype(np.float64), shift.ravel().astype(np.float64))
        state = np.concatenate([rotvec.ravel(), pose[:3, 3] - pose[:3, :3] @ middle, [focal, 0.0]])
        off = np.linalg.norm(_project(state, site, centre) - pixels, axis=1)
        tried.append((float(np.nan_to_num(off, nan=1e6).mean()), state))
    return [state for _, state in sorted(tried, key=lambda each: each[0])[:2]]


def _pose(state: FloatArray) -> FloatArray:
    return rigid(state[:3], state[3:6])


def _project(state: FloatArray, site: FloatArray, centre: FloatArray) -> FloatArray:
    camera = transform(_pose(state), site)
    depth = np.where(camera[:, 2] > 1e-6, camera[:, 2], np.nan)
    plane = camera[:, :2] / depth[:, None]
    swell = 1.0 + state[7] * (plane**2).sum(axis=1, keepdims=True)
    return np.asarray(centre + state[6] * plane * swell)


def _ground(state: FloatArray, pixel: FloatArray, centre: FloatArray, elevation: float) -> FloatArray | None:
    """Site x, y (2,) where the ray of a pixel meets the height `elevation`, None where it never does."""
    seen = (pixel - centre) / state[6]
    plane = seen
    for _ in range(12):
        plane = seen / (1.0 + state[7] * float(plane @ plane))
    T_site_camera = invert(_pose(state))
    ray = T_site_camera[:3, :3] @ np.append(plane, 1.0)
    eye = T_site_camera[:3, 3]
    drop = elevation - eye[2]
    if abs(ray[2]) < 1e-9 or drop / ray[2] <= 0.0:
        return None
    return np.asarray((eye + ray * (drop / ray[2]))[:2])


def _jacobian(function: Callable[[FloatArray], FloatArray | None], at: FloatArray) -> FloatArray | None:
    """Central differences (2, N) of a function that may say None."""
    columns = []
    for i, value in enumerate(at):
        step = np.zeros_like(at)
        step[i] = 1e-6 * max(1.0, abs(value))
        ahead, behind = function(at + step), function(at - step)
        if ahead is None or behind is None:
            return None
        columns.append((ahead - behind) / (2 * step[i]))
    return np.stack(columns, axis=1)


# --- What is refused ------------------------------------------------------------------------------------------------

_SPREAD_OUT = f"at least {LEAST_MARKS} marks, near and far, left and right, not in one line"


def _check_layout(marks: Sequence[Mark], size_px: tuple[int, int]) -> None:
    pixels = np.array([mark.picture_px for mark in marks], dtype=np.float64).reshape(-1, 2)
    site = np.array([mark.site_m for mark in marks], dtype=np.float64).reshape(-1, 3)
    if len(marks) < LEAST_MARKS:
        raise BadInput(f"{len(marks)} marks", _SPREAD_OUT, "add marks")
    if not (np.isfinite(pixels).all() and np.isfinite(site).all()):
        raise BadInput("a mark that is not a number", "pixels and metres", "set it again")
    outside = np.flatnonzero(((pixels < 0) | (pixels > np.array(size_px))).any(axis=1))
    if len(outside):
        raise BadInput(f"mark {outside[0] + 1} lies outside the picture", f"within {size_px}", "set it again")
    for values, what in ((pixels, "of the picture"), (site, "of the model")):
        if len(np.unique(values.round(6), axis=0)) < len(values):
            raise BadInput(f"two marks at one point {what}", "each mark at a point of its own", "remove one")
    hull = cv2.contourArea(cv2.convexHull(pixels.astype(np.float32)))
    if (share := hull / (size_px[0] * size_px[1])) < LEAST_SPREAD:
        raise BadInput(f"marks that span {share:.1%} of the picture", _SPREAD_OUT, "add marks further apart")
    if np.linalg.svd(site - site.mean(axis=0))[1][1] < 0.05 * np.linalg.norm(np.ptp(site, axis=0)):
        raise BadInput("marks in one line of the model", _SPREAD_OUT, "add marks beside it")


def _poor_fit(pixels: FloatArray, site: FloatArray, size_px: tuple[int, int], residual_px: float) -> BadInput:
    """Names the mark without which the others fit best."""
    centre, rest = np.array(size_px) / 2, []
    for i in range(len(pixels)):
        others = np.delete(np.arange(len(pixels)), i)
        off = _fit(pixels[others], site[others], centre, size_px[0])[2]
        rest.append(float(np.sqrt((off**2).sum(axis=1).mean())))
    worst = int(np.argmin(rest))
    return BadInput(
        f"the marks miss each other by {residual_px:.1f} pixels; without mark {worst + 1} by {rest[worst]:.1f}",
        f"at most {LARGEST_RESIDUAL * size_px[0]:.1f}",
        f"check mark {worst + 1}, in the picture and in the model",
    )


def _check_ground(found: Calibration, site: FloatArray) -> None:
    for storey, elevation in found.storeys.items():
        middle = found.project(np.array([[*site[:, :2].mean(axis=0), elevation]]))[0]
        place = found.ground((float(middle[0]), float(middle[1])), storey) if np.isfinite(middle).all() else None
        if place is None or place.sigma_m > LARGEST_GROUND_ERROR_M:
            error = "no ground amid the marks" if place is None else f"{place.sigma_m:.2f} m amid the marks"
            raise BadInput(f"storey {storey}: {error}", f"{LARGEST_GROUND_ERROR_M} m", "add marks near its ground")
