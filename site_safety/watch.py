"""The loop: camera -> detector -> tracks -> rules -> stop -> hazard, evidence.

`Watch.tick` is the method; everything before the stop is in this process, with no database, server or browser in
between. The stop is asked for before anything is written down.
"""

import logging
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from bim.verdict import Reason
from site_safety.background import Background, Mask, blocked, learnt, ways_seen
from site_safety.calibration import Calibration
from site_safety.calibration_map import scaled
from site_safety.camera_health import CameraHealth, CameraState, Watched, glance, health, seen
from site_safety.cameras import Camera, Trouble
from site_safety.clips import AFTER_S, SUFFIX, ClipBuffer, Kept, write_clip
from site_safety.closer import around, guarded, look_closer, too_far
from site_safety.detector import Detection, Detector
from site_safety.detector_models import Picture
from site_safety.equipment import EquipmentJudge
from site_safety.faces import FaceFinder
from site_safety.hazards import Review
from site_safety.lessons import Entry, Lessons
from site_safety.register import CameraLog, HazardRegister
from site_safety.reports import CameraSign
from site_safety.rules import Memory, acknowledge, dismiss, step
from site_safety.rules_policy import Policy
from site_safety.rules_scene import Alarm, CameraView, Obstruction, Phase, Scene, StopWish
from site_safety.rules_teaching import answered
from site_safety.streams import Frame
from site_safety.telemetry import Heard
from site_safety.tracking import UNSURE, Tracker
from site_safety.tracks import Box, Kind, Track
from site_safety.zones import Zone

_LOG = logging.getLogger(__name__)

SETTLING_FRAMES = 10
"""After so many frames of a view it is what the camera is compared with."""
LEARN_EVERY = timedelta(seconds=10)
KEEP_CLOSED = timedelta(days=1)
"""Hazards stay in memory for so long after they were closed."""
MOST_CLIPS_WAITING = 16
CLIP_NICENESS = 15


class Stopper(Protocol):
    """Who stops the robots: their own path, or a recorder in a replay."""

    def stop(self, wish: StopWish, alarm: Alarm) -> None:
        """Ask for a stop; the same wish may be asked for again and again."""

    def people(self, watched: Sequence[str], occupied: Sequence[str]) -> None:
        """Say at every tick which zones are watched and which have people in them; silence stops them too."""


class Newest(Protocol):
    """A stream of a camera (site_safety/streams.py)."""

    @property
    def trouble(self) -> Trouble:
        """What hinders it now, as far as is known."""

    def newest(self) -> Frame | None:
        """The newest frame that was not handed out yet."""

    def keep_alive(self) -> bool:
        """Start it again where it died."""


