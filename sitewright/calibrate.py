"""`sitewright calibrate`: marks seen in a camera's picture and picked in the model, to where the camera stands."""

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bim.errors import BadInput

if TYPE_CHECKING:
    from site_safety.calibration import Calibration

COLUMNS = ("u", "v", "x", "y", "z")
LARGEST_BYTES = 1_000_000


def calibrate(
    marks: Annotated[Path, typer.Argument(metavar="MARKS.csv", help="Header u,v,x,y,z: pixels, metres in the model.")],
    camera: Annotated[str, typer.Option(metavar="NAME", help="The camera that the marks were seen by.")],
    size: Annotated[str, typer.Option(metavar="WIDTHxHEIGHT", help="Of the picture that was marked, in pixels.")],
    storey: Annotated[list[str], typer.Option(metavar="NAME=METRES", help="Ground that it sees, and its elevation.")],
    out: Annotated[Path, typer.Option(metavar="FILE.json", help="Where the calibration goes.")],
    picture: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A picture of the camera, to check it on.")
    ] = None,
    zones: Annotated[Path | None, typer.Option(metavar="FILE", help="Zones to draw into that picture.")] = None,
    check: Annotated[
        Path | None, typer.Option(metavar="FILE.png", help="Where the picture with marks, ground and zones goes.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Find where a camera stands from 8 or more marks; print how far off the ground is at each distance."""
    from site_safety.calibration import calibrate as find
    from site_safety.calibration_map import error_map
    from site_safety.records import to_json
    from sitewright.cli import _check_files
    from sitewright.console import print_values

    if (picture is None) != (check is None) or (zones and not picture):
        raise BadInput("--picture, --check and --zones", "the first two together", "give both, or none of them")
    _check_files([picture, zones], [out, check])
    found = find(read_marks(marks), camera, _size(size), dict(_storey(each) for each in storey))
    maps = {name: error_map(found, name) for name in found.storeys}
    answer = {
        "calibration": to_json(found),
        "T_site_camera": found.T_site_camera.tolist(),
        "homography": {name: found.homography(name).tolist() for name in found.storeys},
        "error_map": to_json(maps),
    }
    out.write_text(json.dumps(answer, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    numbered = _drawn(found, picture, zones, check) if picture and check else {}
    if not quiet:
        eye = ", ".join(f"{value:.2f}" for value in found.T_site_camera[:3, 3])
        print_values({"camera at (m)": eye, "residual (px)": found.residual_px} | _table(maps) | numbered)


def _drawn(found: "Calibration", picture: Path, zones: Path | None, check: Path) -> dict[str, str]:
    """Writes the picture to check; returns what the numbers of its zones mean."""
    from site_safety.calibration_picture import checked_picture
    from site_safety.detector import load_detector
    from site_safety.detector_pictures import as_png, read_picture
    from site_safety.faces import FaceFinder
    from site_safety.zones import read_zones
    from sitewright.settings import load_settings

    shown = read_zones(zones) if zones else ()
    seen = read_picture(picture, load_settings().limits)
    check.write_bytes(as_png(checked_picture(seen, found, shown, load_detector(), FaceFinder())))
    return {f"zone {number}": zone.name for number, zone in enumerate(shown, start=1)}


def read_marks(path: Path) -> list[Any]:
    """Marks of a CSV file. Raises BadInput that names the line."""
    from site_safety.calibration import Mark

    if not path.is_file() or path.stat().st_size > LARGEST_BYTES:
        raise BadInput(f"no file {path} of at most 1 MB", f"a table of {','.join(COLUMNS)}", "check the path")
    try:
        rows = list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines()))
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{path.name} is no table ({error})", "CSV in UTF-8", "export it again") from None
    marks = []
    for line, row in enumerate(rows, start=2):
        try:
            u, v, x, y, z = (float(row[name]) for name in COLUMNS)
        except (KeyError, TypeError, ValueError):
            raise BadInput(f"line {line} of {path.name}", f"numbers {','.join(COLUMNS)}", "correct it") from None
        marks.append(Mark((u, v), (x, y, z)))
    return marks


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if not (width.isdigit() and height.isdigit() and 64 <= int(width) <= 16384 and 64 <= int(height) <= 16384):
        raise BadInput(f"--size {text}", "such as 1280x720", "correct it")
    return int(width), int(height)


def _storey(text: str) -> tuple[str, float]:
    name, _, elevation = text.rpartition("=")
    try:
        return name, float(elevation)
    except ValueError:
        raise BadInput(f"--storey {text}", "such as 'Ground floor=0.0'", "correct it") from None


def _table(maps: dict[str, Any]) -> dict[str, Any]:
    """The median standard error by storey and distance."""
    from statistics import median

    bands = ((0, 10), (10, 20), (20, 35), (35, 60))
    near = {
        f"{name}, {low} to {high} m off": [cell.sigma_m for cell in cells if low <= cell.distance_m < high]
        for name, cells in maps.items()
        for low, high in bands
    }
    return {f"{where} (±m)": median(values) for where, values in near.items() if values}
