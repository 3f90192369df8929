"""`sitewright replay`: what a film would have raised."""

import json as json_text
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from bim.errors import BadInput
from sitewright.watch import Heads, Model, Rules, Zones, calibration_of, eye_of, policy_of, show, zones_of


def replay(
    video: Annotated[Path, typer.Argument(metavar="VIDEO", help="A recorded film.")],
    calibration: Annotated[Path | None, typer.Option(metavar="FILE.json", help="Of `sitewright calibrate`.")] = None,
    storey: Annotated[str | None, typer.Option(metavar="NAME", help="Whose ground is seen.")] = None,
    zones: Zones = None,
    rules: Rules = None,
    model: Model = None,
    heads: Heads = None,
    start: Annotated[str, typer.Option(metavar="TIME", help="When the film began.")] = "2026-01-05T12:00:00Z",
    fps: Annotated[float, typer.Option(min=0.2, max=30.0, help="Frames a second that are looked at.")] = 5.0,
    json: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the alarms as JSON.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Run a film through the rules and print what would have been raised. Nothing is stored, nobody is stopped."""
    from site_safety.cameras import Camera, Source
    from site_safety.detector import load_detector
    from site_safety.equipment import EquipmentJudge
    from site_safety.records import to_json
    from site_safety.rules_replay import raised
    from site_safety.streams import Stream
    from site_safety.watch import scenes_of

    if not video.is_file():
        raise BadInput(f"no file {video}", "a film", "check the path")
    found = calibration_of(calibration)
    camera = Camera(found.camera_id if found else video.stem, video.name, str(video), storey)
    eye = eye_of(camera, calibration, load_detector(model), EquipmentJudge(heads))
    alarms = []
    with Stream(Source(str(video)), fps, live=False) as stream:
        for alarm in raised(scenes_of(stream.frames(), eye, zones_of(zones), _time(start)), policy_of(rules)):
            alarms.append(alarm)
            show([alarm], quiet)
        frames = stream.number
    if frames == 0:
        raise BadInput(f"{video.name} shows nothing", "a film that FFmpeg reads", "convert it to MP4 with H.264")
    if json:
        json.write_text(json_text.dumps([to_json(alarm) for alarm in alarms], indent=1, ensure_ascii=False) + "\n")
    if not quiet:
        print(f"{frames} frames, {len(alarms)} alarms raised or ended.")


def _time(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = datetime.min
    if at.tzinfo is None:
        raise BadInput(f"--start {text}", "a time with its zone, such as 2026-01-05T12:00:00Z", "correct it")
    return at
