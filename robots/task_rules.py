"""How each kind of work is done on this site: tool, tolerance, speed, permits, and whether a rule may approve it.

kinds:
  scan: {approve: true}
  drill: {tool: hammer_drill, permits: [drilling, dust]}
store_m: {00 Ground floor: [12.0, 3.0]}
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from bim.errors import BadInput
from robots.tasks import Kind

MOST_BYTES = 1_000_000


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


# --- The file ---------------------------------------------------------------------------------------------------------


def read_rules(path: Path) -> TaskRules:
    """A site's rules from YAML; what it does not name stays as it is here. Raises BadInput that names what is wrong."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ValueError(f"at most {MOST_BYTES} bytes")
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
        found = _checked(values, _READ)
        kinds = {Kind(kind): _kind(Kind(kind), line) for kind, line in found.pop("kinds", {}).items()}
        return TaskRules(kinds=_KINDS | kinds, **found)
    except (
        OSError,
        UnicodeDecodeError,
        yaml.YAMLError,
        RecursionError,
        ValueError,
        TypeError,
        AttributeError,
    ) as error:
        raise BadInput(
            f"the rules in {path} cannot be used ({error})", f"YAML with some of {', '.join(_READ)}", "correct the file"
        ) from None


def _kind(kind: Kind, line: Mapping[str, Any]) -> KindRule:
    if kind not in _KINDS:
        raise ValueError(f"rules for {kind}, which robots are sent to do by themselves")
    return replace(_KINDS[kind], **_checked(line, _READ_KIND))


def _checked(values: Any, known: Mapping[str, Callable[[Any], Any]]) -> dict[str, Any]:
    """Each value as it is meant. Raises ValueError for a name that is not known, and for a value that cannot be."""
    if not isinstance(values, dict):
        raise ValueError(f"{type(values).__name__} where names with values are wanted")
    if unknown := set(values) - set(known):
        raise ValueError(f"no {', '.join(sorted(map(str, unknown)))}; known are {', '.join(known)}")
    return {name: known[name](value) for name, value in values.items()}


def _positive(value: Any) -> float:
    number = float(value)
    if not 0.0 < number < math.inf:
        raise ValueError(f"{value} where a number above 0 is wanted")
    return number


def _words(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ValueError(f"{value} where a list of words is wanted")
    return tuple(str(each) for each in value)


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{value} where true or false is wanted")
    return value


def _places(value: Any) -> dict[str, tuple[float, float]]:
    places = {str(storey): tuple(map(float, place)) for storey, place in value.items()}
    if not all(len(place) == 2 and all(map(math.isfinite, place)) for place in places.values()):
        raise ValueError("a store that is not x and y in metres")
    return {storey: (place[0], place[1]) for storey, place in places.items()}


_READ: Mapping[str, Callable[[Any], Any]] = {
    "kinds": dict,
    "hanger_spacing_m": _positive,
    "bricks": lambda value: tuple(word.casefold() for word in _words(value)),
    "printed": lambda value: tuple(word.casefold() for word in _words(value)),
    "course_m": _positive,
    "store_m": _places,
}
_READ_KIND: Mapping[str, Callable[[Any], Any]] = {
    "tool": str,
    "tolerance_m": _positive,
    "target_s": _positive,
    "permits": _words,
    "approve": _truth,
}
