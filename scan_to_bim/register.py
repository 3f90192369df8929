"""Where a scan is in its building: no targets, no first guess, and no answer where the evidence is not enough.

The scan becomes facets with normals (`register_facets`), the model planes that find a facet's partner at once
(`register_planes`). Correlations propose places (`register_search`), what only one place explains decides between them
(`register_choice`), and a robust adjustment of all facets gives the pose and its uncertainty (`register_fit`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from bim.errors import BadInput, CannotPlace
from bim.frames import FloatArray, invert, is_rigid, rigid, rotation_vector, transform
from bim.mesh import Mesh
from scan_to_bim.register_choice import (
    LEAST_MARGIN,
    LEVEL_STEP_M,
    Place,
    confidence_of,
    displacement,
    distinct,
    judge_place,
    level_modes,
    margin,
    plane_weights,
)
from scan_to_bim.register_facets import Facets, thin
from scan_to_bim.register_fit import NARROWEST_M, Fit, fit, plumbed, settle
from scan_to_bim.register_planes import Planes, match, planes_of, spread
from scan_to_bim.register_search import Plan, axes, headings, heights, upright
from scan_to_bim.result import Candidate, PoseUncertainty, Registration
from scan_to_bim.survey import Survey

SPACING_M = 0.25
MOST_SEARCHED = 60_000
SURFACE_SAMPLES, LOOKED_FOR = 30_000, 10_000
"""Points of the model that are correlated with the scan, and that rays are held against."""
WIDE_REACH_M, NEAR_REACH_M = 0.5, 0.15
ROUGH, FINER = (0.5, 0.5, 0.3, 0.3, 0.2), (0.15, 0.1, 0.07, 0.05)
CLOSE = (0.02, 0.015)
NEAR_LEVEL_M = 0.015
MOST_RIVAL = 0.8
LAST = (0.08, 0.05, 0.05, 0.04)
FIRST_LOOK, SECOND_LOOK, THIRD_LOOK = 800, 2_000, 6_000
"""Facets that a candidate is tried with: every one, the better ones, the few that remain."""
SETTLED, COMPARED = 60, 24
"""Candidates that are settled, and that are compared with one another."""
APART_M = 0.1
"""Places that put every scanner within this of one another are the same place."""
NUDGES_M = (0.12, 0.25)
WORST_SIGMA_M = 0.02
LISTED = 5
LEAST_FACETS = 200
PAIRS_AGREE_M = 0.05


class NoConfidentPlace(CannotPlace):
    """Carries the places that were considered, best first."""

    def __init__(self, found: str, expected: str, action: str, candidates: tuple[Candidate, ...] = ()) -> None:
        super().__init__(found, expected, action)
        self.candidates = candidates


@dataclass(frozen=True)
class Scene:
    """A scan and a model made ready to be laid over each other.

    The scan's frame is relative to `survey.centre_m`, the model's to `near.centre_m`. anchors: (A, 3) the
    scanners, or the corners of the scan where they are unknown; outline: (B, 3) both: places differ where these do.
    """

    survey: Survey
    every: Facets
    facets: Facets
    weight: FloatArray
    samples: tuple[Facets, Facets, Facets]
    near: Planes
    wide: Planes
    surface: Facets
    looked_for: Facets
    anchors: FloatArray = field(repr=False)
    outline: FloatArray = field(repr=False)

    def to_site(self, T: FloatArray) -> FloatArray:
        """T_site_scan (4, 4) of a pose between the two centred frames."""
        return _shift(self.near.centre_m) @ T @ _shift(-self.survey.centre_m)

    def from_site(self, T_site_scan: FloatArray) -> FloatArray:
        return _shift(-self.near.centre_m) @ T_site_scan @ _shift(self.survey.centre_m)

    def judge(self, T: FloatArray) -> Place:
        return judge_place(self.near, self.looked_for, self.facets, self.weight, self.survey, T)


def register(scene: Scene) -> Registration:
    """The pose of the scan, found from nothing but the two shapes.

    Raises CannotPlace, with the places considered in `candidates`, when no place is credible or when two are.
    """
    refusal: NoConfidentPlace | None = None
    for up in axes(scene.facets):
        try:
            places = _nudged(scene, _places(scene, up))
            return _decide(scene, places, "auto")
        except NoConfidentPlace as error:
            refusal = refusal or error
    raise refusal or _nothing_to_place()


def refine(scene: Scene, T_site_scan: FloatArray, method: str = "given") -> Registration:
    """The best pose near one that is right to about 10 cm and a degree, with its uncertainty.

    Raises BadInput when the start is not rigid and CannotPlace when the scan does not fit the model there.
    """
    if not is_rigid(T_site_scan):
        raise BadInput("the given pose is not a rotation and a translation", "a rigid 4 x 4 matrix", "check the pose")
    start = settle(scene.near, scene.samples[2], scene.from_site(T_site_scan), FINER)
    return _decide(scene, _nudged(scene, [scene.judge(start)]), method)


def as_given(scene: Scene, T_site_scan: FloatArray) -> Registration:
    """The pose as it is, without refining it; how far the best fit lies from it counts as its uncertainty.

    Raises CannotPlace when the scan does not fit the model there.
    """
    best = refine(scene, T_site_scan, "identity")
    assert best.uncertainty is not None
    pivot = best.uncertainty.pivot_m
    move = best.T_site_scan @ invert(T_site_scan)
    apart = np.concatenate([rotation_vector(move[:3, :3]), transform(move, pivot) - pivot])
    uncertainty = PoseUncertainty(pivot, best.uncertainty.covariance + np.outer(apart, apart))
    return replace(
        best,
        T_site_scan=T_site_scan,
        sigma_m=float(np.hypot(best.sigma_m, np.linalg.norm(apart[3:]))),
        sigma_rad=float(np.hypot(best.sigma_rad, np.linalg.norm(apart[:3]))),
        uncertainty=uncertainty,
    )


def from_pairs(scan_xyz: FloatArray, site_xyz: FloatArray) -> FloatArray:
    """T_site_scan (4, 4) from K >= 3 picked points (K, 3) in both frames, in metres (Kabsch 1976).

    Raises BadInput when there are too few pairs, when they lie on a line, or when their distances disagree.
    """
    scan_xyz, site_xyz = np.asarray(scan_xyz, dtype=np.float64), np.asarray(site_xyz, dtype=np.float64)
    if scan_xyz.shape != site_xyz.shape or scan_xyz.ndim != 2 or scan_xyz.shape[1:] != (3,) or len(scan_xyz) < 3:
        raise BadInput(
            f"{len(scan_xyz)} and {len(site_xyz)} picked points", "three or more pairs of x, y, z", "pick more pairs"
        )
    if not (np.isfinite(scan_xyz).all() and np.isfinite(site_xyz).all()):
        raise BadInput("a picked point has no finite coordinates", "metres", "check the pairs")
    from_scan, from_site = scan_xyz - scan_xyz.mean(axis=0), site_xyz - site_xyz.mean(axis=0)
    for spread_m in (np.linalg.svd(from_scan)[1], np.linalg.svd(from_site)[1]):
        if spread_m[1] < max(0.1, 0.01 * spread_m[0]):
            raise BadInput("the picked points lie on a line", "points that span a surface", "pick a pair beside it")
    U, _, Vt = np.linalg.svd(from_scan.T @ from_site)
    R = Vt.T @ np.diag([1.0, 1.0, np.sign(np.linalg.det(Vt.T @ U.T))]) @ U.T
    residual = np.linalg.norm(from_scan @ R.T - from_site, axis=1)
    if residual.max() > PAIRS_AGREE_M:
        raise BadInput(
            f"picked pair {int(residual.argmax()) + 1} is off by {residual.max():.3f} m",
            f"pairs that agree to {PAIRS_AGREE_M} m",
            "check the order, the units and that pair",
        )
    T = np.eye(4)
    T[:3, :3] = R
    T[:3, 3] = site_xyz.mean(axis=0) - R @ scan_xyz.mean(axis=0)
    return T


def scene_of(mesh: Mesh, survey: Survey, every: Facets) -> Scene:
    """A model and a scan, which shows the facets `every`. Raises CannotPlace when these are too few."""
    facets = thin(every, SPACING_M)
    facets = facets.take(np.arange(0, len(facets), max(1, -(-len(facets) // MOST_SEARCHED))))
    if len(facets) < LEAST_FACETS:
        raise _nothing_to_place()
    weight = plane_weights(facets)
    near = planes_of(mesh, NEAR_REACH_M)
    corners = np.array(np.meshgrid(*np.percentile(facets.xyz, [5, 95], axis=0).T)).reshape(3, -1).T
    return Scene(
        survey=survey,
        every=every,
        facets=facets,
        weight=weight,
        samples=_subsets(facets, weight),
        near=near,
        wide=planes_of(mesh, WIDE_REACH_M),
        surface=spread(near, SURFACE_SAMPLES),
        looked_for=spread(near, LOOKED_FOR),
        anchors=survey.origins_m if len(survey.origins_m) else corners,
        # A scanner in the middle of a room stays where it is when the room is turned round.
        outline=np.concatenate([survey.origins_m, corners]),
    )


def _subsets(facets: Facets, weight: FloatArray) -> tuple[Facets, Facets, Facets]:
    """Three subsets of growing size, drawn by weight at even steps: no random numbers, the same ones every time."""
    cumulative = np.cumsum(weight)

    def draw(count: int) -> Facets:
        at = (np.arange(count) + 0.5) * cumulative[-1] / count
        return facets.take(np.unique(np.searchsorted(cumulative, at).clip(0, len(facets) - 1)))

    return draw(FIRST_LOOK), draw(SECOND_LOOK), draw(THIRD_LOOK)


def _places(scene: Scene, up: FloatArray) -> list[Place]:
    """The places worth comparing, best first, if `up` (3,) is up in the scan."""
    first, second, third = scene.samples
    found = sorted(_proposals(scene, up), key=lambda T: -_overlap(scene.wide, first, T, WIDE_REACH_M))[:SETTLED]
    rough = [settle(scene.near, second, settle(scene.wide, second, T, ROUGH), FINER) for T in found]
    rough.sort(key=lambda T: -_overlap(scene.near, second, T, FINER[-1]))
    kept: list[FloatArray] = []
    for T in rough:
        if len(kept) < COMPARED and all(displacement(T, other, scene.outline) > APART_M for other in kept):
            kept.append(T)
    places = [scene.judge(settle(scene.near, third, T, LAST)) for T in kept]
    return distinct(sorted(places, key=lambda place: -place.share), scene.outline, APART_M)


def _proposals(scene: Scene, up: FloatArray) -> list[FloatArray]:
    """Poses (4, 4) at the peaks of all the correlations."""
    level = np.eye(4)
    level[:3, :3] = upright(scene.facets, up)
    scan = _moved(scene.facets, level)
    plan = Plan(scene.surface, scan)
    shifts = heights(scan, scene.surface)
    found = []
    for heading in headings(scan, scene.surface):
        turned = rigid(np.array([0.0, 0.0, heading]), np.zeros(3))
        for translation in plan.positions(_moved(scan, turned), shifts):
            found.append(_shift(translation) @ turned @ level)
    return found


def _overlap(planes: Planes, facets: Facets, T: FloatArray, reach_m: float) -> float:
    triangle, distance = match(planes, facets, T, reach_m)
    return float(np.sum(1.0 - (distance[triangle >= 0] / reach_m) ** 2))


def _nudged(scene: Scene, places: Sequence[Place]) -> list[Place]:
    """The places and those next to the best: a wall's other side, a slab's other layer may fit nearly as well."""
    if not places:
        return []
    steps = [sign * size * axis for axis in np.eye(3) for size in NUDGES_M for sign in (1.0, -1.0)]
    beside = [settle(scene.near, scene.samples[1], _shift(step) @ places[0].T, FINER) for step in steps]
    judged = [scene.judge(settle(scene.near, scene.samples[2], T, LAST)) for T in beside]
    best = max([places[0], *judged], key=lambda place: place.share)
    return distinct([best, *places, *judged], scene.outline, APART_M)


def _decide(scene: Scene, places: Sequence[Place], method: str) -> Registration:
    """The registration of the first place if it is credible, fixed in every direction, and better than every other."""
    if not places:
        raise _nothing_to_place()
    best, others = places[0], places[1:]
    margins = [margin(best, other) for other in others]
    candidates = _candidates(scene, best, others, margins)
    if not best.credible:
        raise NoConfidentPlace(
            f"the best place explains {best.share:.0%} of the planes of the scan" + _standing_words(best),
            "a scan of this building",
            "check that model and scan belong together, or give --pose or --pairs",
            candidates,
        )
    least = min(margins, default=float("inf"))
    if least < LEAST_MARGIN:
        raise NoConfidentPlace(
            f"the scan fits {1 + sum(m < LEAST_MARGIN for m in margins)} places about equally well: "
            + "; ".join(_place_words(c) for c in candidates if c.score > candidates[0].score - LEAST_MARGIN),
            "one place that explains more than any other",
            "scan more of what tells them apart, or give --pose or --pairs",
            candidates,
        )
    pivot = transform(best.T, scene.anchors).mean(axis=0)
    result, rival = _levelled(scene, _plumb(scene, fit(scene.near, scene.every, best.T, pivot), pivot), pivot)
    if rival > MOST_RIVAL:
        raise NoConfidentPlace(
            f"the scan fits two heights a few centimetres apart, the other {rival:.0%} as well",
            "floors and ceilings at several levels",
            "scan another storey or level, or give --pose or --pairs",
            candidates,
        )
    return _registration(scene, result, pivot, method, least, candidates)


def _plumb(scene: Scene, found: Fit, pivot: FloatArray) -> Fit:
    """The fit, or where its uprights lean one that starts plumb, at the height at which most levels agree then."""
    T = plumbed(scene.near, scene.every, found, pivot)
    if T is None:
        return found
    up_m, _ = level_modes(scene.near, scene.facets, T)
    return fit(scene.near, scene.every, _shift(np.array([0.0, 0.0, up_m])) @ T, pivot, NARROWEST_M, 0.5 * LEVEL_STEP_M)


def _levelled(scene: Scene, found: Fit, pivot: FloatArray) -> tuple[Fit, float]:
    """The fit at the height at which most levels agree, and how nearly another height does as well."""
    up_m, rival = level_modes(scene.near, scene.facets, found.T)
    if abs(up_m) > NEAR_LEVEL_M:
        T = settle(scene.near, scene.samples[2], _shift(np.array([0.0, 0.0, up_m])) @ found.T, CLOSE)
        found = fit(scene.near, scene.every, T, pivot)
    return found, rival


def _registration(
    scene: Scene, result: Fit, pivot: FloatArray, method: str, least: float, candidates: tuple[Candidate, ...]
) -> Registration:
    uncertainty = PoseUncertainty(pivot + scene.near.centre_m, result.covariance)
    anchors = transform(result.T, scene.anchors) + scene.near.centre_m
    sigma_m = float(uncertainty.sigma_m(anchors).max())
    if sigma_m > WORST_SIGMA_M:
        raise NoConfidentPlace(
            f"the scan leaves the pose open by {sigma_m:.2f} m",
            f"surfaces in three directions that fix it to {WORST_SIGMA_M} m",
            "add a scan that sees other directions, or give --pose",
            candidates,
        )
    placed = scene.judge(result.T)
    return Registration(
        T_site_scan=scene.to_site(result.T),
        method=method,
        rmse_m=result.rmse_m,
        sigma_m=sigma_m,
        sigma_rad=float(np.sqrt(np.linalg.eigvalsh(result.covariance[:3, :3]).max())),
        inlier_share=float(placed.explained.mean()),
        confidence=confidence_of(least),
        ambiguous=False,
        alternatives=candidates[1:],
        uncertainty=uncertainty,
    )


def _candidates(scene: Scene, best: Place, others: Sequence[Place], margins: Sequence[float]) -> tuple[Candidate, ...]:
    """The best place and its nearest rivals. A rival's score is 0 less the margin by which the best beats it."""
    rivals = sorted(zip(margins, others, strict=True), key=lambda pair: pair[0])[:LISTED]
    first = Candidate(scene.to_site(best.T), 0.0, "")
    return first, *(Candidate(scene.to_site(other.T), -m, _why_not(other, m)) for m, other in rivals)


