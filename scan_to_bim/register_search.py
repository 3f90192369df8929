"""Places where a scan might belong, from nothing but the two shapes.

Gravity leaves four unknowns. Heading follows from the directions of the walls, height from the levels of floors and
ceilings, and position in plan from laying the walls over each other; each is a correlation with several peaks, and
every combination of peaks is a candidate. Nothing is decided here.
"""

import numpy as np
from scipy import fft
from scipy.ndimage import gaussian_filter1d, maximum_filter

from bim.frames import FloatArray, rotation
from scan_to_bim.register_facets import Facets

HEADING_BINS = 720
MOST_HEADINGS = 8
WEAKEST_HEADING = 0.4
"""Peaks below this share of the best are not tried."""
LEVEL_M = 0.025
MOST_HEIGHTS = 16
PLAN_CELLS = 384
SLAB_M = 2.0
MOST_POSITIONS = 6
UPRIGHT_RAD = (0.2, 0.1, 0.05, 0.03)


def axes(facets: Facets) -> FloatArray:
    """(A, 3) directions that many facets face, both signs, the one nearest to +Z first: up is one of them."""
    left = facets.normal[:: max(1, len(facets) // 4000)]
    found: list[FloatArray] = []
    while len(found) < 3 and len(left) > 20:
        trial = left[:: max(1, len(left) // 300)]
        best = trial[(np.abs(trial @ left.T) > np.cos(0.1)).sum(axis=1).argmax()]
        found.append(best)
        left = left[np.abs(left @ best) < np.cos(0.5)]
    both = np.concatenate(
        [np.array([[0.0, 0.0, 1.0]]), np.array(found).reshape(-1, 3), -np.array(found).reshape(-1, 3)]
    )
    return both[np.argsort(-both[:, 2], kind="stable")]


def upright(facets: Facets, up: FloatArray) -> FloatArray:
    """Rotation (3, 3) that turns the true vertical near `up` to +Z: floors are perpendicular to it, walls parallel."""
    for width in UPRIGHT_RAD:
        along = facets.normal @ up
        level = np.exp(-0.5 * (np.arccos(np.abs(along).clip(0, 1)) / width) ** 2)
        wall = np.exp(-0.5 * (np.arcsin(along.clip(-1, 1)) / width) ** 2)
        spread = (facets.normal * (wall - level)[:, None]).T @ facets.normal
        axis = np.linalg.eigh(spread)[1][:, 0]
        up = axis * np.sign(axis @ up)
    return turn(up, np.array([0.0, 0.0, 1.0]))


def turn(a: FloatArray, b: FloatArray) -> FloatArray:
    """The smallest rotation (3, 3) that takes unit vector `a` to unit vector `b`."""
    axis = np.cross(a, b)
    sine = float(np.linalg.norm(axis))
    if sine < 1e-9:
        return np.eye(3) if a @ b > 0 else rotation(np.pi * np.linalg.svd(a[None])[2][1])
    return rotation(axis / sine * np.arctan2(sine, float(a @ b)))


def headings(scan: Facets, model: Facets) -> FloatArray:
    """(H,) rotations about Z in radians that lay the scan's wall directions over the model's, best first."""
    score = fft.irfft(np.conj(fft.rfft(_directions(scan))) * fft.rfft(_directions(model)), HEADING_BINS)
    peak = (score == maximum_filter(score, 11, mode="wrap")) & (score > WEAKEST_HEADING * score.max())
    at = np.flatnonzero(peak)
    at = at[np.argsort(-score[at], kind="stable")][:MOST_HEADINGS]
    before, here, after = score[at - 1], score[at], score[(at + 1) % HEADING_BINS]
    shift = 0.5 * (before - after) / np.minimum(before - 2 * here + after, -1e-12)
    found: FloatArray = (at + shift) * (2 * np.pi / HEADING_BINS)
    return found


def heights(scan: Facets, model: Facets) -> FloatArray:
    """(Z,) shifts in metres that lay the scan's levels over the model's, best first."""
    low = min(scan.xyz[:, 2].min(), model.xyz[:, 2].min())
    count = int(np.ceil((max(scan.xyz[:, 2].max(), model.xyz[:, 2].max()) - low) / LEVEL_M)) + 1
    size = int(fft.next_fast_len(2 * count))
    score = np.zeros(size)
    for side in (1.0, -1.0):
        one, two = (_levels(facets, side, low, count) for facets in (scan, model))
        score += fft.irfft(np.conj(fft.rfft(one, size)) * fft.rfft(two, size), size)
    at = np.flatnonzero((score == maximum_filter(score, 7, mode="wrap")) & (score > 0.05 * score.max()))
    at = at[np.argsort(-score[at], kind="stable")][:MOST_HEIGHTS]
    return np.where(at > size // 2, at - size, at) * LEVEL_M


class Plan:
    """The model's walls seen from above, in slabs of height and by the side they face, ready to be correlated."""

    def __init__(self, model: Facets, scan: Facets):
        walls, scanned = _walls(model), _walls(scan)
        reach = np.linalg.norm(scanned.xyz[:, :2], axis=1).max(initial=1.0)
        self.low = walls.xyz.min(axis=0)
        extent = (walls.xyz.max(axis=0) - self.low)[:2].max() + 2 * reach
        self.cell = max(0.25, float(extent) / PLAN_CELLS)
        self.size = int(fft.next_fast_len(int(np.ceil(extent / self.cell)) + 8, real=True))
        frequency = fft.fftfreq(self.size)[:, None] ** 2 + fft.rfftfreq(self.size)[None] ** 2
        blur = np.exp(-2 * (np.pi * 0.8) ** 2 * frequency)
        self.layers = {key: layer * blur for key, layer in self._layers(walls, self.low).items()}

    def positions(self, scan: Facets, heights_m: FloatArray) -> list[FloatArray]:
        """Translations (3,) of the best overlays of an upright scan of known heading, for each height."""
        walls = _walls(scan)
        found: list[FloatArray] = []
        layers = self._layers(walls, np.array([0.0, 0.0, self.low[2]]))
        for height in heights_m:
            slabs = round(float(height) / SLAB_M)
            total = sum(
                np.conj(layer) * self.layers[slab + slabs, side]
                for (slab, side), layer in layers.items()
                if (slab + slabs, side) in self.layers
            )
            if not isinstance(total, int):
                found += self._peaks(np.asarray(fft.irfft2(total, (self.size,) * 2)), float(height))
        return found

    def _peaks(self, score: FloatArray, height: float) -> list[FloatArray]:
        top = score == maximum_filter(score, 5, mode="wrap")
        at = np.flatnonzero(top)
        at = at[np.argsort(-score.flat[at], kind="stable")][:MOST_POSITIONS]
        shift = np.column_stack(np.unravel_index(at, score.shape)).astype(float)
        shift[shift > self.size // 2] -= self.size
        return [np.array([*(self.low[:2] + s * self.cell), height]) for s in shift]

    def _layers(self, walls: Facets, origin: FloatArray) -> dict[tuple[int, int], FloatArray]:
        cell = np.floor((walls.xyz - origin) / [self.cell, self.cell, SLAB_M]).astype(np.int64)
        azimuth = np.arctan2(walls.normal[:, 1], walls.normal[:, 0])
        side = np.round(azimuth / (np.pi / 2)).astype(np.int64) % 4
        layers = {}
        for slab in np.unique(cell[:, 2]):
            for quadrant in range(4):
                here = (cell[:, 2] == slab) & (side == quadrant)
                if here.sum() < 10:
                    continue
                image = np.zeros((self.size, self.size), dtype=np.float32)
                np.add.at(image, (cell[here, 0] % self.size, cell[here, 1] % self.size), 1.0)
                layers[int(slab), quadrant] = fft.rfft2(np.sqrt(image))
        return layers


def _walls(facets: Facets) -> Facets:
    """The facets that stand upright; those of unknown side face both ways."""
    wall = facets.take(np.abs(facets.normal[:, 2]) < 0.25)
    back = wall.take(~wall.oriented)
    return Facets(
        np.concatenate([wall.xyz, back.xyz]),
        np.concatenate([wall.normal, -back.normal]),
        np.concatenate([wall.oriented, back.oriented]),
    )


def _directions(facets: Facets) -> FloatArray:
    """(HEADING_BINS,) how many facets face each direction in plan."""
    normal = _walls(facets).normal
    azimuth = np.arctan2(normal[:, 1], normal[:, 0])
    count = np.bincount(
        np.round(azimuth / (2 * np.pi) * HEADING_BINS).astype(np.int64) % HEADING_BINS, minlength=HEADING_BINS
    )
    smooth: FloatArray = gaussian_filter1d(count.astype(np.float64), 2.0, mode="wrap")
    return smooth


def _levels(facets: Facets, side: float, low: float, count: int) -> FloatArray:
    """(count,) how much faces up (side 1) or down (-1) at each level; the root keeps the ground from drowning all."""
    flat = (side * facets.normal[:, 2] > 0.97) | (~facets.oriented & (np.abs(facets.normal[:, 2]) > 0.97))
    level = np.floor((facets.xyz[flat, 2] - low) / LEVEL_M).astype(np.int64)
    smooth: FloatArray = gaussian_filter1d(np.sqrt(np.bincount(level, minlength=count).astype(np.float64)), 1.5)
    return smooth
