"""A comparison as JSON: the keys that scripts rely on (docs: compare --json), and a few more."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from bim.model import Element
from bim.verdict import Verdict
from scan_to_bim.report.progress import Progress, by_class, by_storey, progress
from scan_to_bim.report.surfaces import to_values
from scan_to_bim.result import Candidate, Registration, Report
from scan_to_bim.surface_quality import SurfaceQuality

SCHEMA = 1


def to_json(report: Report, surfaces: Sequence[SurfaceQuality] = ()) -> dict[str, Any]:
    """The report as JSON values. Lengths are metres rounded to a micrometre; what is not finite is null.

    `surfaces`: faces held against the clauses of tolerance libraries.
    """
    members = list(zip(report.building.elements, report.verdicts, strict=True))
    storeys = [storey.name for storey in report.building.storeys]
    document = {
        "sitewright": _version(),
        "schema": SCHEMA,
        "date": report.day.isoformat() if report.day else None,
        "inputs": [asdict(item) for item in report.inputs],
        "registration": _registration(report.registration),
        "tolerance_m": report.tolerances.general_m,
        "tolerance_libraries": [_library(scope, each.name) for scope, each in report.tolerances.chosen],
        "stations_site_m": report.stations_site_m.tolist(),
        "elements": [element_values(element, verdict) for element, verdict in members],
        "surfaces": to_values(surfaces, report),
        "unexplained": [asdict(item) for item in report.unexplained],
        "next_viewpoints": [asdict(viewpoint) for viewpoint in report.next_viewpoints],
        "progress": {
            "by_storey": [_progress("storey", item) for item in by_storey(members, storeys)],
            "by_class": [_progress("ifc_class", item) for item in by_class(members)],
            "total": _progress(None, progress("", members)),
        },
        "assumptions": list(dict.fromkeys((*report.building.assumptions, *report.assumptions))),
        "timing_s": report.timing_s,
        "peak_memory_bytes": report.peak_memory_bytes,
    }
    cleaned: dict[str, Any] = _clean(document)
    return cleaned


def json_bytes(report: Report, surfaces: Sequence[SurfaceQuality] = ()) -> bytes:
    """The document of `to_json` as UTF-8 text that is the same for the same report."""
    text = json.dumps(to_json(report, surfaces), ensure_ascii=False, indent=1, allow_nan=False) + "\n"
    # A name may hold half a surrogate pair; its escape is valid JSON.
    return text.encode("utf-8", "backslashreplace")


def _version() -> str:
    try:
        return version("sitewright")
    except PackageNotFoundError:
        return "unknown"


def _library(scope: str, name: str) -> dict[str, str]:
    return {"ifc_class": scope, "library": name}


def element_values(element: Element, verdict: Verdict) -> dict[str, Any]:
    """One entry of `elements`."""
    return {
        "global_id": element.global_id,
        "ifc_class": element.ifc_class,
        "name": element.name,
        "storey": element.storey,
        "system": element.system,
        "state": verdict.state.value,
        "completion": verdict.completion,
        "completion_low": verdict.completion_low,
        "completion_high": verdict.completion_high,
        "observable": verdict.observable,
        "confidence": verdict.confidence,
        "evidence": asdict(verdict.evidence),
        "deviation": None if verdict.deviation is None else asdict(verdict.deviation),
        "reason": verdict.reason.en,
        "reason_zh": verdict.reason.zh,
    }


def _registration(registration: Registration) -> dict[str, Any]:
    return {
        "T_site_scan": registration.T_site_scan.tolist(),
        "method": registration.method,
        "rmse_m": registration.rmse_m,
        "sigma_m": registration.sigma_m,
        "sigma_rad": registration.sigma_rad,
        "inlier_share": registration.inlier_share,
        "confidence": registration.confidence,
        "ambiguous": registration.ambiguous,
        "alternatives": [_candidate(candidate) for candidate in registration.alternatives],
    }


def _candidate(candidate: Candidate) -> dict[str, Any]:
    matrix = candidate.T_site_scan.tolist()
    return {"T_site_scan": matrix, "score": candidate.score, "why_not": candidate.why_not}


def _progress(key: str | None, item: Progress) -> dict[str, Any]:
    named = {} if key is None else {key: item.name}
    return named | {
        "elements": item.elements,
        "counts": {state.value: count for state, count in item.counts.items()},
        "area_m2": asdict(item.area_m2),
        "volume_m3": asdict(item.volume_m3),
        "percent": {"low": item.percent_low, "high": item.percent_high},
    }


def _clean(value: Any, decimals: int = 6) -> Any:
    """Rounded, without negative zero, and null where a number is not finite."""
    if isinstance(value, dict):
        # A pose stays finer: a rotation acts over tens of metres, and must still be one when it is read back.
        return {key: _clean(item, 12 if key == "T_site_scan" else decimals) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item, decimals) for item in value]
    if isinstance(value, float):
        return round(value, decimals) + 0.0 if math.isfinite(value) else None
    return value
