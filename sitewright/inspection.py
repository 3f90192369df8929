"""What any file holds, and what is wrong with it; the content says what it is, not the name alone."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from bim.isolation import Limits

MODELS = (".ifc", ".ifczip")
SCHEDULES = (".xml", ".xer", ".csv", ".tsv", ".txt", ".xlsx")
STEP = b"ISO-10303-21"


def inspect(path: Path, cache: Path | None, limits: Limits) -> dict[str, Any]:
    """JSON values that describe a model, a schedule or a scan. Raises BadInput."""
    if path.suffix.lower() in MODELS or _begins(path).startswith(STEP):
        from bim.ifc import inspect_model

        return inspect_model(path, cache, limits)
    if path.suffix.lower() in SCHEDULES:
        return _schedule(path, limits)
    from scan_to_bim.clouds import inspect_scan

    return asdict(inspect_scan(path, limits))


def _schedule(path: Path, limits: Limits) -> dict[str, Any]:
    from bim.schedule.reading import read_plan

    plan = read_plan(path, limits)
    leaves = plan.leaves
    return {
        "path": str(path),
        "format": plan.format,
        "name": plan.name,
        "tasks": len(plan.tasks),
        "work": len(leaves),
        "relations": len(plan.relations),
        "calendars": [calendar.name for calendar in plan.calendars],
        "start": str(min((task.start for task in leaves if task.start), default=None)),
        "finish": str(max((task.finish for task in leaves if task.finish), default=None)),
        "problems": [problem.en for problem in plan.problems],
        "assumptions": [assumption.en for assumption in plan.assumptions],
    }


def _begins(path: Path) -> bytes:
    if not path.is_file():
        return b""
    with path.open("rb") as file:
        return file.read(64).lstrip(b"\xef\xbb\xbf \t\r\n")
