"""What an element's shift is held against: in plan and in height, each by its clause or by the general tolerance.

tolerances = chosen_tolerances(["IfcSlab=din_18202", "gb_50204_2015"], general_m=0.015)
tolerances.allowance("IfcWall").governing((0.011, 0.0, 0.0))   # 3 mm beyond 8 mm of GB 50204-2015
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bim.errors import BadInput
from bim.quality.library import ANY, Library, Quantity, Tolerance, bare_class, read_library, standard
from bim.verdict import Reason, Vector


@dataclass(frozen=True, slots=True)
class Held:
    """A shift held against what governs it: how far beyond the limit it is, at most 0 inside."""

    excess_m: float
    limit_m: float
    clause: Tolerance | None
    """None: the general tolerance."""

    @property
    def citation(self) -> Reason | None:
        """The clause that allows the limit."""
        return self.clause.citation if self.clause else None


@dataclass(frozen=True, slots=True)
class Allowance:
    """How far an element may be off. Where no clause speaks of it, its whole shift may be `general_m` long."""

    general_m: float
    plan: Tolerance | None = None
    level: Tolerance | None = None

    def governing(self, shift_m: Vector) -> Held:
        """The limit that a shift as-built minus as-designed comes nearest to, or exceeds most."""
        x, y, z = shift_m
        if self.plan is None and self.level is None:
            return Held(math.hypot(x, y, z) - self.general_m, self.general_m, None)
        ways = ((self.plan, math.hypot(x, y)), (self.level, abs(z)))
        held = [Held(off - limit, limit, clause) for clause, off in ways for limit in (self._limit_m(clause),)]
        return max(held, key=lambda each: each.excess_m)

    def _limit_m(self, clause: Tolerance | None) -> float:
        return clause.limit_m if clause else self.general_m


@dataclass(frozen=True)
class Tolerances:
    """What a project goes by: libraries in order, each for one class or for any, and a tolerance for the rest."""

    general_m: float
    chosen: tuple[tuple[str, Library], ...] = ()

    def libraries(self, ifc_class: str) -> Iterator[Library]:
        """The libraries that hold for a class: those named for it first."""
        for scope in (bare_class(ifc_class), ANY):
            yield from (library for named, library in self.chosen if named == scope)

    def allowance(self, ifc_class: str, predefined_type: str = "") -> Allowance:
        """What the first library that limits the position, and the first that limits the level, allow."""
        quantities = (Quantity.POSITION, Quantity.LEVEL)
        plan, level = (self._first(quantity, ifc_class, predefined_type) for quantity in quantities)
        return Allowance(self.general_m, plan, level)

    def _first(self, quantity: Quantity, ifc_class: str, predefined_type: str) -> Tolerance | None:
        found = (
            library.tolerance(quantity, ifc_class, predefined_type=predefined_type)
            for library in self.libraries(ifc_class)
        )
        return next((each for each in found if each), None)


def chosen_tolerances(choices: Sequence[str], general_m: float) -> Tolerances:
    """Each choice is a library that comes with Sitewright or a TOML file, for all classes or as IfcClass=library.

    Raises BadInput for an unknown name and for a file that is no library.
    """
    return Tolerances(general_m, tuple(_choice(each) for each in choices))


def _choice(text: str) -> tuple[str, Library]:
    scope, _, name = text.rpartition("=")
    if scope and not scope.startswith("Ifc"):
        raise BadInput(f"tolerances {text}", "a library, or IfcClass=library such as IfcWall=din_18202", "correct it")
    library = read_library(Path(name)) if name.endswith(".toml") else standard(name)
    return bare_class(scope) or ANY, library
