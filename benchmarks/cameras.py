"""Cameras under load, from a person to a stop, places on the ground, and false alarms on quiet films."""

import asyncio
import os
import resource
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from bim.errors import BadInput
from bim.frames import invert, rotation_vector
from robots.stop import Scope
from robots.stop_channel import STOP_KEY, StopSender, listen, make_keys
from site_safety.calibration import Calibration, Mark, calibrate
from site_safety.cameras import Camera, Source
from site_safety.detector import load_detector
from site_safety.detector_models import Picture
from site_safety.equipment import EquipmentJudge
from site_safety.rules_policy import default_policy
from site_safety.rules_replay import raised
from site_safety.rules_scene import Alarm, StopWish
from site_safety.streams import Frame, Stream, new_signal
from site_safety.watch import Eye, Watch, scenes_of
from site_safety.zones import Zone, ZoneKind

SUSTAINED_S = float(os.environ.get("BENCH_SECONDS", "60"))
"""How long each load is kept up."""
FPS = 5.0
APPEARANCES = 40
TRIALS = 200
STOREY = "Ground floor"
EVERYWHERE = ((-200.0, -200.0), (200.0, -200.0), (200.0, 200.0), (-200.0, 200.0))
QUIET = ("intel-car-detection",)


def measure(shared: Path) -> dict[str, Any]:
    """All figures; some minutes."""
    films = shared / "data/safety/videos"
    people = [films / f"ppe-{i}.mp4" for i in (1, 2, 3)]
    with tempfile.TemporaryDirectory() as folder:
        small = [_made(film, Path(folder), (640, 360)) for film in people]
        large = [_made(film, Path(folder), (1280, 720)) for film in people]
        return {
            "ground_error_m": ground_errors(),
            "alarms_on_quiet_films": {name: _alarms(films / f"{name}.mp4") for name in QUIET},
            "person_to_stop_s": person_to_stop(films / "intel-one-by-one-person.mp4", Path(folder)),
            "six_720p": sustained(large * 2),
            "twelve_360p": sustained(small * 4),
            "six_720p_decoding_25_to_30_fps": sustained(people * 2),
        }


# --- Load -----------------------------------------------------------------------------------------------------------


def sustained(films: Sequence[Path]) -> dict[str, float]:
    """Films played as cameras, watched for `SUSTAINED_S`: ages of frames when they were judged, CPU, memory."""
    detector, judge, fresh = load_detector(), EquipmentJudge(), new_signal()
    eyes = [Eye(Camera(f"c{i}", film.name, str(film), fps=FPS), detector, judge) for i, film in enumerate(films)]
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        streams = {
            eye.camera.camera_id: stack.enter_context(Stream(Source(eye.camera.address), FPS, fresh=fresh))
            for eye in eyes
        }
        watch = stack.enter_context(Watch(eyes, streams, (), default_policy(), _Nobody(), Path(folder), _now()))
        _tick(watch, fresh, 8.0)
        watch.latencies_s.clear()
        before, used, began = _memory(streams), _cpu_s(streams), time.monotonic()
        _tick(watch, fresh, SUSTAINED_S)
        lasted_s = time.monotonic() - began
        ages = np.array(watch.latencies_s)
        return {
            "seconds": lasted_s,
            "frames_judged_share": len(ages) / (len(films) * FPS * lasted_s),
            "frame_age_p50_s": float(np.median(ages)),
            "frame_age_p99_s": float(np.percentile(ages, 99)),
            "frame_age_max_s": float(ages.max()),
            "cores_used": (_cpu_s(streams) - used) / lasted_s,
            "memory_mb": _memory(streams) / 1e6,
            "memory_growth_mb": (_memory(streams) - before) / 1e6,
        }


