"""Built faces held against what the chosen libraries allow: flatness, plumb, and floor numbers of slabs.

Only what stands and was measured is assessed; what the libraries do not limit is not. Floor numbers need no limit.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

from bim.errors import BadScan
from bim.quality.library import Assessment, bare_class
from bim.verdict import State
from scan_to_bim.flatness import (
    LEVEL,
    SurfaceMap,
    assess_flatness,
    assess_plumb,
    built_faces,
    plumb,
    surface_map,
)
from scan_to_bim.floor_numbers import STEP_M, FloorNumbers, floor_numbers
from scan_to_bim.result import Report, Samples

ASSESSED = ("IfcWall", "IfcColumn", "IfcBeam", "IfcSlab", "IfcRoof", "IfcCovering", "IfcFooting", "IfcRamp")
"""Classes whose faces are built to be flat or plumb; a pipe or a chair is not held against concrete."""
STANDS = (State.BUILT, State.DISPLACED)

T = TypeVar("T")


@dataclass(frozen=True)
class FaceQuality:
    """One built face and what each straightedge laid on it shows."""

    surface: SurfaceMap
    straightedges: tuple[Assessment, ...]


@dataclass(frozen=True)
class SurfaceQuality:
    """One element's faces against their clauses. `element` indexes the building's elements."""

    element: int
    faces: tuple[FaceQuality, ...]
    plumb: Assessment | None
    floor: FloorNumbers | None

    @property
    def assessments(self) -> tuple[Assessment, ...]:
        """All that was held against a clause: the worst straightedge of each length, and the lean."""
        laid = sorted((each for face in self.faces for each in face.straightedges), key=lambda each: each.value_m)
        worst = {each.tolerance: each for each in laid}
        return (*worst.values(), self.plumb) if self.plumb else tuple(worst.values())


def surface_quality(report: Report) -> tuple[SurfaceQuality, ...]:
    """Of every element that stands and of which anything could be told, in the order of the elements."""
    found = (
        _quality(report, i)
        for i, (element, verdict) in enumerate(zip(report.building.elements, report.verdicts, strict=True))
        if verdict.state in STANDS and bare_class(element.ifc_class) in ASSESSED
    )
    return tuple(each for each in found if each.faces or each.plumb or each.floor)


def _quality(report: Report, i: int) -> SurfaceQuality:
    element, samples = report.building.elements[i], report.samples
    faces, libraries = list(_maps(samples, i)), list(report.tolerances.libraries(element.ifc_class))
    flat = [
        FaceQuality(face, _first(assess_flatness(face, library, element.ifc_class) for library in libraries) or ())
        for face in faces
    ]
    leans = [lean for lean in (plumb(face, report.registration.sigma_rad) for face in faces) if lean]
    upright = _first(assess_plumb(leans, library, element.ifc_class) for library in libraries) if leans else None
    floor = _floor_numbers(samples, i) if bare_class(element.ifc_class) == "IfcSlab" else None
    return SurfaceQuality(i, tuple(each for each in flat if each.straightedges), upright, floor)


def _first(found: Iterator[T]) -> T | None:
    """What the first library that says anything says."""
    return next((each for each in found if each), None)


def _maps(samples: Samples, element: int) -> Iterator[SurfaceMap]:
    for xyz, normal in built_faces(samples, element):
        try:
            yield surface_map(xyz, normal)
        except BadScan:  # too little of this face was measured
            continue


def _floor_numbers(samples: Samples, element: int) -> FloorNumbers | None:
    """Of the largest face that is the top of a floor, on the step that E1155 reads; None where it is too small."""
    for xyz, normal in built_faces(samples, element):
        if normal[2] > LEVEL:
            try:
                return floor_numbers(surface_map(xyz, normal, STEP_M))
            except BadScan:
                return None
    return None
