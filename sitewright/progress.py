"""`sitewright progress`: a schedule, models and the verdicts of comparisons into progress against the plan."""

import datetime as dt
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bim.errors import BadInput
from scan_to_bim.report.words import Language

if TYPE_CHECKING:
    from bim.epochs import Epoch
    from bim.isolation import Limits
    from bim.model import Element
    from bim.schedule.advance import Progress
    from bim.schedule.plan import Plan
    from bim.verdict import Reason
    from sitewright.settings import Settings

_DATED = re.compile(r"(.+)@(\d{4}-\d{2}-\d{2})")


def progress(
    schedule: Annotated[
        Path, typer.Argument(metavar="SCHEDULE", help="IFC, MS Project XML, Primavera XML or XER, or CSV.")
    ],
    date: Annotated[str, typer.Option("--date", metavar="YYYY-MM-DD", help="The day to report, to its evening.")],
    models: Annotated[
        list[Path] | None, typer.Option("--model", metavar="FILE", help="IFC models with the elements.")
    ] = None,
    verdicts: Annotated[
        list[str] | None,
        typer.Option("--verdicts", metavar="COMPARE.json[@DATE]", help="Results of compare --json, with their dates."),
    ] = None,
    rules: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Rules in TOML that link tasks to elements.")
    ] = None,
    json: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the answer as JSON.")] = None,
    csv: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a table of tasks as CSV.")] = None,
    xlsx: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a workbook.")] = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a page with pictures.")] = None,
    msproject: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the plan with its actuals as MS Project XML.")
    ] = None,
    ifc: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the IFC work schedule with its actuals.")
    ] = None,
    language: Annotated[
        Language | None, typer.Option(help="Language of the table; from the settings when left out.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Tell how far the work is against its plan, from what is proven to what may be."""
    from sitewright.progress_outputs import write_whole
    from sitewright.settings import load_settings

    settings = load_settings()
    day, dated = _day(date), [_dated(text) for text in verdicts or ()]
    outputs = {"json": json, "csv": csv, "xlsx": xlsx, "html": html, "msproject": msproject, "ifc": ifc}
    _check([schedule, *(models or ()), *(path for path, _ in dated), *([rules] if rules else ())], outputs)
    job = gather(schedule, models or (), dated, rules, day, settings)
    write_whole({path: _content(kind, job, language or settings.language) for kind, path in outputs.items() if path})
    if not quiet:
        _show(job.progress, language or settings.language)


@dataclass(frozen=True)
class Gathered:
    """Progress, and the IFC work schedules that it was found in: file and plan."""

    progress: "Progress"
    ifc_schedules: "tuple[tuple[Path, Plan], ...]"


def gather(
    schedule: Path,
    models: Sequence[Path],
    verdicts: Sequence[tuple[Path, dt.date | None]],
    rules: Path | None,
    day: dt.date,
    settings: "Settings",
) -> Gathered:
    """Read everything that a report needs and put it together. Raises BadInput, BadModel or BadSchedule."""
    from bim.schedule.advance import advance
    from bim.schedule.linking import link
    from bim.schedule.observations import end_of
    from bim.schedule.plan import noted
    from bim.schedule.reading import read_plan
    from bim.schedule.rules import Rules, default_rules, read_rules

    plan = read_plan(schedule, settings.limits)
    history, seen, notes = _history(verdicts, day, settings.limits)
    elements = _elements(models, settings) if models else seen
    own = [(schedule, plan)] if plan.format.startswith("IFC") else []
    schedules = [*own, *_schedules_in(models, schedule, settings.limits)]
    assigned = {task.id: task.products for _, found in schedules for task in found.tasks if task.products}
    links = link(plan, elements, read_rules(rules) if rules else Rules(), default_rules(), assigned)
    found = advance(noted(plan, [], notes), links, history, end_of(day))
    return Gathered(found, tuple(schedules))


# --- What comes in ----------------------------------------------------------------------------------------------------


def _day(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise BadInput(f"--date {text}", "a date such as 2026-04-30", "correct the date") from None


def _dated(text: str) -> tuple[Path, dt.date | None]:
    """A file of verdicts with the day of its scan, where that is given."""
    found = _DATED.fullmatch(text)
    if found and not Path(text).exists():
        return Path(found[1]), _day(found[2])
    return Path(text), None


def _check(inputs: Sequence[Path], outputs: "dict[str, Path | None]") -> None:
    from sitewright.cli import _check_files

    _check_files(inputs, outputs.values())
    written = [path.resolve() for path in outputs.values() if path]
    if len(set(written)) < len(written):
        raise BadInput("two outputs have the same name", "a file for each", "choose another name")


def _history(
    verdicts: Sequence[tuple[Path, dt.date | None]], day: dt.date, limits: "Limits"
) -> "tuple[list[Epoch], tuple[Element, ...], list[Reason]]":
    """Epochs, the elements that they speak of, and what was assumed about dates."""
    from bim.epoch_files import read_comparison
    from bim.schedule.observations import end_of, observed

    read = [(path, stated, read_comparison(path, limits)) for path, stated in verdicts]
    undated = [path.name for path, stated, found in read if not stated and not found.date]
    if len(undated) > 1:
        found = f"{len(undated)} files of verdicts without a date ({', '.join(undated[:3])})"
        raise BadInput(found, "at most one, which is taken as of --date", "write FILE@YYYY-MM-DD")
    history = [
        observed(end_of(stated) if stated else comparison.date or end_of(day), comparison)
        for _, stated, comparison in read
    ]
    elements = {each.global_id: each for _, _, comparison in read for each in comparison.elements}
    return history, tuple(elements.values()), _about_dates(undated, history, day)


def _about_dates(undated: Sequence[str], history: "Sequence[Epoch]", day: dt.date) -> "list[Reason]":
    from bim.verdict import Reason

    notes = [
        Reason(f"{name} gives no date: it is taken as of {day}", f"{name} 未注明日期：视为 {day} 的结果")
        for name in undated
    ]
    later = sum(each.at.date() > day for each in history)
    if later:
        notes.append(Reason(f"{later} files of verdicts are later than {day} and do not count",
                            f"有 {later} 个比对结果晚于 {day}，未计入"))  # fmt: skip
    return notes


def _elements(models: Sequence[Path], settings: "Settings") -> "tuple[Element, ...]":
    from bim.ifc import read_building

    return read_building(models, settings.cache, settings.limits).elements


def _schedules_in(models: Sequence[Path], schedule: Path, limits: "Limits") -> "list[tuple[Path, Plan]]":
    """The work schedules that models carry, for the elements that their tasks name."""
    from bim.schedule.reading import read_plan

    return [
        (model, read_plan(model, limits))
        for model in models
        if not model.samefile(schedule) and b"IFCTASK(" in model.read_bytes().upper()
    ]


# --- What goes out ----------------------------------------------------------------------------------------------------


def _content(kind: str, job: Gathered, language: Language) -> bytes:
    from sitewright import progress_outputs as out
    from sitewright.progress_page import html_bytes

    if kind == "ifc":
        return _ifc(job)
    writers: dict[str, Callable[[Progress], bytes]] = {
        "json": out.json_bytes,
        "csv": out.csv_bytes,
        "xlsx": out.xlsx_bytes,
        "msproject": out.msproject_bytes,
        "html": partial(html_bytes, language=language),
    }
    return writers[kind](job.progress)


def _ifc(job: Gathered) -> bytes:
    from sitewright.progress_outputs import ifc_bytes

    known = job.progress.by_id
    for source, plan in job.ifc_schedules:
        if any(task.id in known for task in plan.tasks):
            return ifc_bytes(job.progress, source, plan)
    raise BadInput(
        "no IFC work schedule with tasks of this plan",
        "a schedule in IFC, or a model whose tasks have the same ids",
        "give it as SCHEDULE or with --model, or leave out --ifc",
    )


def _show(progress: "Progress", language: Language) -> None:
    from rich.console import Console

    from sitewright.progress_table import table

    Console().print(table(progress, language))
