"""The rules as data: what each watches, when it fires, when it ends, and whom it stops. TOML, checked on reading.

A project's own file has the form of rules.toml beside this one. A rule that asks for a stop can not be quieted, and a
key that has no meaning for a rule's kind is refused: nothing that is written there is silently ignored.
"""

import tomllib
from dataclasses import dataclass, field, fields
from datetime import datetime, time
from enum import StrEnum
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

from bim.arrays import Payload
from bim.errors import BadInput
from bim.isolation import GIB, Limits, isolated
from bim.verdict import Reason
from site_safety.hazards import Level
from site_safety.records import from_json
from site_safety.tracks import Kind
from site_safety.zones import ZoneKind

LIMITS = Limits(memory_bytes=GIB, cpu_s=10.0, wall_s=20.0)
MAX_BYTES = 1024**2
PLACEHOLDERS = {"zone": "", "machine": "", "camera": "", "storey": "", "count": 0, "state": "", "distance_m": 0.0}


class Condition(StrEnum):
    """What a rule asks of a scene."""

    IN_ZONE = "in_zone"
    NEAR_MACHINE = "near_machine"
    UNDER_LOAD = "under_load"
    WITHOUT = "without"
    """A person without a helmet or a vest."""
    OUT_OF_HOURS = "out_of_hours"
    OBSTRUCTION = "obstruction"
    """Goods where nothing may stand, by what changed in the background."""
    CROWDING = "crowding"
    BLIND = "blind"
    """A camera that does not see: no frame may read as no person. With `stop`: a robot zone that no camera sees."""
    SILENT = "silent"
    """A robot or crane whose telemetry has stopped."""
    UNPLACED = "unplaced"
    """Somebody was seen, but nothing says where, or not well enough."""


@dataclass(frozen=True)
class Rule:
    """One rule. Times in seconds, lengths in metres; what is left out is as here."""

    id: str
    condition: Condition
    level: Level
    text: Reason
    stop: Literal["site", "zone", "robot"] | None = None
    """Asks for a stop of the whole site, of the zone's robots, or of the robot itself."""
    enter_s: float = 1.0
    """The condition must hold for so long before the rule fires: dwell."""
    leave_s: float = 3.0
    """… and be over for so long before it ends."""
    leave_m: float = 0.5
    """Hysteresis: once fired, it holds until the body is so far outside."""
    gap_s: float = 0.6
    """Shorter gaps between sightings do not restart the dwell."""
    quiet_s: float = 0.0
    """After an acknowledgement the same alarm does not come again for so long."""
    who: Kind = Kind.PERSON
    zones: tuple[ZoneKind, ...] = ()
    body_m: float = 0.3
    """Half the width of a body: what crosses the edge is inside."""
    sigmas: float = 2.0
    """Zones grow by so many standard errors of the body's place."""
    max_error_m: float = 2.0
    """Places known worse than this are not judged; `unplaced` says so."""
    min_height_m: float = 0.0
    max_height_m: float = 100.0
    max_distance_m: float = 1000.0
    """From the camera: farther away sizes, places and equipment mean little."""
    min_score: float = 0.0
    equipment: Literal["helmet", "vest"] = "helmet"
    machines: Literal["robots", "vehicles"] = "robots"
    """Machines that report where they are, or vehicles that cameras see."""
    clearance_m: float = 3.0
    """Of a moving machine, its own half width aside."""
    ahead_s: float = 1.0
    """… and as far as it moves in this time."""
    min_speed_m_s: float = 0.1
    """Slower machines stand."""
    fall_heights_m: tuple[float, ...] = ()
    fall_radii_m: tuple[float, ...] = ()
    """How far from below a load its fall reaches, by the height it hangs at."""
    roles: tuple[str, ...] = ()
    """Roles that a tag may carry (never a person's name) to be allowed there."""
    people: int = 10
    within_m: float = 3.0
    """Crowding: so many people within this radius, or in a zone of `zones`."""
    max_age_s: float = 1.0
    teachable: bool = True
    """Whether reviews may slow it, within the bounds of site_safety/rules_teaching.py; danger and stop never are."""


_COMMON = {"id", "condition", "level", "text", "enter_s", "leave_s", "gap_s", "quiet_s", "teachable"}
_BODY = {"who", "body_m", "sigmas", "max_error_m", "min_height_m", "max_height_m", "max_distance_m", "min_score"}
_MEANS = {
    Condition.IN_ZONE: _BODY | {"zones", "leave_m", "stop", "roles"},
    Condition.NEAR_MACHINE: _BODY | {"machines", "clearance_m", "ahead_s", "min_speed_m_s", "leave_m", "stop", "roles"},
    Condition.UNDER_LOAD: _BODY | {"fall_heights_m", "fall_radii_m", "leave_m", "stop", "roles"},
    Condition.WITHOUT: (_BODY - {"who", "body_m", "sigmas", "max_error_m"}) | {"equipment", "zones"},
    Condition.OUT_OF_HOURS: _BODY | {"zones"},
    Condition.OBSTRUCTION: {"zones"},
    Condition.CROWDING: _BODY | {"zones", "people", "within_m"},
    Condition.BLIND: {"max_age_s", "stop"},
    Condition.SILENT: {"max_age_s"},
    Condition.UNPLACED: {"who", "max_error_m", "min_score"},
}


