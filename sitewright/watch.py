"""`sitewright watch`: the cameras of a site, watched.

Here the cameras meet the robots: site_safety says who must stop, robots/stop_channel.py makes them.
"""

import contextlib
import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bim.errors import BadInput, SitewrightError
from sitewright.settings import TOKEN

if TYPE_CHECKING:
    from robots.stop_channel import StopSender
    from site_safety.calibration import Calibration
    from site_safety.camera_health import CameraHealth, CameraState
    from site_safety.cameras import Camera, Trouble
    from site_safety.detector import Detector
    from site_safety.equipment import EquipmentJudge
    from site_safety.hazards import Evidence
    from site_safety.rules_policy import Policy
    from site_safety.rules_scene import Alarm, StopWish
    from site_safety.telemetry import Heard, TelemetrySettings
    from site_safety.watch import Eye, Stopper, Watch
    from site_safety.zones import Zone

    Seen = dict[str, tuple[CameraState, Trouble]]

Model = Annotated[Path | None, typer.Option(metavar="FILE.onnx", help="A detector of your own.")]
Heads = Annotated[Path | None, typer.Option(metavar="FILE.npz", help="Equipment heads of your own site.")]
Zones = Annotated[Path | None, typer.Option(metavar="ZONES.json", help="Zones in the site frame.")]
Rules = Annotated[Path | None, typer.Option(metavar="RULES.toml", help="Rules of your own; the shipped ones else.")]
TICK_S = 0.1
LARGEST_BYTES = 16 * 1024**2
UNHEARD_S = 2.0
"""While the robots do not answer they are told of people no oftener; a stop is tried at every tick."""


def watch(
    cameras: Annotated[Path, typer.Argument(metavar="CAMERAS.toml", help="The site's cameras.")],
    data: Annotated[Path, typer.Option(metavar="DIR", help="Hazards, evidence and camera states.")],
    zones: Zones = None,
    rules: Rules = None,
    model: Model = None,
    heads: Heads = None,
    stop_key: Annotated[Path | None, typer.Option(metavar="FILE", help="stop.key of `sitewright robots`.")] = None,
    stop_port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Where it listens for stops; 47901 when left out.")
    ] = None,
    server: Annotated[str | None, typer.Option(metavar="URL", help="Report to this server.")] = None,
    site_id: Annotated[str | None, typer.Option("--site", metavar="ID", help="The site on that server.")] = None,
    seconds: Annotated[float | None, typer.Option(min=0.1, help="End after so long; else when stopped.")] = None,
    latencies: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write seconds from frame to stop, for `hazards margin`.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Watch cameras: people in metres, rules, hazards with clips, and stops of robots by their own path."""
    from site_safety.cameras import read_cameras, source_of
    from site_safety.detector import DEFAULT_MODEL, load_detector
    from site_safety.equipment import EquipmentJudge
    from site_safety.streams import Stream, new_signal
    from site_safety.watch import Watch

    if (server is None) != (site_id is None) or (server and not os.environ.get(TOKEN)):
        raise BadInput("a server without a site or a token", f"--server, --site and {TOKEN}", "give all three")
    if latencies and not latencies.parent.is_dir():
        raise BadInput(f"no folder {latencies.parent}", "a folder that exists", "make it or correct --latencies")
    site = read_cameras(cameras)
    if stop_key is None and any(each.guards for each in site.camera):
        print("sitewright: cameras guard robot zones, but no robot is stopped: give --stop-key", file=sys.stderr)
    detector, judge, fresh = load_detector(model), EquipmentJudge(heads), new_signal()
    eyes = [eye_of(each, _beside(cameras, each.calibration), detector, judge) for each in site.camera]
    sources = [source_of(each, site.allowed_networks, cameras.parent) for each in site.camera]
    with contextlib.ExitStack() as open_now:
        robots = open_now.enter_context(_robots(stop_key, stop_port))
        streams = {
            each.camera_id: open_now.enter_context(Stream(source, each.fps, fresh=fresh))
            for each, source in zip(site.camera, sources, strict=True)
        }
        heard, expects = open_now.enter_context(_telemetry(site.telemetry, cameras.parent))
        started = _now()
        watcher = Watch(eyes, streams, zones_of(zones), policy_of(rules), robots, data, started, heard, expects)
        open_now.enter_context(watcher)
        if detector.name == DEFAULT_MODEL:
            _tell_too_far(watcher, eyes, started)
        if latencies:
            open_now.callback(lambda: latencies.write_text(json.dumps(list(watcher.latencies_s)) + "\n"))
        told: Seen = {}
        tell = open_now.enter_context(_told_to(server, site_id, site.camera, watcher.register.evidence.file))
        while seconds is None or _now() - started < timedelta(seconds=seconds):
            fresh.acquire(timeout=TICK_S)
            show(watcher.tick(_now), quiet)
            _show_lessons(watcher, quiet)
            told = _show_cameras(watcher.health(_now()), told) if not quiet else told
            tell(watcher)


class _Robots:
    """Stops by the robots' own path. Where nobody takes them, that is said at every try: sound the alarm."""

    def __init__(self, sender: "StopSender") -> None:
        self._sender = sender
        self._unheard: datetime | None = None

    def stop(self, wish: "StopWish", alarm: "Alarm") -> None:
        from robots.stop import Scope

        told = f"{wish.scope}|{wish.ref}|{alarm.key}|{alarm.since.isoformat()}"
        stop_id = f"watch-{hashlib.sha256(told.encode()).hexdigest()[:16]}"
        self._try(lambda: self._sender.stop(stop_id, Scope(wish.scope), wish.ref, alarm.text))

    def people(self, watched: Sequence[str], occupied: Sequence[str]) -> None:
        if self._unheard is None or _now() - self._unheard > timedelta(seconds=UNHEARD_S):
            self._try(lambda: self._sender.people(list(watched), list(occupied)))

    def _try(self, send: Callable[[], None]) -> None:
        try:
            send()
            self._unheard = None
        except SitewrightError as error:
            self._unheard = _now()
            print(f"\aSTOP NOT TAKEN: {error}", file=sys.stderr, flush=True)


