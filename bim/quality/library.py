"""Tolerance libraries: TOML files with what a standard allows, and how a measured value is held against it.

library = standard("gb_50204_2015")
allowed = library.tolerance(Quantity.PLUMB, "IfcWall", height_m=3.2)
assess(0.012, 0.001, allowed).reason.en
"12.0 mm ± 1.0 mm is more than 10 mm allows (GB 50204-2015, table 8.3.2 (check), plumb, storey height up to 6 m)"
"""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from bim.arrays import Payload
from bim.errors import BadInput
from bim.isolation import GIB, Limits, isolated
from bim.verdict import Reason

FOLDER = Path(__file__).parent
MAX_BYTES = 1024**2
LIBRARY_LIMITS = Limits(memory_bytes=GIB, cpu_s=10.0, wall_s=20.0)
SIGMAS = 2.0
"""A value is within or beyond its limit only where it is so by this many standard errors."""
ANY = "*"


class Quantity(StrEnum):
    """What is measured. All are lengths."""

    POSITION = "position"
    """Horizontal shift of an element."""
    LEVEL = "level"
    """Vertical shift, against the storey."""
    TOTAL_LEVEL = "total_level"
    """Vertical shift, over the whole height."""
    PLUMB = "plumb"
    """Horizontal lean over an element's height."""
    SECTION = "section"
    """Thickness or width, built minus designed."""
    FLATNESS = "flatness"
    """Gap under a straightedge."""
    OPENING = "opening"
    """Shift of the centre of an opening."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """What one clause allows: values from `lower_m` to `limit_m`."""

    quantity: Quantity
    limit_m: float
    lower_m: float
    clause: str
    clause_zh: str
    source: str
    verified: bool
    """Whether limit and clause were checked against the text of the standard."""

    @property
    def citation(self) -> Reason:
        """Source and clause, and that they are unverified where they are."""
        en, zh = f"{self.source}, {self.clause}", f"{self.source} {self.clause_zh}"
        return Reason(en, zh) if self.verified else Reason(f"{en}; unverified", f"{zh}；未核实")


@dataclass(frozen=True, slots=True)
class Assessment:
    """A measured value against its tolerance. `within` is None where its standard error leaves that open."""

    value_m: float
    sigma_m: float
    tolerance: Tolerance
    within: bool | None
    reason: Reason


@dataclass(frozen=True)
class Clause:
    """One entry of a library: to what it applies, and what it allows."""

    quantity: Quantity
    classes: tuple[str, ...]
    text: str
    text_zh: str
    verified: bool
    limit_m: float
    lower_m: float
    share_of_height: float = math.inf
    height_over_m: float = 0.0
    height_to_m: float = math.inf
    spacing_m: tuple[float, ...] = ()
    limits_m: tuple[float, ...] = ()

    def applies(self, quantity: Quantity, ifc_class: str, height_m: float | None, length_m: float | None) -> bool:
        """Whether the clause speaks of this. Where it needs a height or a length and none is given, it does not."""
        if quantity is not self.quantity or ifc_class not in self.classes:
            return False
        bounded = self.height_over_m > 0.0 or math.isfinite(self.height_to_m) or math.isfinite(self.share_of_height)
        if bounded and (height_m is None or not self.height_over_m < height_m <= self.height_to_m):
            return False
        return not self.spacing_m or (length_m is not None and self._reaches(length_m))

    def _reaches(self, length_m: float) -> bool:
        near = 1e-6
        return self.spacing_m[0] - near <= length_m <= self.spacing_m[-1] + near

    def bounds_m(self, height_m: float | None, length_m: float | None) -> tuple[float, float]:
        """Lower and upper limit."""
        if self.limits_m and length_m is not None:
            return 0.0, float(np.interp(length_m, self.spacing_m, self.limits_m))
        share_m = self.share_of_height * height_m if height_m and math.isfinite(self.share_of_height) else math.inf
        return max(self.lower_m, -share_m), min(self.limit_m, share_m)


@dataclass(frozen=True)
class Library:
    """What one standard, or a project's own file, allows."""

    name: str
    title: Reason
    clauses: tuple[Clause, ...]

    def tolerance(
        self,
        quantity: Quantity,
        ifc_class: str,
        *,
        predefined_type: str = "",
        height_m: float | None = None,
        length_m: float | None = None,
    ) -> Tolerance | None:
        """The tolerance of an IFC class (IfcWallStandardCase counts as IfcWall); None where the library has none.

        `height_m` is the element's height, which plumb may depend on; `length_m` the straightedge's or the spacing of
        its support points, which flatness depends on. Clauses for the predefined type come first, those for any class
        last.
        """
        bare = bare_class(ifc_class)
        for name in (f"{bare}.{predefined_type}", bare, ANY):
            for clause in self.clauses:
                if clause.applies(quantity, name, height_m, length_m):
                    lower, upper = clause.bounds_m(height_m, length_m)
                    return Tolerance(quantity, upper, lower, clause.text, clause.text_zh, self.name, clause.verified)
        return None

    def straightedges_m(self, ifc_class: str) -> tuple[float, ...]:
        """The lengths over which the library limits flatness of a class."""
        spacings = (clause.spacing_m for clause in self.clauses if clause.quantity is Quantity.FLATNESS)
        lengths = sorted({length for spacing in spacings for length in spacing})
        return tuple(each for each in lengths if self.tolerance(Quantity.FLATNESS, ifc_class, length_m=each))


