"""An element's measured deviation against a tolerance library: the shift in plan and the shift in height."""

import math

from bim.quality.library import Assessment, Library, Quantity, assess
from bim.verdict import Deviation


def assess_deviation(
    deviation: Deviation, library: Library, ifc_class: str, *, predefined_type: str = ""
) -> tuple[Assessment, ...]:
    """Each measured shift that the library limits for the class, with the clause that it is held against.

    A shift of exactly 0 is one that the visible surface could not fix, and is not assessed; neither is what the library
    does not limit. Empty means that nothing could be told, not that all is well.
    """
    x, y, z = deviation.translation_m
    shifts = ((Quantity.POSITION, math.hypot(x, y)), (Quantity.LEVEL, z))
    limits = [
        (shift_m, library.tolerance(quantity, ifc_class, predefined_type=predefined_type))
        for quantity, shift_m in shifts
        if shift_m != 0.0
    ]
    return tuple(assess(shift_m, deviation.sigma_m, allowed) for shift_m, allowed in limits if allowed)


def within_tolerance(assessments: tuple[Assessment, ...]) -> bool | None:
    """False where any is beyond, True where all are within, None where that cannot be told."""
    states = {each.within for each in assessments}
    return False if False in states else True if states == {True} else None
