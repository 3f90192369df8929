"""`sitewright hazards margin`: whether a robot zone is large enough for what was measured."""

from pathlib import Path
from typing import Annotated

import typer

from bim.errors import BadInput, LimitExceeded
from scan_to_bim.report.words import Language

MAX_BYTES = 16 * 1024**2


def margin(
    distance: Annotated[float, typer.Option(metavar="M", help="From the zone's edge to where the machine works.")],
    speed: Annotated[float, typer.Option(metavar="M/S", help="The machine's highest speed there.")],
    brake: Annotated[float, typer.Option(metavar="M/S2", help="Its deceleration, as measured.")],
    latencies: Annotated[Path, typer.Option(metavar="FILE", help="Seconds from shutter to stop, a JSON list.")],
    react: Annotated[float, typer.Option(metavar="S", help="From the stop to its brakes, as measured.")] = 0.1,
    error: Annotated[float, typer.Option(metavar="M", help="Standard error of a person's place there.")] = 0.5,
    language: Annotated[Language | None, typer.Option(help="Language of the answer.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Hold a zone against the margin that a stop in time needs; exit code 4 where it is too small."""
    from site_safety.margin import Chain, check_zone, detection_time_s
    from sitewright.settings import load_settings

    detect_s = detection_time_s(_latencies(latencies))
    found = check_zone(Chain(detect_s, react, speed, brake, error), distance)
    if not found.enough:
        raise LimitExceeded(found.reason.en, f"{found.needed_m:.2f} m", "change the zone or the machine")
    if not quiet:
        print(found.reason.zh if (language or load_settings().language) == "zh" else found.reason.en)


def _latencies(path: Path) -> tuple[float, ...]:
    import json

    from site_safety.records import from_json

    try:
        values = json.loads(path.read_text(encoding="utf-8")) if path.stat().st_size <= MAX_BYTES else None
    except (OSError, ValueError, RecursionError):
        values = None
    if not isinstance(values, list):
        raise BadInput(f"{path} holds no latencies", "a JSON list of seconds", "measure them with sitewright watch")
    return from_json(tuple[float, ...], values, path.name)