@dataclass(frozen=True, slots=True)
class Hours:
    """When people are expected on site, in local time; Monday is 0."""

    open: str = "00:00"
    close: str = "24:00"
    days: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)
    timezone: str = "UTC"

    def __post_init__(self) -> None:
        """Refuse hours and zones that are none."""
        try:
            _minute(self.open), _minute(self.close), ZoneInfo(self.timezone)
        except (ValueError, KeyError, OSError) as error:
            expected = 'open = "07:00", close = "19:00", timezone = "Asia/Shanghai"'
            raise BadInput(f"hours: {error}", expected, "correct it") from None

    def working(self, at: datetime) -> bool:
        """Whether work goes on at this time."""
        local = at.astimezone(ZoneInfo(self.timezone))
        minute = local.hour * 60 + local.minute
        return local.weekday() in self.days and _minute(self.open) <= minute < _minute(self.close)


def _minute(text: str) -> int:
    if text == "24:00":
        return 24 * 60
    read = time.fromisoformat(text)
    return read.hour * 60 + read.minute


@dataclass(frozen=True)
class Policy:
    """The rules of a site and the hours that people work there."""

    rule: tuple[Rule, ...]
    hours: Hours = field(default_factory=Hours)

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        if len({rule.id for rule in self.rule}) < len(self.rule):
            raise BadInput("two rules with the same id", "an id for each", "rename one")
        for rule in self.rule:
            if why := _contradiction(rule):
                raise BadInput(f"rule {rule.id}: {why[0]}", why[1], "correct it")


def _contradiction(rule: Rule) -> tuple[str, str] | None:
    """What is wrong with a rule, and what was expected."""
    numbers = {each.name: getattr(rule, each.name) for each in fields(rule) if each.type is float or each.type is int}
    if negative := [name for name, value in numbers.items() if value < 0]:
        return f"{negative[0]} = {numbers[negative[0]]}", "0 or more"
    if rule.stop and rule.quiet_s:
        return f"quiet_s = {rule.quiet_s} with stop", "quiet_s = 0: a stop is never quieted"
    if rule.stop and rule.level is not Level.STOP:
        return f"level {rule.level} with stop", "level stop"
    if rule.condition in (Condition.IN_ZONE, Condition.OBSTRUCTION) and not rule.zones:
        return "no zones", f"zones = one or more of {', '.join(ZoneKind)}"
    if len(rule.fall_heights_m) != len(rule.fall_radii_m) or sorted(rule.fall_heights_m) != list(rule.fall_heights_m):
        return "fall_heights_m and fall_radii_m differ", "as many radii as heights, heights rising"
    if rule.stop == "robot" and (rule.condition, rule.machines) != (Condition.NEAR_MACHINE, "robots"):
        return "stop = robot", "a rule of near_machine with machines = robots"
    if rule.condition is Condition.UNDER_LOAD and not rule.fall_radii_m:
        return "no fall_radii_m", "fall_heights_m and fall_radii_m"
    return _bad_text(rule.text)


def _bad_text(text: Reason) -> tuple[str, str] | None:
    for words in (text.en, text.zh):
        try:
            words.format(**PLACEHOLDERS)
        except (KeyError, IndexError, ValueError) as error:
            return f"text {words[:40]!r} ({type(error).__name__}: {error})", f"placeholders {', '.join(PLACEHOLDERS)}"
    return None


def reads_score(condition: Condition) -> bool:
    """Whether a rule of this condition looks at how sure the detector is."""
    return "min_score" in _MEANS[condition]


def default_policy() -> Policy:
    """The rules that come with Sitewright."""
    return _policy(tomllib.loads(files("site_safety").joinpath("rules.toml").read_text(encoding="utf-8")), "rules.toml")


def read_policy(path: Path) -> Policy:
    """A project's own rules. Raises BadInput that names the rule and the key."""
    if not path.is_file() or path.stat().st_size > MAX_BYTES:
        raise BadInput(f"{path} is no file of rules", f"TOML of at most {MAX_BYTES} bytes", "check the path")
    document = isolated(_parse, str(path), limits=LIMITS, failure=BadInput, what=f"rules {path.name}")["document"]
    return _policy(document, path.name)


def _parse(path: str) -> Payload:
    try:
        return {"document": tomllib.loads(Path(path).read_text(encoding="utf-8-sig"))}
    except (ValueError, OSError, RecursionError) as error:
        raise BadInput(f"{Path(path).name} is no TOML ({error})", "[[rule]] tables", "correct it") from error


def _policy(document: dict[str, Any], name: str) -> Policy:
    for number, rule in enumerate(document.get("rule", [])):
        if not isinstance(rule, dict) or rule.get("condition") not in set(Condition):
            found = f"{name}: rule {number + 1} without a condition"
            raise BadInput(found, f"condition = one of {', '.join(Condition)}", "add it")
        known = _COMMON | _MEANS[Condition(rule["condition"])]
        if unknown := sorted(set(rule) - known):
            found = f"{name}: {unknown[0]} in rule {rule.get('id', number + 1)}, a rule of {rule['condition']}"
            raise BadInput(found, ", ".join(sorted(known)), "remove or correct it")
    return from_json(Policy, document, name)
