"""Progress as JSON, CSV, XLSX, MS Project XML and IFC: bytes first, then every file whole or none."""

import csv
import io
import json
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from bim.errors import BadInput
from bim.schedule.advance import Progress, TaskProgress
from bim.schedule.ifc_schedule import Actual, with_actuals
from bim.schedule.lookahead import look_ahead, percent_plan_complete
from bim.schedule.msproject import to_msproject
from bim.schedule.network import contents
from bim.schedule.plan import Plan, Task
from bim.schedule.reading import PLAN_LIMITS
from bim.verdict import Reason, State
from sitewright import __version__

SCHEMA = 1
DECIMALS = 6
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""A spreadsheet takes a cell that begins so for a formula."""


def to_json(progress: Progress) -> dict[str, Any]:
    """The document of `sitewright progress --json`. What does not exist is null; shares are 0 to 1."""
    links, ahead, kept = progress.links, look_ahead(progress), percent_plan_complete(progress)
    document = {
        "sitewright": __version__,
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
                "constraints": _words(each.constraints),
            }
            for each in ahead
        ],
        "percent_plan_complete": {
            "promised": kept.promised,
            "share": asdict(kept.share),
            "reasons": [{"id": task, "reason": why.en, "reason_zh": why.zh} for task, why in kept.reasons],
        },
        "problems": _words(progress.plan.problems),
        "assumptions": _words(progress.assumptions),
    }
    cleaned: dict[str, Any] = _clean(document)
    return cleaned


def json_bytes(progress: Progress) -> bytes:
    """The document as UTF-8 text, the same for the same progress."""
    text = json.dumps(to_json(progress), ensure_ascii=False, indent=1, allow_nan=False) + "\n"
    return text.encode("utf-8", "backslashreplace")


def _tasks(progress: Progress) -> Iterator[dict[str, Any]]:
    """Every task of the plan in its order; a summary takes the worth of what it contains."""
    by_id, inside = progress.by_id, contents(progress.plan.tasks)
    for task in progress.plan.tasks:
        if task.id in by_id:
            yield _task(by_id[task.id])
        else:
            yield _summary(task, [by_id[leaf] for leaf in inside.get(task.id, ()) if leaf in by_id])


def _task(each: TaskProgress) -> dict[str, Any]:
    return _about(each.task) | {
        "percent": {"low": each.low, "high": each.high},
        "float_days": each.total_float_days,
        "free_float_days": each.free_float_days,
        "critical": each.critical,
        "elements": len(each.link.elements),
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


def _words(reasons: Sequence[Reason]) -> list[str]:
    return list(dict.fromkeys(reason.en for reason in reasons))


def _clean(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    return round(value, DECIMALS) + 0.0 if isinstance(value, float) else value


# --- Tables -----------------------------------------------------------------------------------------------------------

HEADER = ("ID", "Name", "Start", "Finish", "% low", "% high", "% planned", "Status", "Actual start", "Actual finish",
          "Forecast low", "Forecast high", "Float days", "Critical", "Elements", "Linked by", "Missing", "Displaced",
          "Unseen")  # fmt: skip


def _table(progress: Progress) -> Iterator[tuple[Any, ...]]:
    for t in progress.tasks:
        yield (
            t.task.id, t.task.name, t.task.start, t.task.finish, round(100 * t.low, 1), round(100 * t.high, 1),
            round(100 * t.planned, 1), t.status.value, t.actual_start, t.actual_finish, t.forecast_finish_low,
            t.forecast_finish_high, round(t.total_float_days, 2), "yes" if t.critical else "no", len(t.link.elements),
            t.link.way.value, t.states.get(State.ABSENT, 0), t.states.get(State.DISPLACED, 0),
            t.states.get(State.UNSEEN, 0),
        )  # fmt: skip


def csv_bytes(progress: Progress) -> bytes:
    """A row a task, as UTF-8 that spreadsheets recognise; no cell of the plan can become a formula."""
    file = io.StringIO(newline="")
    rows = csv.writer(file)
    rows.writerow(HEADER)
    for row in _table(progress):
        rows.writerow([_cell(value) for value in row])
    return file.getvalue().encode("utf-8-sig", "replace")


def _cell(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="minutes")
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def xlsx_bytes(progress: Progress) -> bytes:
    """A workbook: tasks, earned value, what comes next, and what was assumed. Texts are texts, never formulas."""
    from xlsxwriter import Workbook

    file = io.BytesIO()
    with Workbook(file, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}) as book:
        book.set_properties({"created": datetime(2000, 1, 1)})
        bold = book.add_format({"bold": True})
        when = book.add_format({"num_format": "yyyy-mm-dd hh:mm"})
        for name, rows in _sheets(progress):
            sheet = book.add_worksheet(name)
            sheet.freeze_panes(1, 0)
            sheet.set_column(1, 1, 40)
            for r, row in enumerate(rows):
                for c, value in enumerate(row):
                    _write(sheet, r, c, value, bold if r == 0 else when if isinstance(value, datetime) else None)
    return file.getvalue()


def _write(sheet: Any, row: int, column: int, value: Any, style: Any) -> None:
    if isinstance(value, datetime):
        sheet.write_datetime(row, column, value, style)
    elif isinstance(value, str):
        sheet.write_string(row, column, value[:32_000], style)
    elif value is not None:
        sheet.write_number(row, column, value, style)


def _sheets(progress: Progress) -> Iterator[tuple[str, list[Sequence[Any]]]]:
    yield "Tasks", [HEADER, *_table(progress)]
    figures = (
        (name.upper(), value) for name, value in asdict(progress.earned_value).items() if isinstance(value, dict)
    )
    yield (
        "Earned value",
        [
            ("Figure", "Low", "High"),
            ("BAC", progress.earned_value.bac, progress.earned_value.bac),
            *((name, value["low"], value["high"]) for name, value in figures),
        ],
    )
    yield (
        "Look-ahead",
        [
            ("ID", "Name", "Start", "Constraints"),
            *(
                (
                    a.progress.task.id,
                    a.progress.task.name,
                    a.progress.forecast_start,
                    "; ".join(c.en for c in a.constraints),
                )
                for a in look_ahead(progress)
            ),
        ],
    )
    notes = [*_words(progress.plan.problems), *_words(progress.assumptions)]
    yield "Assumptions", [("Assumption",), *((note,) for note in notes)]


# --- Back to the planner ----------------------------------------------------------------------------------------------


def msproject_bytes(progress: Progress) -> bytes:
    """The plan with what is proven: percent complete, actual starts and finishes; planned dates stay."""
    by_id = progress.by_id
    return to_msproject(replace(progress.plan, tasks=tuple(_proven(t, by_id.get(t.id)) for t in progress.plan.tasks)))


def _proven(task: Task, each: TaskProgress | None) -> Task:
    if each is None:
        return task
    share = 1.0 if each.actual_finish else each.low
    return replace(task, percent=share, actual_start=each.actual_start, actual_finish=each.actual_finish)


def ifc_bytes(progress: Progress, source: Path, schedule: Plan) -> bytes:
    """The IFC file with the actuals of those tasks of `schedule`, its own plan, that progress knows by their id."""
    by_id = progress.by_id
    actuals = [
        Actual(task.key, 1.0 if each.actual_finish else each.low, each.actual_start, each.actual_finish)
        for task in schedule.tasks
        if (each := by_id.get(task.id))
    ]
    return with_actuals(source, actuals, PLAN_LIMITS)


def write_whole(contents_of: Mapping[Path, bytes]) -> None:
    """Write every file beside its target, then move all in place: after an error every target is as it was."""
    with ExitStack() as stack:
        staged = []
        for target, content in contents_of.items():
            temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
            stack.callback(temporary.unlink, missing_ok=True)
            try:
                temporary.write_bytes(content)
            except OSError as error:
                found = f"{target} cannot be written: {error.strerror}"
                raise BadInput(found, "a folder that exists and may be written", "choose another path") from error
            staged.append((temporary, target))
        for temporary, target in staged:
            os.replace(temporary, target)