def _why_not(place: Place, m: float) -> str:
    if m < LEAST_MARGIN:
        return f"nothing: it explains {place.share:.0%} of the planes of the scan" + _standing_words(place)
    return f"{m:.1f} standard deviations behind: it explains {place.share:.0%} of the planes of the scan" + (
        _standing_words(place)
    )


def _standing_words(place: Place) -> str:
    return "" if place.standing is None else f" and rays pass through {1 - place.standing:.0%} of what it plans there"


def _place_words(candidate: Candidate) -> str:
    x, y, z = candidate.T_site_scan[:3, 3]
    heading = np.degrees(np.arctan2(candidate.T_site_scan[1, 0], candidate.T_site_scan[0, 0]))
    return f"x {x:.2f} y {y:.2f} z {z:.2f} m heading {heading:.1f} deg"


def _nothing_to_place() -> NoConfidentPlace:
    return NoConfidentPlace(
        "the scan shows too few flat surfaces", "walls, floors or ceilings of the model", "scan more of the building"
    )


def _moved(facets: Facets, T: FloatArray) -> Facets:
    return Facets(transform(T, facets.xyz), facets.normal @ T[:3, :3].T, facets.oriented)


def _shift(translation: FloatArray) -> FloatArray:
    return rigid(np.zeros(3), translation)