class _NoRobots:
    """A site whose cameras stop nothing: hazards and clips alone."""

    def stop(self, wish: "StopWish", alarm: "Alarm") -> None: ...

    def people(self, watched: Sequence[str], occupied: Sequence[str]) -> None: ...


@contextlib.contextmanager
def _robots(key: Path | None, port: int | None) -> Iterator["Stopper"]:
    from robots.fleet import STOP_PORT
    from robots.stop_channel import StopSender

    if key is None:
        yield _NoRobots()
        return
    sender = StopSender(key, port or STOP_PORT, "watch")
    try:
        yield _Robots(sender)
    finally:
        sender.close()


@contextlib.contextmanager
def _telemetry(
    settings: "TelemetrySettings | None", folder: Path
) -> Iterator[tuple[Callable[[], "Heard"], tuple[str, ...]]]:
    """What gives the newest words of machines, cranes and tags, and who must report."""
    from site_safety.telemetry import Heard, Telemetry

    if settings is None:
        yield Heard, ()
        return
    with Telemetry(settings, folder) as listening:
        yield lambda: listening.heard, settings.expects


@contextlib.contextmanager
def _told_to(
    server: str | None, site: str | None, cameras: Sequence["Camera"], file: Callable[["Evidence"], Path | None]
) -> Iterator[Callable[["Watch"], None]]:
    """What to call after each tick: the app shows what the watcher sees, and the watcher hears what people did."""
    if server is None or site is None:
        yield lambda watcher: None
        return
    from sitewright.watch_link import WatchLink

    def tell(watcher: "Watch") -> None:
        now = _now()
        link.tell(watcher.register.hazards.values(), watcher.health(now), now)
        for each in link.answers():
            watcher.heard(
                each.hazard_id, now, acknowledged_at=each.acknowledged_at, review=each.review, closed=each.closed
            )

    names = {each.camera_id: each.name for each in cameras}
    with WatchLink(server, site, os.environ[TOKEN], names, file) as link:
        yield tell


