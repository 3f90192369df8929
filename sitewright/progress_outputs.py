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
from bim.schedule.document import to_json, words
from bim.schedule.ifc_schedule import Actual, with_actuals
from bim.schedule.lookahead import look_ahead
from bim.schedule.msproject import to_msproject
from bim.schedule.plan import Plan, Task
from bim.schedule.reading import PLAN_LIMITS
from bim.verdict import State

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""A spreadsheet takes a cell that begins so for a formula."""


def json_bytes(progress: Progress) -> bytes:
    """The document as UTF-8 text, the same for the same progress."""
    text = json.dumps(to_json(progress), ensure_ascii=False, indent=1, allow_nan=False) + "\n"
    return text.encode("utf-8", "backslashreplace")


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
    notes = [*words(progress.plan.problems), *words(progress.assumptions)]
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
