"""Pictures of triangles by a software z-buffer: flat shading, crisp edges, hatching by state. No display needed."""

from dataclasses import dataclass
from io import BytesIO

import numpy as np
import numpy.typing as npt
from numba import njit
from PIL import Image

from bim.frames import FloatArray, IntArray

Pixels = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

SUPERSAMPLING = 2
PLAIN, DIAGONAL, CROSSED, DOTTED = range(4)
"""Patterns over a surface, so that states differ without colour."""
_EDGE_COSINE = np.float64(0.9)
_NEAR_M = 0.05


@dataclass(frozen=True)
class Camera:
    """Where a picture is taken from, in the site frame. `fov_rad` is the vertical opening; None is a parallel view,
    whose `scale` is the pixels a metre."""

    position_m: FloatArray
    direction: FloatArray
    up: FloatArray
    fov_rad: float | None = None
    scale: float = 1.0

    @property
    def axes(self) -> FloatArray:
        """(3, 3): right, down and forward as rows."""
        forward = self.direction / np.linalg.norm(self.direction)
        right = np.cross(forward, self.up)
        right /= np.linalg.norm(right)
        return np.array([right, np.cross(forward, right), forward])

    def project(self, xyz: FloatArray, width: int, height: int) -> FloatArray:
        """Site points (..., 3) to pixel x, pixel y and a depth that is linear on screen and grows with distance."""
        seen = (xyz - self.position_m) @ self.axes.T
        if self.fov_rad is None:
            pixels, depth = seen[..., :2] * self.scale, seen[..., 2]
        else:
            focal = 0.5 * height / np.tan(0.5 * self.fov_rad)
            z = np.maximum(seen[..., 2], _NEAR_M)
            pixels, depth = focal * seen[..., :2] / z[..., None], -1.0 / z
        return np.concatenate([pixels + np.array([0.5 * width, 0.5 * height]), depth[..., None]], axis=-1)


@dataclass(frozen=True)
class Paint:
    """How triangles are drawn: fill (T, 3) uint8, ink (T, 3) uint8 for edges and hatching, alpha (T,) of the fill,
    pattern (T,) uint8, part (T,) int32: an edge is drawn where the part or the direction of the surface changes."""

    fill: Pixels
    ink: Pixels
    alpha: npt.NDArray[np.float32]
    pattern: Pixels
    part: IntArray


def parallel_camera(points: FloatArray, direction: FloatArray, width: int, height: int) -> Camera:
    """A parallel view along `direction` that holds all `points` (N, 3) in a picture of width x height pixels."""
    up = np.array([0.0, 0.0, 1.0])
    axes = Camera(np.zeros(3), direction, up).axes
    seen = points @ axes.T
    low, high = seen.min(axis=0), seen.max(axis=0)
    extent = np.maximum(high - low, 1e-3)
    centre = axes.T @ (0.5 * (low + high))
    return Camera(centre, direction, up, None, 0.94 * float(min(width / extent[0], height / extent[1])))


def draw(
    corners: FloatArray, paint: Paint, ghost: Mask, camera: Camera, width: int, height: int
) -> npt.NDArray[np.uint8]:
    """A picture (height, width, 3) on white of triangles with corners (T, 3, 3) in the site frame.

    Triangles in `ghost` (T,) hide nothing: they are laid over the others, by their alpha, where they are nearer.
    """
    w, h = width * SUPERSAMPLING, height * SUPERSAMPLING
    fine = Camera(camera.position_m, camera.direction, camera.up, camera.fov_rad, camera.scale * SUPERSAMPLING)
    kept = np.arange(len(corners))
    if camera.fov_rad is not None:
        corners, kept = _in_front(corners, camera)
    a, b, c = corners.transpose(1, 0, 2)
    normals = np.cross(b - a, c - a)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    light = _light(normals, fine)
    screen = np.ascontiguousarray(fine.project(corners, w, h))
    solid_depth, solid = _rasterise(screen, ~ghost[kept], w, h)
    ghost_depth, ghosts = _rasterise(screen, ghost[kept], w, h)
    ghosts[ghost_depth >= solid_depth] = -1
    canvas = np.full((h, w, 3), 255.0, dtype=np.float32)
    for faces in (solid, ghosts):
        _shade(
            canvas, faces, normals, light, paint.fill[kept], paint.ink[kept], paint.alpha[kept], paint.pattern[kept],
            paint.part[kept],
        )  # fmt: skip
    return np.rint(_averaged(canvas)).astype(np.uint8)