class Eye:
    """One camera's frames into tracks, its state, and the last moments for a clip."""

    def __init__(
        self, camera: Camera, detector: Detector, judge: EquipmentJudge, calibration: Calibration | None = None
    ) -> None:
        self.camera = camera
        self.tracks: tuple[Track, ...] = ()
        self.blocked: list[str] = []
        """Ids of the ways in which something stands that was not there at first."""
        self.trouble = Trouble.NONE
        """What hinders it: its stream, or pictures that cannot be judged until one has been judged again."""
        self.clips = ClipBuffer()
        self._detector, self._judge, self._calibration = detector, judge, calibration
        self._tracker = Tracker(camera.camera_id)
        self._size = (0, 0)
        self._misfit = False
        self._watched = Watched()
        self._reference: tuple[float, ...] = ()
        self._frames = 0
        self._zones: tuple[Zone, ...] = ()
        self._part_px: Box | None = None
        self._ways: dict[str, Mask] = {}
        self._background = Background()
        self._unstudied: tuple[Picture, Sequence[Detection], datetime] | None = None

    def take_zones(self, zones: tuple[Zone, ...]) -> None:
        """The site's zones, before the first frame: in those that must stay free it looks for goods."""
        self._zones = zones

    def too_far(self) -> list[tuple[Zone, Reason]]:
        """Guarded zones on whose far side the shipped detector misses most people."""
        return list(too_far(self.camera, self._zones, self._calibration))

    def look(self, picture: Picture, at: datetime) -> None:
        """Find and follow who and what a frame shows: all that a stop needs. `study` is to come after."""
        if picture.shape[:2] != self._size:
            self._fit_to(picture)
        self.tracks = ()
        if self._part_px is None:
            found = self._detector.detect(picture, UNSURE)
        else:
            found = look_closer(self._detector, picture, self._part_px, UNSURE)
        self.tracks = self._tracker.update(found, at)
        self._unstudied = picture, found, at
        self._watched = seen(self._watched, glance(picture, at), self._reference)
        self._frames += 1
        if self._frames == SETTLING_FRAMES and self._watched.newest:
            self._reference = self._watched.newest.edges

    def study(self) -> None:
        """What no stop waits for: equipment, the frame for a clip, goods in ways. The next scene knows it."""
        if self._unstudied is None:
            return
        (picture, found, at), self._unstudied = self._unstudied, None
        self._tracker.look_at_equipment(lambda boxes: self._judge.judge(picture, boxes))
        self.clips.keep(picture, [each.xyxy for each in found if each.kind is Kind.PERSON], at)
        if self._ways:
            self._look_at_ways(picture, [each.xyxy for each in found])
        self.trouble = Trouble.NONE

    def _look_at_ways(self, picture: Picture, moving: Sequence[Box]) -> None:
        self.blocked = blocked(self._background, picture, moving, self._ways)
        self._background = learnt(self._background, picture, moving)

    def health(self, started: datetime, now: datetime) -> CameraHealth:
        """Whether it shows what is there now. Pictures of another shape than was calibrated are of another view."""
        found = health(self._watched, self.camera.camera_id, self.camera.storey, started, now, self.trouble)
        if self._misfit and found.state is CameraState.LIVE:
            return replace(found, state=CameraState.MOVED, reason=_MISFIT)
        return found

    def _fit_to(self, picture: Picture) -> None:
        """A new size of picture: the calibration is brought to it, and everybody is followed anew."""
        height, width = self._size = picture.shape[:2]
        self._misfit = self._calibration is not None and not self._calibration.fits(width, height)
        usable = None if self._calibration is None or self._misfit else scaled(self._calibration, width, height)
        self._tracker = Tracker(self.camera.camera_id, usable, self.camera.storey, first_number=self._frames)
        storey = self.camera.storey
        parts = [seen.part_px for _, seen in guarded(self.camera, self._zones, usable)] if self.camera.closer else []
        self._part_px = around(parts) if parts else None
        self._ways = ways_seen(self._zones, usable, storey) if usable is not None and storey else {}
        self._background, self.blocked = Background(), []


_MISFIT = Reason(
    "Its pictures have another shape than those that were calibrated: nobody can be placed.",
    "画面比例与标定时不同：无法定位人员。",
)


@dataclass(frozen=True)
class _ClipToWrite:
    hazard_id: str
    camera_id: str
    at: datetime


