"""How each kind of work is done on this site: tool, tolerance, speed, permits, and whether a rule may approve it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from robots.tasks import Kind


@dataclass(frozen=True, slots=True)
class KindRule:
    """One kind of work."""

    tool: str
    tolerance_m: float
    target_s: float
    """Expected time at one target."""
    permits: tuple[str, ...] = ()
    approve: bool = False
    """Whether a task of this kind is approved without a person. Never set here: a site decides that."""


_KINDS = {
    Kind.LAYOUT: KindRule("marker", 0.002, 60.0),
    Kind.DRILL: KindRule("drill", 0.003, 45.0, permits=("drilling",)),
    Kind.SCAN: KindRule("lidar", 0.05, 180.0),
    Kind.INSPECT: KindRule("camera", 0.1, 60.0),
    Kind.TRANSPORT: KindRule("deck", 0.1, 240.0),
    Kind.REWORK: KindRule("manipulator", 0.005, 900.0),
    Kind.BRICK: KindRule("brick_gripper", 0.005, 30.0),
    Kind.PRINT: KindRule("concrete_head", 0.01, 1800.0),
}


@dataclass(frozen=True)
class TaskRules:
    """What a site sets. `store_m`: where material lies, by storey; nothing is carried without one."""

    kinds: Mapping[Kind, KindRule] = field(default_factory=lambda: dict(_KINDS))
    hanger_spacing_m: float = 2.0
    """Between the hangers of a run; the standard of the trade decides."""
    bricks: tuple[str, ...] = ("brick", "masonry", "block", "砖", "砌")
    """A wall whose name has one of these words is laid in courses."""
    printed: tuple[str, ...] = ("3d print", "printed", "打印")
    """A wall whose name has one of these words is printed."""
    course_m: float = 0.25
    store_m: Mapping[str, tuple[float, float]] = field(default_factory=dict)