def show(alarms: Iterable["Alarm"], quiet: bool) -> None:
    """A line for each alarm that begins or ends."""
    from site_safety.rules_scene import Phase

    for alarm in alarms:
        if alarm.phase is not Phase.ONGOING and not quiet:
            print(f"{alarm.at:%H:%M:%S} {alarm.phase.value:6} {alarm.level.value:7} {alarm.text.en}", flush=True)


def _tell_too_far(watcher: "Watch", eyes: "Sequence[Eye]", now: datetime) -> None:
    """A hazard for each guarded zone on whose far side the shipped detector misses most people."""
    from site_safety.hazards import Level, Source, Subject

    for eye in eyes:
        for zone, why in eye.too_far():
            print(f"sitewright: {why.en}", file=sys.stderr)
            key = f"camera_too_far|{eye.camera.camera_id}|{zone.zone_id}"
            watcher.register.register(
                Subject("camera_too_far", Source.CAMERA, Level.WARNING, why, eye.camera.storey, zone.zone_id,
                        camera_id=eye.camera.camera_id, key=key), now, "watch")  # fmt: skip


def _show_cameras(cameras: "Sequence[CameraHealth]", told: "Seen") -> "Seen":
    """A line for each camera whose state, or what hinders it, is another than was told. Returns what is told now."""
    now_is: Seen = {each.camera_id: (each.state, each.trouble) for each in cameras}
    for each in cameras:
        if told.get(each.camera_id) != now_is[each.camera_id]:
            print(f"{each.at:%H:%M:%S} {each.reason.en}", file=sys.stderr, flush=True)
    return now_is


def _show_lessons(watcher: "Watch", quiet: bool) -> None:
    """A line for each rule that reviews changed just now."""
    while watcher.news:
        news = watcher.news.popleft()
        text = news.lesson.reason.en if news.lesson else "the answers say it no more: the site's own rule again"
        if not quiet:
            print(f"{news.at:%H:%M:%S} {news.deed} {news.rule}: {text}", flush=True)


def calibration_of(path: Path | None) -> "Calibration | None":
    """A calibration from a file of `sitewright calibrate`. Raises BadInput for any other."""
    from site_safety.calibration import Calibration
    from site_safety.records import from_json

    if path is None:
        return None
    if not path.is_file() or path.stat().st_size > LARGEST_BYTES:
        raise BadInput(f"no file {path} of at most 16 MB", "a file of `sitewright calibrate`", "check the path")
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        raise BadInput(f"{path.name} is no JSON", "a file of `sitewright calibrate`", "calibrate again") from None
    if not isinstance(document, dict) or "calibration" not in document:
        raise BadInput(f"{path.name} holds no calibration", "a file of `sitewright calibrate`", "calibrate again")
    return from_json(Calibration, document["calibration"], path.name)


def eye_of(camera: "Camera", calibration: Path | None, detector: "Detector", judge: "EquipmentJudge") -> "Eye":
    """A camera with its calibration. Raises BadInput where that is of another camera or lacks the storey."""
    from site_safety.watch import Eye

    found = calibration_of(calibration)
    if found is not None and found.camera_id != camera.camera_id:
        raise BadInput(
            f"{calibration} is of camera {found.camera_id}", f"camera {camera.camera_id}", "calibrate this one"
        )
    if found is not None and camera.storey not in found.storeys:
        raise BadInput(
            f"camera {camera.camera_id} sees storey {camera.storey}", f"one of {', '.join(found.storeys)}", "correct it"
        )
    return Eye(camera, detector, judge, found)


def zones_of(path: Path | None) -> "tuple[Zone, ...]":
    """The zones of a file, none where there is none."""
    from site_safety.zones import read_zones

    return read_zones(path) if path else ()


def policy_of(path: Path | None) -> "Policy":
    """The rules of a file, the shipped ones where there is none."""
    from site_safety.rules_policy import default_policy, read_policy

    return read_policy(path) if path else default_policy()


def _beside(cameras: Path, name: str | None) -> Path | None:
    return cameras.parent / name if name else None


def _now() -> datetime:
    return datetime.now(UTC)
