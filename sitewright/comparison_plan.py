"""A comparison held against the programme of works: what its verdicts mean on the day."""

import datetime as dt
from pathlib import Path

from bim.isolation import Limits
from bim.schedule.advance import Progress, advance
from bim.schedule.linking import link
from bim.schedule.observations import end_of, observed
from bim.schedule.plan import Plan
from bim.schedule.reading import read_plan
from bim.schedule.rules import Rules, default_rules
from scan_to_bim.result import Report


def against_plan(report: Report, schedule: Path, day: dt.date, limits: Limits) -> Progress:
    """Progress by the verdicts of one comparison, taken as of the evening of `day`.

    Tasks find their elements by the relations of an IFC schedule, in the schedule's file or in the models, and else by
    rules. Raises BadSchedule.
    """
    plan = read_plan(schedule, limits)
    carried = [read_plan(Path(source.path), limits) for source in report.building.sources if _has_tasks(source.path)]
    assigned = {task.id: task.products for found in _ifc(plan, carried) for task in found.tasks if task.products}
    links = link(plan, report.building.elements, Rules(), default_rules(), assigned)
    at = end_of(day)
    return advance(plan, links, [observed(at, report.verdicts)], at)


def _ifc(plan: Plan, carried: list[Plan]) -> list[Plan]:
    return [plan, *carried] if plan.format.startswith("IFC") else carried


def _has_tasks(path: str) -> bool:
    return b"IFCTASK(" in Path(path).read_bytes().upper()
