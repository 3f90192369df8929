"""A comparison: what is wanted in, what came of it out. No database is near: any machine that reaches the files can."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from bim.ifc import read_building
from bim.isolation import Limits
from bim.quality.elements import Tolerances
from bim.verdict import Verdict
from scan_to_bim.clouds import Frame, OneScan, Scan, joined
from scan_to_bim.pipeline import Progress, compare
from scan_to_bim.report.contract import to_json
from scan_to_bim.report.outputs import write_outputs
from scan_to_bim.result import Report
from web.comparison_scans import Wanted, files_at_hand, stations_of
from web.files import Files

FILES = {"json": "comparison.json", "html": "comparison.html", "bcf": "comparison.bcfzip", "glb": "comparison.glb",
         "ifc": "comparison.ifc"}  # fmt: skip


@dataclass(frozen=True)
class Compared:
    """What came of it: the reports' SHA-256 by kind, the document of `compare --json`, and the verdicts."""

    kept: dict[str, str]
    document: dict[str, Any]
    verdicts: tuple[Verdict, ...]


def compared(
    wanted: Wanted,
    cache: Path,
    limits: Limits,
    progress: Progress = lambda step, share: None,
    scan: Scan | None = None,
) -> Compared:
    """Do a comparison, here or on any machine that reaches the files. `scan`: what its scans hold, where they were read
    before. Raises SitewrightError.
    """
    with files_at_hand(wanted) as (files, folder):
        models = [files.named(*each, folder / f"model-{n}") for n, each in enumerate(wanted.models)]
        report = compare(
            read_building(models, cache, limits),
            scan or [files.named(*each, folder / f"scan-{n}") for n, each in enumerate(wanted.scans)],
            stations=stations_of(files, wanted.stations, folder),
            pose="auto" if wanted.pose is None else np.array(wanted.pose),
            tolerances=Tolerances(wanted.tolerance_m),
            day=wanted.at.date(),
            unit_m=wanted.unit_m,
            cache=cache,
            limits=limits,
            progress=progress,
        )
        named = _under_their_names(report, dict((*wanted.models, *wanted.scans)))
        return Compared(_reports(files, named, wanted, folder), to_json(report), report.verdicts)


def compared_together(wanted: Wanted, cache: Path, limits: Limits, frame: Frame, *parts: Sequence[OneScan]) -> Compared:
    """Do a comparison whose scans were read, in parts that follow one another. Raises SitewrightError."""
    return compared(wanted, cache, limits, scan=joined(frame, [*chain(*parts)]))


def _under_their_names(report: Report, names: Mapping[str, str]) -> Report:
    """The report with the files' own names: where a worker put them is nobody's business."""
    return replace(report, inputs=tuple(replace(i, path=names.get(i.sha256, Path(i.path).name)) for i in report.inputs))


def _reports(files: Files, report: Report, wanted: Wanted, folder: Path) -> dict[str, str]:
    paths = {kind: folder / name for kind, name in FILES.items()}
    if len(wanted.models) > 1:
        del paths["ifc"]  # several models give several files; each can be had by `sitewright compare --ifc`
    outputs: dict[str, Any] = dict(paths)
    write_outputs(report, **outputs, date=wanted.at)
    return {kind: files.keep(path) for kind, path in paths.items()}
