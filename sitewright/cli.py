"""The commands. Heavy imports are inside them, so that help and mistakes answer at once.

Exit codes: 0 done, 1 a fault of ours, 2 bad input or usage, 3 the scan has no confident place, 4 a limit that the
caller set was exceeded, 130 stopped by the user.
"""

import datetime as dt
import json as json_text
import os
import signal
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer.exceptions import TyperException

from bim.errors import BadInput, LimitExceeded, SitewrightError
from scan_to_bim.report.words import Language
from sitewright import __version__
from sitewright.calibrate import calibrate
from sitewright.certificate import certificate
from sitewright.check import check
from sitewright.detect import detect
from sitewright.epochs import epochs
from sitewright.hazards import hazards
from sitewright.label import label
from sitewright.plan_tasks import tasks
from sitewright.print_wall import print_wall
from sitewright.progress import progress
from sitewright.replay import replay
from sitewright.report import report
from sitewright.robots import robots
from sitewright.serve import serve
from sitewright.site_simulation import simulate
from sitewright.verify import verify
from sitewright.versions import versions
from sitewright.watch import watch
from sitewright.worker import worker

if TYPE_CHECKING:
    from bim.isolation import Limits
    from bim.schedule.advance import Progress
    from scan_to_bim.result import Report
    from scan_to_bim.surface_quality import SurfaceQuality

DEBUG = "SITEWRIGHT_DEBUG"

app = typer.Typer(name="sitewright", add_completion=False, rich_markup_mode=None)


ScanUnit = Literal["m", "cm", "mm", "ft"]
METRES: Mapping[ScanUnit, float] = {"m": 1.0, "cm": 0.01, "mm": 0.001, "ft": 0.3048}