def png(pixels: Pixels, colours: int = 64) -> bytes:
    """A small PNG of (H, W, 3) or (H, W, 4) pixels; a palette suits flat shading. `colours` 0 keeps every colour."""
    image = Image.fromarray(pixels)
    if colours:
        image = image.quantize(colours, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    out = BytesIO()
    image.save(out, "PNG", optimize=False)
    return out.getvalue()


def _averaged(canvas: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The picture at its own size, each pixel the mean of those it was drawn with."""
    total = np.zeros_like(canvas[::SUPERSAMPLING, ::SUPERSAMPLING])
    for y, x in np.ndindex(SUPERSAMPLING, SUPERSAMPLING):
        total += canvas[y::SUPERSAMPLING, x::SUPERSAMPLING]
    return total / np.float32(SUPERSAMPLING**2)


def _in_front(corners: FloatArray, camera: Camera) -> tuple[FloatArray, npt.NDArray[np.int64]]:
    """Triangles cut at the near plane, and the triangle that each piece comes from."""
    depth = (corners - camera.position_m) @ camera.axes[2]
    front = depth > _NEAR_M
    whole = np.flatnonzero(front.all(axis=1))
    pieces, origin = [corners[whole]], [whole]
    for count in (1, 2):
        some = np.flatnonzero(front.sum(axis=1) == count)
        # Turn each triangle so that the corner that differs from the other two comes first.
        odd = np.argmax(front[some] == (count == 1), axis=1)
        order = (odd[:, None] + np.arange(3)) % 3
        p, d = (
            np.take_along_axis(corners[some], order[:, :, None], axis=1),
            np.take_along_axis(depth[some], order, axis=1),
        )
        share = ((_NEAR_M - d[:, :1]) / (d[:, 1:] - d[:, :1]))[:, :, None]
        cut = p[:, :1] + share * (p[:, 1:] - p[:, :1])
        if count == 1:
            pieces.append(np.concatenate([p[:, :1], cut], axis=1))
            origin.append(some)
        else:
            pieces += [
                np.stack([cut[:, 0], p[:, 1], p[:, 2]], axis=1),
                np.stack([cut[:, 0], p[:, 2], cut[:, 1]], axis=1),
            ]
            origin += [some, some]
    return np.concatenate(pieces), np.concatenate(origin)


def _light(normals: FloatArray, camera: Camera) -> npt.NDArray[np.float32]:
    """(T,) brightness: a head light off to one side and from above; both sides of a triangle shine alike."""
    right, down, forward = camera.axes
    lamp = -forward - 0.55 * right - 0.75 * down
    lamp /= np.linalg.norm(lamp)
    facing = np.where(normals @ forward > 0, -1.0, 1.0)
    light: npt.NDArray[np.float32] = (0.62 + 0.38 * np.clip(facing * (normals @ lamp), 0.0, 1.0)).astype(np.float32)
    return light


@njit(cache=True)
def _span(a, b, ax, bx, width):  # type: ignore[no-untyped-def]
    """First and last step in a row at which no barycentric weight (a, b and the rest) is negative."""
    first, last = 0.0, float(width)
    for value, slope in ((a, ax), (b, bx), (1.0 - a - b, -ax - bx)):
        if slope > 0.0:
            first = max(first, -value / slope)
        elif slope < 0.0:
            last = min(last, -value / slope)
        elif value < 0.0:
            last = -1.0
    return int(np.ceil(first)), int(np.floor(last))


@njit(cache=True)
def _rasterise(screen, chosen, width, height):  # type: ignore[no-untyped-def]
    """Depth (H, W) float32 and the nearest chosen triangle (H, W) int32, -1 for none."""
    depth = np.full((height, width), np.inf, dtype=np.float32)
    face = np.full((height, width), -1, dtype=np.int32)
    for t in range(screen.shape[0]):
        if not chosen[t]:
            continue
        x0, y0, z0 = screen[t, 0]
        x1, y1, z1 = screen[t, 1]
        x2, y2, z2 = screen[t, 2]
        area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
        if abs(area) < 1e-9:
            continue
        left, right = max(int(np.floor(min(x0, x1, x2))), 0), min(int(np.ceil(max(x0, x1, x2))), width - 1)
        top, bottom = max(int(np.floor(min(y0, y1, y2))), 0), min(int(np.ceil(max(y0, y1, y2))), height - 1)
        # Barycentric weights and depth are linear in x and y, so each row is one span without a test a pixel.
        ax, bx = (y1 - y2) / area, (y2 - y0) / area
        for y in range(top, bottom + 1):
            px, py = left + 0.5, y + 0.5
            a = ((x1 - px) * (y2 - py) - (x2 - px) * (y1 - py)) / area
            b = ((x2 - px) * (y0 - py) - (x0 - px) * (y2 - py)) / area
            first, last = _span(a, b, ax, bx, right - left)
            z, zx = a * z0 + b * z1 + (1.0 - a - b) * z2, ax * z0 + bx * z1 - (ax + bx) * z2
            for step in range(first, last + 1):
                x = left + step
                if z + step * zx < depth[y, x]:
                    depth[y, x] = z + step * zx
                    face[y, x] = t
    return depth, face


@njit(cache=True)
def _hatched(pattern, x, y):  # type: ignore[no-untyped-def]
    if pattern == 1:
        return (x + y) % 18 < 5
    if pattern == 2:
        return (x + y) % 16 < 3 or (x - y) % 16 < 3
    if pattern == 3:
        return x % 12 < 3 and y % 12 < 3
    return False


@njit(cache=True)
def _is_edge(f, g, normals, part):  # type: ignore[no-untyped-def]
    if f == g:
        return False
    if f < 0 or g < 0 or part[f] != part[g]:
        return True
    cosine = normals[f, 0] * normals[g, 0] + normals[f, 1] * normals[g, 1] + normals[f, 2] * normals[g, 2]
    return abs(cosine) < _EDGE_COSINE


@njit(cache=True)
def _shade(canvas, faces, normals, light, fill, ink, alpha, pattern, part):  # type: ignore[no-untyped-def]
    """Lay the visible triangles over the canvas (H, W, 3) float32: fill, hatching, and ink where an edge passes."""
    height, width = faces.shape
    for y in range(height):
        for x in range(width):
            f = faces[y, x]
            right = faces[y, x + 1] if x + 1 < width else f
            below = faces[y + 1, x] if y + 1 < height else f
            if f < 0 and right < 0 and below < 0:
                continue
            edge_right, edge_below = _is_edge(f, right, normals, part), _is_edge(f, below, normals, part)
            if edge_right or edge_below:
                owner = f if f >= 0 else (right if edge_right else below)
                cover = min(0.15 + 3.0 * alpha[owner], 0.95)
                for k in range(3):
                    canvas[y, x, k] += cover * (0.6 * ink[owner, k] - canvas[y, x, k])
            elif f >= 0:
                hatch = _hatched(pattern[f], x, y)
                cover = min(alpha[f] + 0.25, 1.0) if hatch else alpha[f]
                for k in range(3):
                    colour = ink[f, k] if hatch else fill[f, k] * light[f]
                    canvas[y, x, k] += cover * (colour - canvas[y, x, k])
