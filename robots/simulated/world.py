"""A building as rovers meet it, in MuJoCo: what stands is solid, floors are level, rovers are pushed and can get stuck.

Each piece of wall between two openings is one convex box, from the model's section at the height of a rover's body. A
rover is a cylinder with three joints in the plane and motors of limited force, at the height of its storey. Rovers do
not collide with each other here: keeping them apart is the work of zones.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import quoteattr

import mujoco
import numpy as np
import shapely

from bim.frames import FloatArray
from bim.verdict import State
from robots.navigation import PASSED, outline
from robots.site_state import SiteState

STEP_S = 0.01
BODY_M = (0.1, 0.5)
"""From the floor to the underside and to the top of a rover."""
MASS_KG = 60.0
FORCE_N, TORQUE_NM = 150.0, 40.0
GRIP = 400.0
"""Newtons for each metre a second that a motor is behind its command."""
THIN_M2 = 1e-4


@dataclass(frozen=True, slots=True)
class Rover:
    """A rover where it starts."""

    name: str
    x_m: float
    y_m: float
    floor_m: float
    radius_m: float


class World:
    """The physics of all rovers; time passes by `advance`."""

    def __init__(self, site: SiteState, rovers: Sequence[Rover]) -> None:
        self._model = mujoco.MjModel.from_xml_string(_xml(site, rovers))
        self._data = mujoco.MjData(self._model)
        self._of: Mapping[str, int] = {rover.name: k for k, rover in enumerate(rovers)}
        self._start = np.array([[rover.x_m, rover.y_m, 0.0] for rover in rovers]).reshape(-1, 3)
        mujoco.mj_forward(self._model, self._data)

    def command(self, rover: str, vx_m_s: float, vy_m_s: float, turn_rad_s: float) -> None:
        """Speeds that the motors try to keep, in the site frame."""
        k = 3 * self._of[rover]
        self._data.ctrl[k : k + 3] = vx_m_s, vy_m_s, turn_rad_s

    def pose(self, rover: str) -> tuple[float, float, float]:
        """x, y and heading in the site frame."""
        k = self._of[rover]
        x, y, yaw = self._start[k] + self._data.qpos[3 * k : 3 * k + 3]
        return float(x), float(y), float(yaw)

    def advance(self, now_s: float) -> None:
        """Let time pass until `now_s`; where nobody moves or wants to, at once."""
        if not self._data.ctrl.any() and np.abs(self._data.qvel).max(initial=0.0) < 1e-3:
            self._data.time = max(self._data.time, now_s)
        steps = round((now_s - self._data.time) / STEP_S)
        if steps > 0:
            mujoco.mj_step(self._model, self._data, steps)


def _xml(site: SiteState, rovers: Sequence[Rover]) -> str:
    floors = sorted({rover.floor_m for rover in rovers})
    walls = "".join(geom for floor in floors for geom in _walls(site, floor))
    # Rovers meet walls (1) and not each other (2).
    bodies = "".join(_body(rover) for rover in rovers)
    motors = "".join(_motors(rover) for rover in rovers)
    return (
        f'<mujoco><option timestep="{STEP_S}" integrator="implicitfast" gravity="0 0 0"/>'
        f"<worldbody>{walls}{bodies}</worldbody><actuator>{motors}</actuator></mujoco>"
    )


def _walls(site: SiteState, floor_m: float) -> Iterator[str]:
    low, high = BODY_M
    solid = (site.stands | site.masked(State.UNSEEN)) & ~site.of_class(*PASSED)
    for element in np.flatnonzero(solid):
        for x, y, long_m, wide_m, turn_rad in pieces(outline(site.corners(int(element)), floor_m + high / 2)):
            yield (
                f'<geom type="box" contype="1" conaffinity="2" friction="0.2"'
                f' pos="{x:.4f} {y:.4f} {floor_m + (low + high) / 2:.4f}" euler="0 0 {np.degrees(turn_rad):.4f}"'
                f' size="{long_m / 2:.4f} {wide_m / 2:.4f} {(high - low) / 2:.4f}"/>'
            )


def pieces(segments: FloatArray) -> list[tuple[float, float, float, float, float]]:
    """The bodies of a section (S, 2, 2) as boxes: middle x, y, length, width, heading. Bent ones become several."""
    lines = shapely.linestrings(np.round(segments, 5))
    areas = shapely.get_parts(shapely.build_area(shapely.unary_union(lines[shapely.length(lines) > 0.0])))
    return [_box(part) for area in areas if area.area > THIN_M2 for part in _convex(area)]


def _convex(area: shapely.Polygon) -> list[shapely.Polygon]:
    if area.area > 0.98 * shapely.convex_hull(area).area:
        return [area]
    return list(shapely.get_parts(shapely.constrained_delaunay_triangles(area)))


def _box(area: shapely.Polygon) -> tuple[float, float, float, float, float]:
    ring = shapely.get_coordinates(shapely.minimum_rotated_rectangle(area))
    along, across = ring[1] - ring[0], ring[2] - ring[1]
    x, y = (ring[0] + ring[2]) / 2
    sizes = float(np.linalg.norm(along)), float(np.linalg.norm(across))
    return float(x), float(y), *sizes, float(np.arctan2(along[1], along[0]))


def _body(rover: Rover) -> str:
    low, high = BODY_M
    name = quoteattr(rover.name)[1:-1]
    joints = "".join(
        f'<joint name="{name} {axis}" type="{kind}" axis="{vector}" armature="1"/>'
        for axis, kind, vector in (("x", "slide", "1 0 0"), ("y", "slide", "0 1 0"), ("yaw", "hinge", "0 0 1"))
    )
    return (
        f'<body pos="{rover.x_m:.4f} {rover.y_m:.4f} {rover.floor_m + (low + high) / 2:.4f}">{joints}'
        f'<geom type="cylinder" contype="2" conaffinity="1" mass="{MASS_KG}" friction="0.2"'
        f' size="{rover.radius_m:.4f} {(high - low) / 2:.4f}"/></body>'
    )


def _motors(rover: Rover) -> str:
    name = quoteattr(rover.name)[1:-1]
    limits = (("x", FORCE_N), ("y", FORCE_N), ("yaw", TORQUE_NM))
    return "".join(
        f'<velocity joint="{name} {axis}" kv="{GRIP}" forcerange="-{most} {most}"/>' for axis, most in limits
    )
