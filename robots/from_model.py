"""Tasks from the model: what robots can do next, by what stands and what is due. Pure; read `propose_tasks` first."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from bim.setting_out import GridLine
from bim.verdict import Reason
from robots.drilling import hangers, passages, supports
from robots.layout import grid_lines, wall_lines
from robots.navigation import StoreyMap
from robots.proposal import Proposal
from robots.rework import inspections, rework
from robots.scanning import scan_missions
from robots.site_state import SiteState
from robots.task_rules import TaskRules
from robots.tasks import TaskSpec
from robots.wall_work import wall_work


def propose_tasks(
    site: SiteState,
    maps: Sequence[StoreyMap],
    rules: TaskRules | None = None,
    grid: Sequence[GridLine] = (),
    due: Mapping[str, dt.datetime] | None = None,
) -> tuple[Proposal, ...]:
    """What the model, the verdicts and the programme call for, each with its reason.

    `due`: when elements shall stand, aware times; where it is given, elements that it does not name are not built yet.
    Tasks that look rather than build do not depend on it.
    """
    rules = rules or TaskRules()
    building = [
        *wall_lines(site, rules),
        *hangers(site, rules),
        *supports(site, rules),
        *passages(site, rules),
        *wall_work(site, rules),
    ]
    looking = [
        *grid_lines(site, rules, grid),
        *rework(site, rules, maps),
        *inspections(site, rules),
        *scan_missions(site, rules, maps),
    ]
    wanted = (
        building if due is None else [_dated(each, due) for each in building if set(each.spec.element_ids) & due.keys()]
    )
    return _consistent([*wanted, *looking])


def _dated(each: Proposal, due: Mapping[str, dt.datetime]) -> Proposal:
    first = min(due[name] for name in each.spec.element_ids if name in due)
    return replace(each, spec=replace(each.spec, due=first))


def _consistent(proposals: Sequence[Proposal]) -> tuple[Proposal, ...]:
    """Without predecessors that are not proposed: what they would make is there already."""
    names = {each.spec.task_id for each in proposals}
    return tuple(
        replace(
            each, spec=replace(each.spec, after_tasks=tuple(name for name in each.spec.after_tasks if name in names))
        )
        for each in proposals
    )


def approved_by_rule(spec: TaskSpec, rules: TaskRules) -> Reason | None:
    """Why a task needs no person's approval, None where it does."""
    if not rules.kinds[spec.kind].approve:
        return None
    return Reason(f"the site's rules approve tasks of kind {spec.kind}", f"现场规则自动批准 {spec.kind} 类任务")


def orphaned(tasks: Iterable[TaskSpec], site: SiteState) -> dict[str, Reason]:
    """Tasks whose element left the model, by their id: they are quarantined until a person has looked."""
    known = {element.global_id for element in site.building.elements}
    gone = {spec.task_id: [name for name in spec.element_ids if name not in known] for spec in tasks}
    return {
        name: Reason(
            f"element {lost[0]} is no longer in the model ({len(lost)} missing)",
            f"构件 {lost[0]} 已不在模型中（共缺 {len(lost)} 个）",
        )
        for name, lost in gone.items()
        if lost
    }
