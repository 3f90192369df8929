"""`sitewright tasks`: what robots can do next by the model, the last comparison and the programme; who does it when."""

import datetime as dt
import json as json_text
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bim.errors import BadInput
from scan_to_bim.report.words import Language

if TYPE_CHECKING:
    from bim.model import Building
    from bim.verdict import Reason
    from robots.fleet import Fleet
    from robots.planner_problem import Plan
    from robots.proposal import Proposal
    from robots.site_plan import Crew, SitePlan
    from robots.site_state import SiteState
    from robots.task_rules import TaskRules
    from sitewright.settings import Settings

LOOK_AHEAD_DAYS = 14
SHOWN = 40
"""Lines of the table; the JSON has all."""


def tasks(
    models: Annotated[list[Path], typer.Argument(metavar="MODEL.ifc...", help="One building, in one or more files.")],
    verdicts: Annotated[Path, typer.Option(metavar="COMPARE.json", help="The last result of compare --json.")],
    fleet: Annotated[Path, typer.Option(metavar="FLEET.yaml", help="The robots of the site.")],
    schedule: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The programme: only what is due soon is built.")
    ] = None,
    rules: Annotated[
        Path | None,
        typer.Option(metavar="RULES.yaml", help="How each kind of work is done here, stores, what needs no approval."),
    ] = None,
    date: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="The day to plan, from its morning; today when left out.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, help="How many days ahead of the programme count.")] = LOOK_AHEAD_DAYS,
    permits: Annotated[
        list[str] | None, typer.Option("--permit", metavar="NAME", help="A permit that is in force, such as drilling.")
    ] = None,
    hours: Annotated[float, typer.Option(min=0.1, max=24.0, help="Length of the shift in hours.")] = 8.0,
    before: Annotated[
        Path | None,
        typer.Option(metavar="TASKS.json", help="The plan until now: robots keep their tasks where little is gained."),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Of `sitewright robots`: what is done there is not done again.")
    ] = None,
    json: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write tasks and plan as JSON.")] = None,
    language: Annotated[
        Language | None, typer.Option(help="Language of the table; from the settings when left out.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Propose tasks for robots, each with its reason, and plan who does which when."""
    from bim.ifc import read_building
    from robots.dispatch import done_tasks
    from robots.fleet import read_fleet
    from robots.from_model import propose_tasks
    from robots.journal import read
    from robots.navigation import storey_maps
    from robots.site_plan import plan_tasks
    from robots.task_rules import TaskRules, read_rules
    from sitewright.cli import _check_files
    from sitewright.progress_outputs import write_whole
    from sitewright.settings import load_settings

    settings = load_settings()
    _check_files([*models, verdicts, fleet, *(each for each in (schedule, rules, before, data) if each)], [json])
    work = read_rules(rules) if rules else TaskRules()
    now = _morning(date)
    building = read_building(models, settings.cache, settings.limits)
    site = site_of(building, verdicts, settings)
    crews = crews_of(read_fleet(fleet), building, hours)
    maps = {radius: storey_maps(site, radius) for radius in sorted({crew.profile.radius_m for crew in crews})}
    due = _due(schedule, building, now, days, settings) if schedule else None
    done = done_tasks(read(data / "journal")[0]) if data and (data / "journal").exists() else frozenset()
    proposals = propose_tasks(site, next(iter(maps.values())), work, _grid(models, settings), due)
    proposals = tuple(each for each in proposals if each.spec.task_id not in done)
    specs, former = [each.spec for each in proposals], _former(before) if before else None
    found = plan_tasks(specs, crews, maps, site, now, permits=permits or (), done=done, before=former)
    if json:
        write_whole(
            {json: json_text.dumps(as_json(proposals, found, now, work), ensure_ascii=False, indent=1).encode()}
        )
    if not quiet:
        _show(proposals, found, now, language or settings.language)


def _morning(date: str | None) -> dt.datetime:
    try:
        day = dt.date.fromisoformat(date) if date else dt.datetime.now(dt.UTC).date()
    except ValueError:
        raise BadInput(f"--date {date}", "a date such as 2026-04-30", "correct the date") from None
    return dt.datetime.combine(day, dt.time(7), dt.UTC)


# --- What comes in ----------------------------------------------------------------------------------------------------


def site_of(building: "Building", verdicts: Path, settings: "Settings") -> "SiteState":
    """The building with the states and shifts of a comparison. Raises BadInput."""
    from bim.epoch_files import read_comparison
    from bim.epochs import STATES
    from robots.site_state import Seen, SiteState

    read = read_comparison(verdicts, settings.limits)
    seen = {}
    for element, code, shift in zip(read.elements, read.state, read.shift.tolist(), strict=True):
        measured = shift[3] == shift[3]  # not NaN
        seen[element.global_id] = Seen(STATES[code], (shift[0], shift[1], shift[2]) if measured else None)
    if not any(element.global_id in seen for element in building.elements):
        raise BadInput(f"{verdicts} names no element of the model", "a comparison with this model", "compare again")
    return SiteState(building, seen)


def crews_of(fleet: "Fleet", building: "Building", hours: float) -> "list[Crew]":
    """Every robot at its home, with a full battery. Raises BadInput for one whose home is not given."""
    from robots.site_plan import Crew

    shift = (0, round(3600 * hours))
    crews = []
    for robot in fleet.robots:
        if robot.home is None:
            raise BadInput(
                f"robot {robot.robot_id} has no home",
                "home: [x, y, z, yaw] where it charges",
                "add it to the fleet file",
            )
        height_m = robot.home.z_m
        storey = min(building.storeys, key=lambda each: abs(each.elevation_m - height_m), default=None)
        crews.append(Crew(robot, robot.home, storey.name if storey else "", shifts=(shift,)))
    if not crews:
        raise BadInput("a fleet without robots", "at least one under robots:", "name the robots")
    return crews


def _former(path: Path) -> "Plan":
    """The plan of an earlier run: who does what, in which order. Raises BadInput."""
    from robots.planner_problem import planned
    from sitewright.site_news import read_tasks

    return planned(read_tasks(path).plan)


def _grid(models: list[Path], settings: "Settings") -> Any:
    from bim.setting_out import read_grid

    return [line for model in models for line in read_grid(model, settings.limits)]


def _due(
    schedule: Path, building: "Building", now: dt.datetime, days: int, settings: "Settings"
) -> Mapping[str, dt.datetime]:
    """When the elements of tasks that start within the look-ahead shall stand. The site's clock is taken as UTC."""
    from bim.schedule.linking import link
    from bim.schedule.reading import read_plan
    from bim.schedule.rules import Rules, default_rules

    plan = read_plan(schedule, settings.limits)
    links = link(
        plan, building.elements, Rules(), default_rules(), {t.id: t.products for t in plan.tasks if t.products}
    )
    until = (now + dt.timedelta(days=days)).replace(tzinfo=None)
    found: dict[str, dt.datetime] = {}
    for task in plan.leaves:
        if task.start and task.finish and task.start <= until:
            for n in links.of(task.id).elements:
                finish = task.finish.replace(tzinfo=dt.UTC)
                name = building.elements[n].global_id
                found[name] = min(found.get(name, finish), finish)
    return found


# --- What goes out ----------------------------------------------------------------------------------------------------


def as_json(
    proposals: "tuple[Proposal, ...]", found: "SitePlan", now: dt.datetime, rules: "TaskRules"
) -> dict[str, Any]:
    """Tasks in the shape of the API with their reasons, and the plan. What the rules approve is approved."""
    from robots.from_model import approved_by_rule
    from robots.wire import reason_json, spec_json

    plan, visits = found.plan, {visit.job_id: visit for visit in found.plan.visits}
    return {
        "tasks": [
            spec_json(each.spec)
            | {
                "state": "approved" if approved_by_rule(each.spec, rules) else "proposed",
                "why": reason_json(each.why),
                "robot_id": visits[each.spec.task_id].robot_id if each.spec.task_id in visits else None,
                "waits_for": _reason(found.waits.get(each.spec.task_id)),
            }
            for each in proposals
        ],
        "plan": {
            "from": now.isoformat(),
            "visits": [
                {
                    "task_id": visit.job_id,
                    "robot_id": visit.robot_id,
                    "leave": _at(now, visit.leave_s),
                    "start": _at(now, visit.start_s),
                    "end": _at(now, visit.end_s),
                    "travel_s": visit.travel_s,
                    "charge_s": visit.charge_s,
                    "battery_after": round(visit.battery_after, 4),
                    "why": reason_json(visit.reason),
                }
                for visit in plan.visits
            ],
            "cost": plan.cost,
            "bound": plan.bound,
            "gap": plan.gap,
            "finish": _at(now, plan.finish_s),
            "travel_s": plan.travel_s,
            "late_s": plan.late_s,
        },
    }


def _reason(reason: "Reason | None") -> dict[str, str] | None:
    from robots.wire import reason_json

    return reason_json(reason) if reason else None


def _at(now: dt.datetime, seconds: int) -> str:
    return (now + dt.timedelta(seconds=seconds)).isoformat()


def _show(proposals: "tuple[Proposal, ...]", found: "SitePlan", now: dt.datetime, language: Language) -> None:
    from rich.console import Console
    from rich.table import Table

    titles = {each.spec.task_id: each.spec.title for each in proposals}
    headings = ("时间", "机器人", "任务", "原因") if language == "zh" else ("Time", "Robot", "Task", "Why then")
    table = Table(*headings, box=None, pad_edge=False)
    for visit in found.plan.visits[:SHOWN]:
        span = f"{now + dt.timedelta(seconds=visit.start_s):%H:%M}–{now + dt.timedelta(seconds=visit.end_s):%H:%M}"
        table.add_row(span, visit.robot_id, getattr(titles[visit.job_id], language), getattr(visit.reason, language))
    console = Console()
    console.print(table)
    for line in _summary(found, language):
        console.print(line)


def _summary(found: "SitePlan", language: Language) -> list[str]:
    planned, waiting = len(found.plan.visits), len(found.waits)
    reasons: dict[str, int] = {}
    for reason in found.waits.values():
        words = getattr(reason, language)
        reasons[words] = reasons.get(words, 0) + 1
    common = sorted(reasons.items(), key=lambda each: -each[1])[:10]
    if language == "zh":
        return [f"已排 {planned} 个任务，{waiting} 个等待：", *(f"  {count} 个：{words}" for words, count in common)]
    return [f"{planned} tasks planned, {waiting} wait:", *(f"  {count}: {words}" for words, count in common)]
