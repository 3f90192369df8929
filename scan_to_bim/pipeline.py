"""The comparison, from files to a report. Read this first: `compare` is the method, a line a step."""

import resource
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Literal

import numpy as np

from bim.frames import FloatArray
from bim.isolation import Limits
from bim.model import Building
from bim.quality.elements import Tolerances
from bim.verdict import State
from scan_to_bim.assumed_stations import with_assumed_stations
from scan_to_bim.clouds import SCAN_LIMITS, Scan, read_survey
from scan_to_bim.evidence import Findings, Tally, tally, weigh
from scan_to_bim.ground import ground_plane
from scan_to_bim.judge import Measured, growth_axis, judge
from scan_to_bim.measure import measure
from scan_to_bim.outline import with_outlines
from scan_to_bim.register import as_given, refine, register, scene_of
from scan_to_bim.register_facets import Facets, facets_of
from scan_to_bim.result import Input, Registration, Report, Samples
from scan_to_bim.surfaces import Surfaces, surfaces_of
from scan_to_bim.survey import Survey
from scan_to_bim.unexplained import unexplained
from scan_to_bim.viewpoints import next_viewpoints
from scan_to_bim.visibility import look, placed

TOLERANCES = Tolerances(general_m=0.015)
Pose = Literal["auto", "identity"] | FloatArray
Progress = Callable[[str, float], None]
"""Called with the name of the step that begins and the share of the work done before it, 0 to 1."""


def compare(
    building: Building,
    scans: Sequence[Path] | Scan,
    stations: Path | None = None,
    pose: Pose = "auto",
    tolerances: Tolerances = TOLERANCES,
    unit_m: float | None = None,
    day: date | None = None,
    cache: Path | None = None,
    limits: Limits = SCAN_LIMITS,
    progress: Progress = lambda step, share: None,
) -> Report:
    """What stands of `building`, what is off, what is missing and what could not be seen, by its scans.

    `scans`: files, or what they hold where they were read before. `stations` names a file of scanner origins, `pose`
    says where the scan belongs: found, the model's own frame, or a T_site_scan (4, 4) that is right to about 10 cm and
    a degree. `unit_m`: metres in the scan's unit, where the file does not say. `day`: when the scan was taken. `cache`:
    a folder for what depends on the model alone. Raises BadScan, BadInput and CannotPlace.
    """
    clock = _Clock(progress)
    with clock.step("reading the scan", 0.0):
        scan = scans if isinstance(scans, Scan) else read_survey(scans, stations, unit_m, limits)
    with clock.step("sampling the model", 0.35):
        surfaces = surfaces_of(building, cache)
    with clock.step("placing the scan", 0.45):
        facets = facets_of(scan.survey)
        registration = _registered(building, scan.survey, facets, pose)
    with clock.step("weighing the evidence", 0.75):
        survey = with_assumed_stations(scan.survey, building, registration.T_site_scan)
        findings, counted, measured = weighed(building, surfaces, survey, facets, registration)
    with clock.step("judging", 0.9):
        verdicts = judge(building.elements, counted, measured, tolerances, assumed=survey is not scan.survey)
    with clock.step("looking for what is in no model", 0.93):
        stands = np.array([v.state in (State.BUILT, State.PARTIAL, State.DISPLACED) for v in verdicts])
        unjudged = np.array([v.state is State.UNSEEN for v in verdicts])
        left_over = unexplained(scan.survey, registration.T_site_scan, surfaces, stands)
        viewpoints = next_viewpoints(
            building.elements, building.storeys, building.mesh, surfaces, findings.outcome, stands, unjudged
        )
    return Report(
        building=building,
        inputs=(*(Input(s.path, s.sha256, elements=s.elements) for s in building.sources), *scan.inputs),
        registration=registration,
        stations_site_m=_stations_site(scan.survey, registration),
        samples=Samples(
            xyz=surfaces.xyz + surfaces.centre_m,
            normal=surfaces.normal,
            element=surfaces.element,
            area_m2=surfaces.area_m2,
            outcome=findings.outcome,
            deviation_m=findings.deviation_m,
        ),
        verdicts=verdicts,
        unexplained=left_over,
        next_viewpoints=viewpoints,
        tolerances=tolerances,
        assumptions=(*scan.assumptions, *_assumptions(survey, scan.survey, pose)),
        day=day,
        timing_s=clock.seconds,
        peak_memory_bytes=_peak_memory_bytes(),
    )


def weighed(
    building: Building, surfaces: Surfaces, survey: Survey, facets: Facets, registration: Registration
) -> tuple[Findings, Tally, list[Measured]]:
    """What the scan says of every sample, counted by element, and what it measured of each."""
    at = placed(survey, registration.T_site_scan, surfaces.centre_m)
    looks = look(surfaces, survey, at)
    findings = weigh(surfaces, looks, len(building.elements), ground_plane(facets, at.T, surfaces.planes))
    findings = with_outlines(findings, building.mesh, surfaces, looks, at, survey)
    counted = tally(surfaces, findings.outcome, _growth_axes(building, surfaces))
    return findings, counted, measure(surfaces, findings, registration)


def _registered(building: Building, survey: Survey, facets: Facets, pose: Pose) -> Registration:
    scene = scene_of(building.mesh, survey, facets)
    if isinstance(pose, np.ndarray):
        return refine(scene, pose)
    return register(scene) if pose == "auto" else as_given(scene, np.eye(4))


def _assumptions(used: Survey, scanned: Survey, pose: Pose) -> Iterator[str]:
    if used is not scanned:
        yield (
            f"Scanner positions were assumed at {len(used.origins_m)} places over the floors from which the points are"
            " seen: absent and displaced rest on that, and are less sure."
        )
    if isinstance(pose, str) and pose == "identity":
        yield "The scan was taken as lying in the model's frame; how far a fit would move it counts as its uncertainty."


def _growth_axes(building: Building, surfaces: Surfaces) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    low, high = np.full((len(building.elements), 3), np.inf), np.full((len(building.elements), 3), -np.inf)
    np.minimum.at(low, surfaces.element, surfaces.xyz)
    np.maximum.at(high, surfaces.element, surfaces.xyz)
    extent = np.where(np.isfinite(high - low), high - low, 0.0)
    return np.array([growth_axis(e, extent[i]) for i, e in enumerate(building.elements)], dtype=np.int32)


def _stations_site(survey: Survey, registration: Registration) -> FloatArray:
    T = registration.T_site_scan
    stations: FloatArray = (survey.origins_m + survey.centre_m) @ T[:3, :3].T + T[:3, 3]
    return stations


def _peak_memory_bytes() -> int:
    own, children = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return 1024 * max(own, children)


@dataclass
class _Clock:
    """Seconds by step, told as each begins."""

    progress: Progress
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str, share: float) -> Iterator[None]:
        self.progress(name, share)
        start = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - start, 3)