Json = Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the answer as JSON.")]
Spoken = Annotated[Language | None, typer.Option(help="Language of the table; from the settings when left out.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]


def main() -> None:
    """Run the command line and end the process with its exit code."""
    # A service manager's stop unwinds as Ctrl-C does, so that nothing half-written stays behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code. Whatever goes wrong is one line on stderr."""
    try:
        return app(arguments or ["--help"], prog_name="sitewright", standalone_mode=False) or 0
    except SitewrightError as error:
        return _failed(error, str(error), error.exit_code)
    except TyperException as error:
        return _failed(error, f"{error.format_message()} See sitewright --help.", BadInput.exit_code)
    except Exception as error:
        return _failed(error, f"a fault in Sitewright ({type(error).__name__}: {error}); {_HOW_TO_REPORT}", 1)


_HOW_TO_REPORT = "expected none; please report it with what SITEWRIGHT_DEBUG=1 shows"


def _failed(error: Exception, words: str, code: int) -> int:
    if os.environ.get(DEBUG) == "1":
        raise error
    print(f"sitewright: {' '.join(words.split())}", file=sys.stderr)
    return code


@app.callback()
def _about() -> None:
    """Compares lidar scans with IFC models: what stands, what is off, what is missing, what could not be seen."""


@app.command()
def version() -> None:
    """Print the version."""
    print(__version__)


@app.command()
def demo(
    once: Annotated[bool, typer.Option("--once", help="Write the reports and end, without a server.")] = False,
    folder: Annotated[Path, typer.Option(metavar="DIR", help="Where the files go.")] = Path("site-demo"),
    language: Spoken = None,
    quiet: Quiet = False,
) -> None:
    """Make a building site in code and scan it; serve it live, or compare and write every kind of report once."""
    if not once:
        from sitewright.live import live_demo

        live_demo(folder, (lambda line: None) if quiet else lambda line: print(line, flush=True))
        return
    from bim.ifc import read_building
    from bim.schedule.summary import summarise
    from scan_to_bim.pipeline import compare as compare_scans
    from scan_to_bim.report.outputs import write_outputs
    from sitewright.comparison_plan import against_plan
    from sitewright.console import shown_steps
    from sitewright.demo import make_demo_site
    from sitewright.settings import load_settings

    settings = load_settings()
    page = folder / "report.html"
    with shown_steps(quiet=quiet) as steps:
        steps("building a site and scanning it", 0.0)
        site = make_demo_site(folder)
        building = read_building([site.model], settings.cache, settings.limits)
        day = site.date.date()
        report = compare_scans(building, [site.scan], site.stations, day=day, cache=settings.cache, progress=steps)
        plan = against_plan(report, site.schedule, day, settings.limits)
        write_outputs(
            report,
            plan=summarise(plan),
            json=page.with_suffix(".json"),
            html=page,
            ifc=page.with_suffix(".ifc"),
            bcf=page.with_suffix(".bcfzip"),
            glb=page.with_suffix(".glb"),
        )
    if not quiet:
        _print_table(report, language or settings.language, plan)
        print(f"\nOpen {page}; the model, the scan, the schedule and the other reports are beside it.")


@app.command()
def inspect(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An IFC model, a scan, a bag or a schedule.")],
    json: Json = None,
    quiet: Quiet = False,
) -> None:
    """Tell what a model, a scan or a schedule holds, and what is wrong with it."""
    from sitewright.inspection import inspect as look_into
    from sitewright.settings import load_settings

    _check_files([file], [json])
    settings = load_settings()
    _answer(look_into(file, settings.cache, settings.limits), json, quiet)


@app.command()
def compare(
    models: Annotated[list[Path], typer.Argument(metavar="MODEL.ifc...", help="One building, in one or more files.")],
    scans: Annotated[
        list[Path], typer.Option("--scan", metavar="SCAN", help="LAS, LAZ, COPC, E57, PLY, PCD or rosbag2.")
    ],
    stations: Annotated[
        Path | None, typer.Option(metavar="STATIONS.csv", help="Scanner origins: station,x,y,z in the scan's frame.")
    ] = None,
    pose: Annotated[str, typer.Option(metavar="auto|identity|POSE.json", help="Where the scan belongs.")] = "auto",
    pairs: Annotated[
        Path | None, typer.Option(metavar="PAIRS.csv", help="Three or more points picked in scan and model, as a pose.")
    ] = None,
    scan_unit: Annotated[
        ScanUnit | None, typer.Option(help="Unit of the scan's coordinates, where the file does not say.")
    ] = None,
    tolerance_mm: Annotated[
        float | None, typer.Option(min=0.1, help="Allowed deviation; from the settings when left out.")
    ] = None,
    tolerances: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[IfcClass=]LIBRARY",
            help="Clauses to hold elements and their faces against: gb_50204_2015, din_18202, aci_117, usibd_loa_30, …"
            " or a TOML file; several in the order in which they count.",
        ),
    ] = None,
    schedule: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Programme of works: what the verdicts mean for it, at --date.")
    ] = None,
    date: Annotated[
        str | None,
        typer.Option(
            metavar="YYYY-MM-DD", help="The day of the scan; goes into every report, and --schedule needs it."
        ),
    ] = None,
    max_displaced: Annotated[
        int | None, typer.Option(min=0, help="End with exit code 4 when more elements than this are displaced.")
    ] = None,
    json: Json = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a page with pictures.")] = None,
    ifc: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the model, coloured, with verdicts.")] = None,
    bcf: Annotated[Path | None, typer.Option(metavar="FILE", help="Write issues as BCF 3.0.")] = None,
    glb: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the model coloured by state as glTF.")] = None,
    language: Spoken = None,
    quiet: Quiet = False,
) -> None:
    """Compare scans of a site with its model; print a table and write the reports that are asked for."""
    from bim.ifc import read_building
    from bim.quality.elements import chosen_tolerances
    from bim.schedule.summary import summarise
    from scan_to_bim.pipeline import compare as compare_scans
    from scan_to_bim.report.outputs import write_outputs
    from scan_to_bim.surface_quality import surface_quality
    from sitewright.console import shown_steps
    from sitewright.placement import chosen_pose
    from sitewright.settings import load_settings

    settings = load_settings()
    unit_m = METRES[scan_unit] if scan_unit else None
    _check_files([*models, *scans, stations, pairs, schedule], [json, html, ifc, bcf, glb])
    day = _day_of(schedule, date)
    place = chosen_pose(pose, pairs, unit_m or 1.0)
    allowed = chosen_tolerances(tolerances or (), (tolerance_mm or settings.tolerance_mm) / 1000)
    with shown_steps(quiet=quiet) as steps:
        report = compare_scans(
            read_building(models, settings.cache, settings.limits),
            scans=scans,
            stations=stations,
            pose=place,
            tolerances=allowed,
            unit_m=unit_m,
            day=day,
            cache=settings.cache,
            limits=settings.limits,
            progress=steps,
        )
        progress = _progress(report, schedule, day, settings.limits)
        plan = None if progress is None else summarise(progress)
        surfaces = surface_quality(report) if tolerances else ()
        write_outputs(report, json=json, html=html, ifc=ifc, bcf=bcf, glb=glb, plan=plan, surfaces=surfaces)
    if not quiet:
        _print_table(report, language or settings.language, progress, surfaces)
    _refuse_displaced(report, max_displaced)


