"""The document of `sitewright progress --json`: what plan and verdicts say together, as JSON values."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from bim.model import Element
from bim.schedule.advance import Progress, TaskProgress
from bim.schedule.lookahead import look_ahead, percent_plan_complete
from bim.schedule.network import contents
from bim.schedule.plan import Task
from bim.verdict import Reason

SCHEMA = 1
DECIMALS = 6


def to_json(progress: Progress) -> dict[str, Any]:
    """The document of `sitewright progress --json`. What does not exist is null; shares are 0 to 1."""
    links, ahead, kept = progress.links, look_ahead(progress), percent_plan_complete(progress)
    document = {
        "sitewright": _version(),
        "schema": SCHEMA,
        "date": progress.date,
        "schedule": {"name": progress.plan.name, "format": progress.plan.format},
        "tasks": list(_tasks(progress)),
        "linked_share": links.linked_share,
        "linked_elements_share": links.element_share,
        "unit": progress.unit,
        "earned_value": asdict(progress.earned_value),
        "linked_earned_value": asdict(progress.linked_earned_value),
        "curve": {
            "planned": [{"date": at, "pv": pv} for at, pv in _curve(progress)],
            "earned": [{"date": at, "low": low, "high": high} for at, low, high in progress.curve.earned],
        },
        "critical_path": progress.critical_path,
        "due_absent": [{"task": task, "global_id": links.elements[n].global_id} for n, task in progress.due_absent],
        "look_ahead": [
            {
                "id": each.progress.task.id,
                "start": each.progress.forecast_start,
                "constraints": words(each.constraints),
            }
            for each in ahead
        ],
        "percent_plan_complete": {
            "promised": kept.promised,
            "share": asdict(kept.share),
            "reasons": [{"id": task, "reason": why.en, "reason_zh": why.zh} for task, why in kept.reasons],
        },
        "problems": words(progress.plan.problems),
        "assumptions": words(progress.assumptions),
    }
    cleaned: dict[str, Any] = _clean(document)
    return cleaned


def words(reasons: Sequence[Reason]) -> list[str]:
    """The English sentences, each once."""
    return list(dict.fromkeys(reason.en for reason in reasons))


def _version() -> str:
    try:
        return version("sitewright")
    except PackageNotFoundError:
        return "unknown"


def _tasks(progress: Progress) -> Iterator[dict[str, Any]]:
    """Every task of the plan in its order; a summary takes the worth of what it contains."""
    by_id, inside = progress.by_id, contents(progress.plan.tasks)
    for task in progress.plan.tasks:
        if task.id in by_id:
            yield _task(by_id[task.id], progress.links.elements)
        else:
            yield _summary(task, [by_id[leaf] for leaf in inside.get(task.id, ()) if leaf in by_id])


def _task(each: TaskProgress, elements: Sequence[Element]) -> dict[str, Any]:
    return _about(each.task) | {
        "percent": {"low": each.low, "high": each.high},
        "float_days": each.total_float_days,
        "free_float_days": each.free_float_days,
        "critical": each.critical,
        "elements": len(each.link.elements),
        "global_ids": [elements[n].global_id for n in each.link.elements],
        "linked_by": each.link.way.value,
        "states": {state.value: count for state, count in each.states.items()},
        "source": each.source.value,
        "planned": each.planned,
        "status": each.status.value,
        "actual_start": each.actual_start,
        "actual_finish": each.actual_finish,
        "forecast_start": each.forecast_start,
        "forecast_finish": {"low": each.forecast_finish_low, "high": each.forecast_finish_high},
        "budget": each.budget,
    }


def _about(task: Task) -> dict[str, Any]:
    return {
        "id": task.id,
        "name": task.name,
        "wbs": task.wbs,
        "parent": task.parent or None,
        "summary": task.summary,
        "milestone": task.milestone,
        "start": task.start,
        "finish": task.finish,
        "baseline_start": task.baseline_start,
        "baseline_finish": task.baseline_finish,
        "reported": task.percent,
    }


def _summary(task: Task, leaves: Sequence[TaskProgress]) -> dict[str, Any]:
    worth = sum(each.budget for each in leaves)
    low, high = (sum(each.budget * share for each, share in zip(leaves, shares, strict=True)) / worth if worth else None
                 for shares in ([each.low for each in leaves], [each.high for each in leaves]))  # fmt: skip
    elements = {element for each in leaves for element in each.link.elements}
    return _about(task) | {
        "percent": {"low": low, "high": high},
        "float_days": min((each.total_float_days for each in leaves), default=None),
        "elements": len(elements),
        "budget": worth,
    }


def _curve(progress: Progress) -> Iterator[tuple[datetime, float]]:
    yield from zip(progress.curve.moments, progress.curve.planned.tolist(), strict=True)


def _clean(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    return round(value, DECIMALS) + 0.0 if isinstance(value, float) else value