def _tick(watch: Watch, fresh: Any, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        fresh.acquire(timeout=0.1)
        watch.tick(_now)


def _cpu_s(streams: dict[str, Stream]) -> float:
    own = resource.getrusage(resource.RUSAGE_SELF)
    tick = os.sysconf("SC_CLK_TCK")
    stats = [
        Path(f"/proc/{stream.process_id}/stat").read_text().rpartition(")")[2].split() for stream in streams.values()
    ]
    return own.ru_utime + own.ru_stime + sum(int(each[11]) + int(each[12]) for each in stats) / tick


def _memory(streams: dict[str, Stream]) -> float:
    """Of this process and its cameras, what they alone hold."""
    pids = [os.getpid(), *(stream.process_id for stream in streams.values())]
    rows = [line for pid in pids for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()]
    return 1024.0 * sum(int(row.split()[1]) for row in rows if row.startswith("Pss:"))


def _made(film: Path, folder: Path, size: tuple[int, int]) -> Path:
    """The film at five frames a second in another size (MPEG-4 part 2, what OpenCV can write)."""
    path = folder / f"{film.stem}-{size[1]}.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), FPS, size)
    with Stream(Source(str(film)), FPS, live=False) as stream:
        for frame in stream.frames():
            writer.write(cv2.resize(frame.picture, size))
    writer.release()
    return path


class _Nobody:
    """No robots."""

    def stop(self, wish: StopWish, alarm: Alarm) -> None: ...

    def people(self, watched: Sequence[str], occupied: Sequence[str]) -> None: ...


# --- From a person to a stop ----------------------------------------------------------------------------------------


def person_to_stop(film: Path, folder: Path) -> dict[str, float]:
    """Seconds from a person's appearing, at any moment between two frames, until the robots' side has taken the stop.

    A real picture of a person, the shipped detector, rules and heads, and the signed datagram to a real listener.
    """
    empty, person = _still(film, 1.0), _still(film, 18.0)
    rng, waits = np.random.default_rng(5), []
    with _listening(folder / "keys") as (port, taken):
        detector, judge = load_detector(), EquipmentJudge()
        for i in range(APPEARANCES):
            waits.append(_one_appearance(folder / str(i), empty, person, port, taken, rng, Eye(
                Camera("north", "North", "", STOREY, guards=("cell",)), detector, judge, _camera(empty)
            )))  # fmt: skip
    found = np.array(waits)
    return {f"p{share}": float(np.percentile(found, share)) for share in (50, 95, 99)} | {"max": float(found.max())}


def _one_appearance(
    folder: Path, empty: Picture, person: Picture, port: int, taken: threading.Event, rng: np.random.Generator, eye: Eye
) -> float:
    zone = Zone("cell", "Cell", ZoneKind.ROBOT, STOREY, EVERYWHERE)
    sender, film = StopSender(folder.parent / "keys" / STOP_KEY, port, f"bench-{folder.name}"), _Staged()
    with Watch([eye], {"north": film}, (zone,), default_policy(), _Sender(sender), folder, _now()) as watch:
        taken.clear()
        appears = time.monotonic() + 0.6 + rng.uniform(0.0, 1.0 / FPS)
        due = time.monotonic()
        while not taken.is_set() and time.monotonic() < appears + 5.0:
            time.sleep(max(0.0, due - time.monotonic()))
            shown = person if time.monotonic() >= appears else empty
            noise = rng.integers(0, 3, shown.shape, dtype=np.uint8)
            film.next = Frame(np.asarray(cv2.add(shown, noise), dtype=np.uint8), _now(), 1, 0.0)
            watch.tick(_now)
            due += 1.0 / FPS
        waited = time.monotonic() - appears
    sender.close()
    return waited if taken.is_set() else float("inf")


class _Staged:
    """A camera that shows what it is given."""

    next: Frame | None = None

    def newest(self) -> Frame | None:
        frame, self.next = self.next, None
        return frame

    def keep_alive(self) -> bool:
        return False


class _Sender:
    """Stops over the loopback, as `sitewright watch` sends them."""

    def __init__(self, sender: StopSender) -> None:
        self._sender = sender

    def stop(self, wish: StopWish, alarm: Alarm) -> None:
        self._sender.stop(alarm.key, Scope(wish.scope), wish.ref, alarm.text)

    def people(self, watched: Sequence[str], occupied: Sequence[str]) -> None:
        self._sender.people(list(watched), list(occupied))


@contextmanager
def _listening(keys: Path) -> Iterator[tuple[int, threading.Event]]:
    """The robots' end in a thread: its port, and what is set when a stop was taken."""
    make_keys(keys)
    taken, ready, loop = threading.Event(), threading.Event(), asyncio.new_event_loop()
    ports: list[int] = []

    async def begin() -> None:
        def take(message: Any, person: bool) -> None:
            if message["type"] == "stop":
                taken.set()

        ports.append((await listen(keys, 0, take))[1])
        ready.set()

    loop.create_task(begin())
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    ready.wait()
    yield ports[0], taken
    loop.call_soon_threadsafe(loop.stop)
    thread.join()


# --- Places and quiet films -----------------------------------------------------------------------------------------


def ground_errors() -> dict[str, dict[str, float]]:
    """Errors on the ground by distance: camera 6 m up, 8 marks spread over the picture, each 1.5 pixels off."""
    truth, rng = _camera(np.zeros((720, 1280, 3), dtype=np.uint8)), np.random.default_rng(2)
    errors: dict[int, list[float]] = {10: [], 20: [], 35: []}
    refused = 0
    for _ in range(TRIALS):
        try:
            found = calibrate(_marks(truth, rng), "north", (1280, 720), {STOREY: 0.0})
        except BadInput:
            refused += 1
            continue
        for distance, values in errors.items():
            pixel = truth.project(np.array([[float(distance), rng.uniform(-0.3, 0.3) * distance, 0.0]]))[0]
            place = found.ground((float(pixel[0]), float(pixel[1])), STOREY)
            true = truth.ground((float(pixel[0]), float(pixel[1])), STOREY)
            if place and true:
                values.append(float(np.hypot(*np.subtract(place.position_m, true.position_m)[:2])))
    table = {
        f"at_{distance}_m": {"median": float(np.median(values)), "p95": float(np.percentile(values, 95))}
        for distance, values in errors.items()
    }
    return table | {"refused_share": {"": refused / TRIALS}}


def _marks(truth: Calibration, rng: np.random.Generator) -> list[Mark]:
    """One ground mark in each of eight fields of the picture."""
    marks = []
    for column in range(4):
        for low, high in ((230, 380), (430, 700)):
            u, v = rng.uniform([320 * column + 20, low], [320 * column + 300, high])
            place = truth.ground((u, v), STOREY)
            if place:
                off = 1.5 / np.sqrt(2) * rng.normal(size=2)
                marks.append(Mark((float(u + off[0]), float(v + off[1])), place.position_m))
    return marks


def _camera(picture: Picture) -> Calibration:
    """A camera 6 m up that looks 20 degrees down along x, without error."""
    height, width = picture.shape[:2]
    tilt = np.radians(20.0)
    T = np.eye(4)
    T[:3, :3] = np.column_stack([[0, -1, 0], [-np.sin(tilt), 0, -np.cos(tilt)], [np.cos(tilt), 0, -np.sin(tilt)]])
    T[2, 3] = 6.0
    pose = invert(T)
    state = (*rotation_vector(pose[:3, :3]).tolist(), *pose[:3, 3].tolist(), 0.75 * width, 0.0)
    return Calibration("north", width, height, state, (0.0,) * 64, 0.0, {STOREY: 0.0}, ())


def _alarms(film: Path) -> int:
    eye = Eye(Camera(film.stem, film.name, str(film)), load_detector(), EquipmentJudge())
    start = datetime(2026, 1, 5, 12, tzinfo=UTC)
    with Stream(Source(str(film)), FPS, live=False) as stream:
        return len(list(raised(scenes_of(stream.frames(), eye, (), start), default_policy())))


def _still(film: Path, second: float) -> Picture:
    with Stream(Source(str(film)), FPS, live=False) as stream:
        return next(frame.picture for frame in stream.frames() if frame.second >= second)


def _now() -> datetime:
    return datetime.now(UTC)