@app.command()
def bench(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A file of benchmarks/, without .py.")],
    json: Json = None,
    quiet: Quiet = False,
) -> None:
    """Measure figures of docs/benchmarks.md again."""
    from sitewright.bench import measure

    _check_files([], [json])
    _answer(measure(name), json, quiet)


app.command()(progress)
app.command()(check)
app.command()(tasks)
app.command()(simulate)
app.command()(epochs)
app.command()(serve)
app.command()(worker)
app.command()(certificate)
app.command()(robots)
app.command()(verify)
app.add_typer(report, name="report")
app.add_typer(hazards, name="hazards")
app.command()(versions)
app.command()(detect)
app.command()(calibrate)
app.command()(watch)
app.command()(replay)
app.command()(label)
app.command(name="print")(print_wall)


def _check_files(inputs: Iterable[Path | None], outputs: Iterable[Path | None]) -> None:
    """Mistakes in paths end here, not after minutes of work."""
    read, written = ([path for path in paths if path] for paths in (inputs, outputs))
    for path in read:
        if not path.exists():
            raise BadInput(f"no file {path}", "a file that exists", "check the path")
    for path in written:
        if not os.access(path.parent, os.W_OK) or path.is_dir():
            raise BadInput(
                f"cannot write {path}", "a file in a folder that exists", "make the folder or correct the path"
            )
        if path.exists() and any(path.samefile(other) for other in read):
            raise BadInput(f"{path} is both read and written", "a new file", "choose another name")


def _answer(values: Mapping[str, Any], json: Path | None, quiet: bool) -> None:
    from sitewright.console import print_values

    if json:
        json.write_text(json_text.dumps(values, indent=1, ensure_ascii=False, default=str) + "\n", encoding="utf-8")
    if not quiet:
        print_values(values)


def _print_table(
    report: "Report",
    language: "Language",
    progress: "Progress | None" = None,
    surfaces: "Sequence[SurfaceQuality]" = (),
) -> None:
    from rich.console import Console

    from scan_to_bim.report.surfaces import rows, sentence
    from scan_to_bim.report.table import table
    from sitewright.progress_table import table as progress_table

    Console().print(table(report, language))
    if surfaces:
        Console().print(sentence(rows(report, surfaces)).to(language))
    if progress is not None:
        Console().print(progress_table(progress, language))


def _day_of(schedule: Path | None, date: str | None) -> "dt.date | None":
    if schedule and not date:
        raise BadInput("--schedule without --date", "the day of the scan", "give --date YYYY-MM-DD")
    try:
        return dt.date.fromisoformat(date) if date else None
    except ValueError:
        raise BadInput(f"--date {date}", "a date such as 2026-04-30", "correct the date") from None


def _progress(report: "Report", schedule: Path | None, day: "dt.date | None", limits: "Limits") -> "Progress | None":
    from sitewright.comparison_plan import against_plan

    return against_plan(report, schedule, day, limits) if schedule and day else None


def _refuse_displaced(report: "Report", most: int | None) -> None:
    from bim.verdict import State

    displaced = sum(verdict.state is State.DISPLACED for verdict in report.verdicts)
    if most is not None and displaced > most:
        raise LimitExceeded(f"{displaced} elements are displaced", f"at most {most}", "see the report")
