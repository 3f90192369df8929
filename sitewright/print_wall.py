"""`sitewright print`: walls of a model into a print, with its G-code, picture and numbers; or why it cannot be one."""

import json as json_text
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bim.errors import BadInput, LimitExceeded
from scan_to_bim.report.words import Language

if TYPE_CHECKING:
    from bim.frames import FloatArray
    from robots.printer_plan import PrintPlan
    from robots.slicer_scan import LayerVerdict


def print_wall(
    model: Annotated[Path, typer.Argument(metavar="MODEL.ifc", help="The model that the walls stand in.")],
    elements: Annotated[list[str], typer.Option("--element", metavar="GUID", help="A wall to print.")],
    profile: Annotated[str, typer.Option(metavar="NAME", help="A printer's profile: its name, or a TOML file.")],
    lintels: Annotated[
        list[str] | None, typer.Option("--lintel", metavar="GUID", help="An element that bears over an opening.")
    ] = None,
    place: Annotated[
        str | None, typer.Option(metavar="X,Y,Z,DEGREES", help="The machine's origin and x axis in the site frame.")
    ] = None,
    scan: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A scan of a fresh layer, in the site frame; with --layer.")
    ] = None,
    layer: Annotated[int | None, typer.Option(min=1, help="The layer that was scanned, counted from below.")] = None,
    tolerance_mm: Annotated[float, typer.Option(min=0.1, help="Allowed deviation of a scanned layer.")] = 10.0,
    gcode: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the job as G-code.")] = None,
    picture: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw it: SVG, PNG or PDF.")] = None,
    json: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write its layers and times.")] = None,
    language: Annotated[Language | None, typer.Option(help="Language of the reasons.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Slice walls for a concrete printer. Exit code 4 when the profile does not allow it, or a layer is off."""
    from bim.ifc import read_building
    from robots.gcode import gcode as code_of
    from robots.printer_plan import bodies
    from robots.printer_profiles import read_profile
    from robots.slicer import plan_print
    from sitewright.cli import _check_files
    from sitewright.print_layer import scanned_layer, verdict_json
    from sitewright.print_picture import picture_bytes
    from sitewright.progress_outputs import write_whole
    from sitewright.settings import load_settings

    settings = load_settings()
    if (scan is None) != (layer is None):
        raise BadInput("--scan and --layer come together", "both or neither", "say which layer was scanned")
    _check_files([model, *([scan] if scan else [])], [gcode, picture, json])
    building = read_building([model], settings.cache, settings.limits)
    plan = plan_print(
        bodies(building, tuple(elements)),
        read_profile(profile),
        lintels=bodies(building, tuple(lintels or ())),
        T_machine_site=placed(place) if place else None,
    )
    verdict = scanned_layer(scan, plan, layer, tolerance_mm / 1000, settings.limits) if scan and layer else None
    answer = as_json(plan) | ({"scanned": verdict_json(layer, verdict)} if layer and verdict else {})
    files = {} if json is None else {json: json_text.dumps(answer, ensure_ascii=False, indent=1).encode()}
    if picture:
        files[picture] = picture_bytes(plan, picture.suffix)
    if gcode and not plan.refusals:
        files[gcode] = code_of(plan).encode()
    write_whole(files)
    spoken = language or settings.language
    reasons = [getattr(reason, spoken) for reason in plan.refusals]
    if reasons:
        raise LimitExceeded(
            " ".join(reasons).rstrip(".。"),
            f"walls that {plan.profile.name} can print",
            "change the walls or the profile",
        )
    if not quiet:
        _show(plan, spoken)
    if verdict:
        _tell(verdict, spoken, quiet)


def placed(text: str) -> "FloatArray":
    """T_machine_site of `X,Y,Z,DEGREES`: the machine's origin and its x axis in the site frame. Raises BadInput."""
    import numpy as np

    from bim.frames import invert, rigid

    try:
        x, y, z, degrees = map(float, text.split(","))
    except ValueError:
        raise BadInput(f"--place {text}", "four numbers such as 2.5,1,0,90", "correct it") from None
    return invert(rigid(np.array([0.0, 0.0, np.radians(degrees)]), np.array([x, y, z])))


def as_json(plan: "PrintPlan") -> dict[str, Any]:
    """The plan's numbers; lengths in metres, times in seconds."""
    return {
        "printable": not plan.refusals,
        "refusals": [{"en": reason.en, "zh": reason.zh} for reason in plan.refusals],
        "assumptions": [{"en": reason.en, "zh": reason.zh} for reason in plan.assumptions],
        "profile": plan.profile.name,
        "profile_tried_on": plan.profile.tried,
        "elements": list(plan.elements),
        "lintels": [{"global_id": bed.global_id, "before_layer": bed.before_layer} for bed in plan.lintels],
        "T_machine_site": plan.T_machine_site.tolist(),
        "length_m": plan.length_m,
        "volume_m3": plan.volume_m3,
        "time_s": plan.time_s,
        "layers": [
            {
                "top_m": layer.top_m,
                "height_m": layer.height_m,
                "runs": len(layer.runs),
                "length_m": layer.length_m,
                "volume_m3": layer.volume_m3,
                "time_s": layer.time.total_s,
                "wait_s": layer.time.wait_s,
            }
            for layer in plan.layers
        ],
    }


def _tell(verdict: "LayerVerdict", language: Language, quiet: bool) -> None:
    from bim.verdict import State

    reason = getattr(verdict.reason, language)
    if verdict.state is State.DISPLACED:
        raise LimitExceeded(reason.rstrip(".。"), "a layer within its tolerance", "look at it before the next one")
    if not quiet:
        print(f"  {reason}")


def _show(plan: "PrintPlan", language: Language) -> None:
    hours, minutes = divmod(round(plan.time_s / 60), 60)
    figures = f"{plan.length_m:.0f} m, {plan.volume_m3:.2f} m³, {hours} h {minutes:02d} min"
    layers = {"en": f"{len(plan.layers)} layers", "zh": f"{len(plan.layers)} 层"}[language]
    print(f"{layers}, {figures} ({plan.profile.name})")
    for reason in plan.assumptions:
        print(f"  {getattr(reason, language)}")