def bare_class(ifc_class: str) -> str:
    """IfcWall for IfcWallStandardCase and IfcWallElementedCase."""
    return ifc_class.removesuffix("StandardCase").removesuffix("ElementedCase")


def assess(value_m: float, sigma_m: float, tolerance: Tolerance) -> Assessment:
    """Hold a measured value with its standard error against a tolerance. Noise alone never makes it beyond."""
    excess = max(value_m - tolerance.limit_m, tolerance.lower_m - value_m)
    margin = SIGMAS * sigma_m
    within = True if excess + margin <= 0.0 else False if excess > margin else None
    return Assessment(value_m, sigma_m, tolerance, within, _reason(value_m, sigma_m, tolerance, within))


def _reason(value_m: float, sigma_m: float, tolerance: Tolerance, within: bool | None) -> Reason:
    value = f"{1000 * value_m:.1f} mm ± {1000 * sigma_m:.1f} mm"
    if tolerance.lower_m in (0.0, -tolerance.limit_m):
        limit = f"{1000 * tolerance.limit_m:.3g} mm"
    else:
        limit = f"+{1000 * tolerance.limit_m:.3g}/{1000 * tolerance.lower_m:.3g} mm"
    cited = tolerance.citation
    said = {
        True: Reason(f"is within {limit}", f"在 {limit} 以内"),
        False: Reason(f"is more than {limit} allows", f"超出 {limit}"),
        None: Reason(f"is too uncertain to tell from {limit}", f"不确定度过大，无法与 {limit} 比较"),
    }[within]
    return Reason(f"{value} {said.en} ({cited.en})", f"{value} {said.zh}（{cited.zh}）")


# --- Files ------------------------------------------------------------------------------------------------------------


def standards() -> tuple[str, ...]:
    """Names of the libraries that come with Sitewright."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))


def standard(name: str) -> Library:
    """A library that comes with Sitewright. Raises BadInput for an unknown name."""
    if name not in standards():
        raise BadInput(f"no tolerance library {name}", f"one of {', '.join(standards())}", "correct the name")
    return _library(tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8")), name)


def read_library(path: Path, limits: Limits = LIBRARY_LIMITS) -> Library:
    """A project's own library, a TOML file of the same form. Raises BadInput."""
    if not path.is_file() or path.stat().st_size > MAX_BYTES:
        raise BadInput(f"{path} is no tolerance library", f"a TOML file of at most {MAX_BYTES} bytes", "check the path")
    payload = isolated(_parse, str(path), limits=limits, failure=BadInput, what=f"tolerance library {path.name}")
    return _library(payload["document"], path.name)


def _parse(path: str) -> Payload:
    try:
        return {"document": tomllib.loads(Path(path).read_text(encoding="utf-8"))}
    except (ValueError, OSError, RecursionError) as error:
        raise BadInput(f"{Path(path).name} is no TOML ({error})", "a tolerance library", "correct it") from error


_KEYS: Mapping[str, type | tuple[type, ...]] = MappingProxyType({
    "quantity": str, "classes": list, "clause": str, "clause_zh": str, "verified": bool, "limit_mm": (int, float),
    "lower_mm": (int, float), "share_of_height": (int, float), "height_over_m": (int, float),
    "height_to_m": (int, float), "length_m": (int, float), "spacing_m": list, "limits_mm": list,
})  # fmt: skip


def _library(document: Mapping[str, Any], file: str) -> Library:
    try:
        verified, title = document.get("verified", True), document["title"]
        clauses = tuple(_clause(entry, verified) for entry in document["tolerance"])
        return Library(str(document["name"]), Reason(str(title["en"]), str(title["zh"])), clauses)
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        what = f"{file} is no tolerance library ({type(error).__name__}: {error})"
        raise BadInput(what, "a name, a title in en and zh, and [[tolerance]] entries", "correct it") from error


def _clause(entry: Mapping[str, Any], verified: bool) -> Clause:
    for key, value in entry.items():
        if not isinstance(value, _KEYS[key]) or (isinstance(value, bool) and key != "verified"):
            raise ValueError(f"{key} = {value!r}")
    limits_m = tuple(_metres(value) for value in entry.get("limits_mm", ()))
    limit_m = limits_m[-1] if limits_m else _metres(entry["limit_mm"])
    length = [entry["length_m"]] if "length_m" in entry else []
    spacing_m = tuple(float(value) for value in entry.get("spacing_m", length))
    if list(spacing_m) != sorted(spacing_m) or (limits_m and len(limits_m) != len(spacing_m)):
        raise ValueError("spacing_m must ascend, with a limit each")
    quantity = Quantity(entry["quantity"])
    return Clause(
        quantity=quantity,
        classes=tuple(str(each) for each in entry["classes"]),
        text=entry["clause"],
        text_zh=entry.get("clause_zh", entry["clause"]),
        verified=entry.get("verified", verified),
        limit_m=limit_m,
        lower_m=entry["lower_mm"] / 1000 if "lower_mm" in entry else 0.0 if quantity is Quantity.FLATNESS else -limit_m,
        share_of_height=entry.get("share_of_height", math.inf),
        height_over_m=entry.get("height_over_m", 0.0),
        height_to_m=entry.get("height_to_m", math.inf),
        spacing_m=spacing_m,
        limits_m=limits_m,
    )


def _metres(value_mm: Any) -> float:
    value = float(value_mm) / 1000
    if not 0.0 < value < math.inf:
        raise ValueError(f"{value_mm} mm is no limit")
    return value