class Watch:
    """Several cameras, one set of rules, one register. Use as a context manager."""

    def __init__(
        self,
        eyes: Sequence[Eye],
        streams: Mapping[str, Newest],
        zones: tuple[Zone, ...],
        policy: Policy,
        stopper: Stopper,
        folder: Path,
        started: datetime,
        telemetry: Callable[[], Heard] = Heard,
        expects: tuple[str, ...] = (),
    ) -> None:
        self.register = HazardRegister(folder)
        self.latencies_s: deque[float] = deque(maxlen=10_000)
        """From a frame to the end of the tick that judged it, stops included; the newest."""
        self._eyes, self._streams = eyes, streams
        self.news: deque[Entry] = deque(maxlen=100)
        """What the rules learnt from reviews, the newest, for whoever shows it."""
        self._zones, self._given, self._policy, self._telemetry = zones, policy, policy, telemetry
        self._expects = expects
        self._stopper, self._started = stopper, started
        for eye in eyes:
            eye.take_zones(zones)
        self._memory = Memory()
        self._log = CameraLog(folder)
        self._lessons = Lessons(folder)
        self._learnt_at: datetime | None = None
        self._films = _Films(self.register, {eye.camera.camera_id: eye.clips for eye in eyes})

    def tick(self, clock: Callable[[], datetime]) -> tuple[Alarm, ...]:
        """One turn. Returns the alarms that are raised, go on or end."""
        newest = [frame.at for eye in self._eyes if (frame := self._look(eye))]  # camera -> detector -> tracks
        scene = self._scene(clock())
        self._memory, alarms = step(self._memory, scene, self._policy)  # tracks -> rules
        self._stop(scene, alarms)  # before anything is written
        self.latencies_s.extend((clock() - at).total_seconds() for at in newest)
        for eye in self._eyes:
            self._judge(eye, eye.study)
        self._write_down(scene, alarms)
        if self._learnt_at is None or not timedelta(0) <= scene.at - self._learnt_at < LEARN_EVERY:
            self._learn(scene.at)
        return alarms

    def health(self, now: datetime) -> tuple[CameraHealth, ...]:
        """Each camera's state."""
        return tuple(eye.health(self._started, now) for eye in self._eyes)

    def heard(
        self, hazard_id: str, at: datetime, *, acknowledged_at: datetime | None, review: Review | None, closed: bool
    ) -> None:
        """What people did with a hazard on a server.

        Acknowledged, it is quiet; closed, it is a new one when it is seen again; reviewed, it teaches its rule.
        """
        hazard = self.register.hazards.get(hazard_id)
        if hazard is None or not hazard.open:
            return
        if acknowledged_at is not None:
            self._memory = acknowledge(self._memory, hazard.key, acknowledged_at, self._policy)
        if closed:
            self._memory = dismiss(self._memory, hazard.key)
        self.register.heard(hazard_id, at, review, closed)

    def _look(self, eye: Eye) -> Frame | None:
        stream = self._streams[eye.camera.camera_id]
        frame = stream.newest()
        if frame is None:
            stream.keep_alive()
            eye.trouble = eye.trouble if eye.trouble is Trouble.UNJUDGED else stream.trouble
        else:
            self._judge(eye, partial(eye.look, frame.picture, frame.at))
        return frame

    def _judge(self, eye: Eye, judge: Callable[[], None]) -> None:
        """A picture that one camera's detector or heads fail at blinds that camera, and no other."""
        try:
            judge()
        except Exception:
            if eye.trouble is not Trouble.UNJUDGED:
                _LOG.exception("pictures of camera %s cannot be judged", eye.camera.camera_id)
            eye.trouble = Trouble.UNJUDGED

    def _scene(self, now: datetime) -> Scene:
        heard, cameras = self._telemetry(), tuple(view(eye, self._started, now) for eye in self._eyes)
        return Scene(
            at=now,
            tracks=tuple(track for eye in self._eyes for track in eye.tracks),
            zones=self._zones,
            cameras=cameras,
            obstructions=tuple(
                Obstruction(eye.camera.camera_id, way)
                for eye, camera in zip(self._eyes, cameras, strict=True)
                for way in eye.blocked
                if camera.state == CameraState.LIVE
            ),
            machines=heard.machines(self._expects, self._started),
            cranes=heard.cranes(),
            tags=heard.tags(now),
        )

    def _stop(self, scene: Scene, alarms: Sequence[Alarm]) -> None:
        wishes = [(alarm.stop, alarm) for alarm in alarms if alarm.stop]
        for wish, alarm in wishes:
            self._stopper.stop(wish, alarm)
        live = {zone for camera in scene.cameras if camera.state == CameraState.LIVE for zone in camera.guards}
        self._stopper.people(sorted(live), sorted({wish.ref for wish, _ in wishes if wish.scope == "zone"}))

    def _write_down(self, scene: Scene, alarms: Sequence[Alarm]) -> None:
        for camera in scene.cameras:
            self._log.tell(CameraSign(camera.camera_id, camera.state, scene.at))
        self.register.take(alarms)
        for alarm in alarms:
            camera_id = _camera_of(alarm)
            if alarm.phase is Phase.RAISED and camera_id in self._streams:
                self._films.want(alarm, camera_id)
        self._films.go_on(scene.at)

    def _learn(self, now: datetime) -> None:
        """What people answered changes the rules within their bounds; what was closed long ago leaves the memory."""
        self._learnt_at = now
        self.register.refresh()
        hazards = self.register.hazards.values()
        self._policy, news = self._lessons.learn(self._given, hazards, now)
        self.news.extend(news)
        keep = {hazard.hazard_id for reviewed in answered(hazards).values() for hazard in reviewed}
        self.register.forget(now - KEEP_CLOSED, keep)

    def __enter__(self) -> "Watch":
        return self

    def __exit__(self, *error: object) -> None:
        self._films.close()


