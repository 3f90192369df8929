"""What a printer and its material can do: data, one TOML file a machine, every field demanded and checked.

`robots/profiles` holds the profiles that come with the program. `tried` says whether a job was ever run with one, and
on what; a profile of numbers from the literature is a starting point for a machine's own, not a claim to suit it.
"""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, TypeVar

from bim.errors import BadInput

PROFILES = Path(__file__).parent / "profiles"


@dataclass(frozen=True, slots=True)
class Bead:
    """One strand of material. `shells` beads from each face inwards; 0 fills the whole section."""

    width_m: float
    width_range_m: tuple[float, float]
    height_m: float
    height_range_m: tuple[float, float]
    shells: int


@dataclass(frozen=True, slots=True)
class Motion:
    """The nozzle stops at corners sharper than `smooth_rad`, with constant acceleration on both sides."""

    print_speed_m_s: float
    travel_speed_m_s: float
    acceleration_m_s2: float
    smooth_rad: float


@dataclass(frozen=True, slots=True)
class Pump:
    """`start_s` before a bead flows, `stop_s` until it ends, both standing; the hose may stand for `longest_stop_s`."""

    start_s: float
    stop_s: float
    longest_stop_s: float


@dataclass(frozen=True, slots=True)
class Layers:
    """Time from a point to the one above: before `min_s` the fresh layer gives way, after `max_s` it does not bond."""

    min_s: float
    max_s: float
    may_wait: bool
    max_overhang_rad: float
    """From the vertical."""


@dataclass(frozen=True, slots=True)
class LintelRules:
    """What a lintel needs: `bearing_m` at each end, `clearance_m` around it, `lay_s` to be laid while all waits."""

    bearing_m: float
    clearance_m: float
    lay_s: float


@dataclass(frozen=True, slots=True)
class Envelope:
    """Where the nozzle reaches, in the machine's frame: a box from its origin, or a ring about its foot."""

    kind: Literal["gantry", "arm"]
    size_m: tuple[float, float, float]
    """Gantry: length, width, height. Arm: least reach, greatest reach, height."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """The words of the machine's G-code. With `extrusion` "volume" E counts cubic millimetres, relative."""

    extrusion: Literal["volume", "pump"]
    prologue: tuple[str, ...]
    pump_on: tuple[str, ...]
    pump_off: tuple[str, ...]
    hold: tuple[str, ...]
    """Stops until a person goes on: a lintel is laid."""
    epilogue: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PrinterProfile:
    """A machine with its material."""

    name: str
    tried: str
    """On what a job was run with this profile; empty where it never was."""
    sources: tuple[str, ...]
    bead: Bead
    motion: Motion
    pump: Pump
    layers: Layers
    lintel: LintelRules
    envelope: Envelope
    gcode: Dialect


def profile_names() -> list[str]:
    """The profiles that come with the program."""
    return sorted(path.stem for path in PROFILES.glob("*.toml"))


def read_profile(name: str) -> PrinterProfile:
    """A profile by its name, or of a TOML file. Raises BadInput."""
    path = Path(name) if name.endswith(".toml") else PROFILES / f"{name}.toml"
    if path.parent == PROFILES and path.stem not in profile_names():
        known = ", ".join(profile_names())
        raise BadInput(f"no printer profile {name}", f"one of {known}, or a TOML file", "correct the name")
    try:
        return parse_profile(path.read_text(encoding="utf-8"), path.stem)
    except OSError as error:
        raise BadInput(f"{path} cannot be read ({error.strerror})", "a printer profile", "check the path") from error


def parse_profile(text: str, name: str) -> PrinterProfile:
    """A profile from TOML. Raises BadInput naming the field that is wrong, unknown or missing."""
    try:
        table = tomllib.loads(text)
    except ValueError as error:
        raise BadInput(f"profile {name} is no TOML ({error})", "a printer profile", "correct it") from error
    sections = {"bead": Bead, "motion": Motion, "pump": Pump, "layers": Layers, "lintel": LintelRules,
                "envelope": Envelope, "gcode": Dialect}  # fmt: skip
    _same_names(table, {"tried", "sources", *sections}, name)
    parts: dict[str, Any] = {key: _section(kind, table[key], f"{name}.{key}") for key, kind in sections.items()}
    profile = PrinterProfile(
        name, _words(table["tried"], f"{name}.tried"), _lines(table["sources"], f"{name}.sources"), **parts
    )
    _check_ranges(profile)
    return profile


Section = TypeVar("Section")


def _section(kind: type[Section], table: object, where: str) -> Section:
    if not isinstance(table, dict):
        raise _wrong(where, table, "a table")
    names = {field.name: field.type for field in fields(kind)}  # type: ignore[arg-type]
    _same_names(table, set(names), where)
    return kind(**{name: _value(table[name], expected, f"{where}.{name}") for name, expected in names.items()})


def _same_names(table: Mapping[str, object], expected: set[str], where: str) -> None:
    if wrong := sorted(expected.symmetric_difference(table)):
        state = "unknown" if wrong[0] in table else "missing"
        raise BadInput(f"profile {where}: {wrong[0]} is {state}", f"{', '.join(sorted(expected))}", "correct it")


def _value(value: Any, expected: Any, where: str) -> Any:
    """One field, of the type that its dataclass names."""
    if expected is bool:
        return _of(bool, value, where)
    if expected is int:
        return int(_number(_of(int, value, where), where))
    if expected is float:
        return _number(value, where)
    if expected == tuple[str, ...]:
        return _lines(value, where)
    if getattr(expected, "__origin__", None) is tuple:
        return tuple(_number(each, where) for each in _of(list, value, where, len(expected.__args__)))
    if value not in expected.__args__:
        raise _wrong(where, value, f"one of {', '.join(expected.__args__)}")
    return value


def _of(kind: type[Any], value: Any, where: str, length: int | None = None) -> Any:
    if type(value) is not kind or (length is not None and len(value) != length):
        raise _wrong(where, value, kind.__name__ if length is None else f"{length} numbers")
    return value


def _number(value: Any, where: str) -> float:
    if type(value) not in (int, float) or not 0 <= value < math.inf:
        raise _wrong(where, value, "a number, 0 or more")
    return float(value)


def _words(value: Any, where: str) -> str:
    return str(_of(str, value, where))


def _lines(value: Any, where: str) -> tuple[str, ...]:
    return tuple(_words(each, where) for each in _of(list, value, where))


def _check_ranges(profile: PrinterProfile) -> None:
    bead, motion, layers = profile.bead, profile.motion, profile.layers
    sound = {
        "bead.width_m": 0 < bead.width_range_m[0] <= bead.width_m <= bead.width_range_m[1],
        "bead.height_m": 0 < bead.height_range_m[0] <= bead.height_m <= bead.height_range_m[1],
        "motion": min(motion.print_speed_m_s, motion.travel_speed_m_s, motion.acceleration_m_s2) > 0,
        "layers.max_s": layers.min_s <= layers.max_s,
        "layers.max_overhang_rad": layers.max_overhang_rad < math.pi / 2,
        "envelope.size_m": min(profile.envelope.size_m[1:]) > 0,
    }
    for field, holds in sound.items():
        if not holds:
            raise BadInput(f"profile {profile.name}: {field} is out of range", "values that fit together", "correct it")


def _wrong(where: str, value: object, expected: str) -> BadInput:
    return BadInput(f"profile {where} is {value!r}", expected, "correct it")