def view(eye: Eye, started: datetime, now: datetime) -> CameraView:
    """What the rules read of a camera."""
    found = eye.health(started, now)
    return CameraView(found.camera_id, found.state.value, found.frame_age_s, found.storey, eye.camera.guards)


def _camera_of(alarm: Alarm) -> str:
    """The camera that showed it: its own, or that of the first track."""
    return alarm.camera_id or (alarm.track_ids[0].rpartition("/")[0] if alarm.track_ids else "")


class _Films:
    """Clips are blurred and written beside the loop, and join their hazard as evidence."""

    def __init__(self, register: HazardRegister, buffers: Mapping[str, ClipBuffer]) -> None:
        self._register, self._buffers = register, buffers
        self._waiting: list[_ClipToWrite] = []
        self._writing: list[tuple[_ClipToWrite, Path, Future[None]]] = []
        self._folder = TemporaryDirectory()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="clips", initializer=_give_way)
        self._finder: FaceFinder | None = None

    def want(self, alarm: Alarm, camera_id: str) -> None:
        """A clip of a hazard; of a flood of them only the first get one."""
        hazard = next((h for h in reversed(self._register.hazards.values()) if h.key == alarm.key), None)
        if hazard and len(self._waiting) + len(self._writing) < MOST_CLIPS_WAITING:
            self._waiting.append(_ClipToWrite(hazard.hazard_id, camera_id, alarm.at))

    def go_on(self, now: datetime) -> None:
        """Begin what has its last seconds; take what is written into the register."""
        for clip in list(self._waiting):
            if not timedelta(0) <= now - clip.at < timedelta(seconds=AFTER_S):
                self._begin(clip)
        for entry in [entry for entry in self._writing if entry[2].done()]:
            self._writing.remove(entry)
            self._take(*entry)

    def _begin(self, clip: _ClipToWrite) -> None:
        self._waiting.remove(clip)
        path = Path(self._folder.name) / f"{clip.hazard_id}-{clip.at.timestamp():.3f}{SUFFIX}"
        if frames := self._buffers[clip.camera_id].around(clip.at):
            self._writing.append((clip, path, self._thread.submit(self._write, path, frames)))

    def _write(self, path: Path, frames: Sequence[Kept]) -> None:
        self._finder = self._finder or FaceFinder()
        write_clip(path, frames, self._finder)

    def _take(self, clip: _ClipToWrite, path: Path, written: "Future[None]") -> None:
        hazard = self._register.hazards.get(clip.hazard_id)
        if (error := written.exception()) or hazard is None or not hazard.open:
            _LOG.warning("no clip of %s: %s", clip.hazard_id, error or "it is closed already")
            return
        evidence = self._register.evidence.add(path, "clip", purpose="hazard", at=clip.at, camera_id=clip.camera_id)
        path.unlink()
        self._register.add_evidence(clip.hazard_id, clip.at, "watch", evidence)

    def close(self) -> None:
        """Write what is asked for, as far as its seconds go, and take it into the register."""
        for clip in list(self._waiting):
            self._begin(clip)
        self._thread.shutdown()
        while self._writing:
            self._take(*self._writing.pop())
        self._folder.cleanup()


def _give_way() -> None:
    """The thread that calls it runs when the loop has nothing to do (on Linux each thread has its own priority)."""
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), CLIP_NICENESS)


def scenes_of(frames: Iterable[Frame], eye: Eye, zones: tuple[Zone, ...], start: datetime) -> Iterator[Scene]:
    """The scenes of a recorded film that began at `start`, as a watcher would have judged them."""
    eye.take_zones(zones)
    for frame in frames:
        at = start + timedelta(seconds=frame.second)
        eye.look(frame.picture, at)
        eye.study()
        goods = tuple(Obstruction(eye.camera.camera_id, way) for way in eye.blocked)
        yield Scene(at=at, tracks=eye.tracks, zones=zones, cameras=(view(eye, start, at),), obstructions=goods)
