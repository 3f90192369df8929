"""Cameras under load, from a person to a stop, places on the ground, and false alarms on quiet films."""

import asyncio
import os
import resource
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from bim.errors import BadInput
from bim.frames import invert, rotation_vector
from robots.robot import LinkLost
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
from site_safety.streams import Stream, new_signal
from site_safety.watch import Eye, Stopper, Watch, scenes_of
from site_safety.zones import Zone, ZoneKind

SUSTAINED_S = float(os.environ.get("BENCH_SECONDS", "60"))
"""How long each load is kept up."""
PARTS = os.environ.get("BENCH_PARTS", "")
"""Names of the figures that are wanted, with commas between; all where it is empty."""
FPS = 5.0
WARM_FRAMES = 40
"""Of each camera, before anything is measured: processes that start and models that load are over by then."""
MEMORY_EVERY_S = 5.0
EMPTY_FRAMES, PERSON_FRAMES = 35, 15
TRIALS = 200
STOREY = "Ground floor"
REACH_M = 200.0
QUIET = ("intel-car-detection",)
SYSTEM_PYTHON = "/usr/bin/python3"
"""Has GStreamer, which `./run test` installs on Debian and Ubuntu."""


def measure(shared: Path) -> dict[str, Any]:
    """All figures; some minutes. BENCH_PARTS=six_720p BENCH_SECONDS=1800 measures one of them for half an hour."""
    films = shared / "data/safety/videos"
    people, one = [films / f"ppe-{i}.mp4" for i in (1, 2, 3)], films / "intel-one-by-one-person.mp4"
    figures: dict[str, Callable[[], Any]] = {
        "ground_error_m": ground_errors,
        "alarms_on_quiet_films": lambda: {name: _alarms(films / f"{name}.mp4") for name in QUIET},
        "person_to_stop": lambda: person_to_stop(_still(one, 1.0), _still(one, 30.0)),
        "six_720p": lambda: sustained(people * 2, (1280, 720)),
        "twelve_360p": lambda: sustained(people * 4, (640, 360)),
    }
    return {name: figure() for name, figure in figures.items() if not PARTS or name in PARTS.split(",")}


# --- Load -----------------------------------------------------------------------------------------------------------


def sustained(films: Sequence[Path], size: tuple[int, int]) -> dict[str, float]:
    """Films sent as H.264 by an RTSP server, watched for `SUSTAINED_S`: ages of frames when judged, CPU, memory."""
    with _sent({f"c{i}": _pictures(film) for i, film in enumerate(films)}, size) as cameras:
        detector, judge = load_detector(), EquipmentJudge()
        eyes = [Eye(each, detector, judge) for each in cameras.settings]
        with _watched(eyes, (), _Nobody()) as watched:
            return watched.figures()


class _Cameras:
    """Cameras that an RTSP server plays, and when the first frame with a person left each."""

    def __init__(self, names: Sequence[str], server: "subprocess.Popen[str]") -> None:
        self._lines = iter(server.stdout or ())
        port = next(line.strip() for line in self._lines if line.strip().isdigit())
        self.settings = [Camera(n, n, f"rtsp://127.0.0.1:{port}/{n}", STOREY, guards=(n,), fps=FPS) for n in names]
        self.appeared: list[tuple[str, float]] = []
        """Camera and monotonic clock."""
        threading.Thread(target=self._hear, daemon=True).start()

    def _hear(self) -> None:
        for line in self._lines:
            name, number, at = line.split()
            if int(number) == EMPTY_FRAMES:
                self.appeared.append((name, float(at)))


@contextmanager
def _sent(films: dict[str, Sequence[Picture]], size: tuple[int, int]) -> Iterator[_Cameras]:
    """Each film as a camera of its own. Empties `films`: pictures that are kept would be counted as memory."""
    with tempfile.TemporaryDirectory() as folder:
        names = list(films)
        for name in names:
            (Path(folder) / name).mkdir()
            for i, picture in enumerate(films.pop(name)):
                cv2.imwrite(f"{folder}/{name}/{i:05d}.jpg", cv2.resize(picture, size), [cv2.IMWRITE_JPEG_QUALITY, 95])
        program = Path(__file__).parent / "camera_server.py"
        command = [SYSTEM_PYTHON, str(program), folder, str(int(FPS))]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8") as server:  # noqa: S603
            try:
                yield _Cameras(names, server)
            finally:
                server.kill()


class _Watched:
    """A watcher driven as `sitewright watch` does it."""

    def __init__(self, watch: Watch, streams: Mapping[str, Stream], fresh: Any) -> None:
        self._watch, self._streams, self._fresh = watch, streams, fresh
        while self._least_number() < WARM_FRAMES:
            self._tick()
        watch.latencies_s.clear()

    def figures(self) -> dict[str, float]:
        """Of `SUSTAINED_S` of watching."""
        ages: list[float] = []
        memory, used, sent = [_memory(self._streams)], _cpu_s(self._streams), self._sent()
        began = time.monotonic()
        while (passed_s := time.monotonic() - began) < SUSTAINED_S:
            self._tick()
            ages += self._watch.latencies_s
            self._watch.latencies_s.clear()
            if passed_s > MEMORY_EVERY_S * len(memory):
                memory.append(_memory(self._streams))
        tenth = max(len(memory) // 10, 1)
        return {
            "seconds": passed_s,
            "frames_judged_share": len(ages) / (self._sent() - sent),
            "frame_age_p50_s": float(np.median(ages)),
            "frame_age_p99_s": float(np.percentile(ages, 99)),
            "frame_age_max_s": float(max(ages)),
            "cores_used": (cores := (_cpu_s(self._streams) - used) / passed_s),
            "cpu_ms_a_frame": 1000.0 * cores * passed_s / len(ages),
            "load_of_the_machine": os.getloadavg()[1],
            "memory_mb": memory[-1] / 1e6,
            "memory_growth_mb": float(np.mean(memory[-tenth:]) - np.mean(memory[:tenth])) / 1e6,
        }

    def _tick(self) -> None:
        self._fresh.acquire(timeout=0.1)
        self._watch.tick(_now)

    def _sent(self) -> int:
        return sum(stream.number for stream in self._streams.values())

    def _least_number(self) -> int:
        return min(stream.number for stream in self._streams.values())


@contextmanager
def _watched(eyes: Sequence[Eye], zones: tuple[Zone, ...], stopper: Stopper) -> Iterator[_Watched]:
    fresh = new_signal()
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        streams = {
            eye.camera.camera_id: stack.enter_context(Stream(Source(eye.camera.address), FPS, fresh=fresh))
            for eye in eyes
        }
        watch = stack.enter_context(Watch(eyes, streams, zones, default_policy(), stopper, Path(folder), _now()))
        yield _Watched(watch, streams, fresh)


def _cpu_s(streams: Mapping[str, Stream]) -> float:
    own = resource.getrusage(resource.RUSAGE_SELF)
    tick = os.sysconf("SC_CLK_TCK")
    stats = [
        Path(f"/proc/{stream.process_id}/stat").read_text().rpartition(")")[2].split() for stream in streams.values()
    ]
    return own.ru_utime + own.ru_stime + sum(int(each[11]) + int(each[12]) for each in stats) / tick


def _memory(streams: Mapping[str, Stream]) -> float:
    """Bytes of this process and its cameras, what they share counted once."""
    pids = [os.getpid(), *(stream.process_id for stream in streams.values())]
    rows = [line for pid in pids for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()]
    return 1024.0 * sum(int(row.split()[1]) for row in rows if row.startswith("Pss:"))


def _pictures(film: Path) -> list[Picture]:
    """The film at five frames a second."""
    with Stream(Source(str(film)), FPS, live=False) as stream:
        return [frame.picture for frame in stream.frames()]


class _Nobody:
    """No robots."""

    def stop(self, wish: StopWish, alarm: Alarm) -> None: ...

    def people(self, watched: Sequence[str], occupied: Sequence[str]) -> None: ...


# --- From a person to a stop ----------------------------------------------------------------------------------------


def person_to_stop(empty: Picture, person: Picture) -> dict[str, float]:
    """Seconds from when the first frame with a person, well seen, leaves a camera until the robots have taken the stop.

    Six cameras at 720p over RTSP, each over a robot zone that somebody enters every ten seconds, with the shipped
    detector, heads and rules, and the signed datagram to a real listener. What a camera itself takes to expose, encode
    and send comes to it, and the time until its next frame.
    """
    rng, places = np.random.default_rng(5), {f"c{i}": 1000.0 * i for i in range(6)}
    film = [empty] * EMPTY_FRAMES + [person] * PERSON_FRAMES
    films: dict[str, Sequence[Picture]] = {name: [_noisy(picture, rng) for picture in film] for name in places}
    with tempfile.TemporaryDirectory() as keys, ExitStack() as stack:
        port, taken = stack.enter_context(_listening(Path(keys)))
        cameras = stack.enter_context(_sent(films, (1280, 720)))
        detector, judge = load_detector(), EquipmentJudge()
        eyes = [
            Eye(each, detector, judge, replace(_camera(1280, 720, places[each.camera_id]), camera_id=each.camera_id))
            for each in cameras.settings
        ]
        zones = tuple(Zone(name, name, ZoneKind.ROBOT, STOREY, _around(y_m)) for name, y_m in places.items())
        sender = StopSender(Path(keys) / STOP_KEY, port, "bench")
        stack.callback(sender.close)
        watched = stack.enter_context(_watched(eyes, zones, _Sender(sender)))
        began = time.monotonic()
        figures = watched.figures()
        waits = _waits([each for each in cameras.appeared if began < each[1] < time.monotonic() - 3.0], taken)
    return figures | {
        "people": len(waits),
        **{f"p{share}_s": float(np.percentile(waits, share)) for share in (50, 95, 99)},
        "max_s": max(waits),
    }


def _waits(appeared: Sequence[tuple[str, float]], taken: Sequence[tuple[str, float]]) -> list[float]:
    """Seconds from each appearance to the first stop of its zone, endless where none came before the next."""
    waits = []
    for zone, at in appeared:
        later = [when - at for name, when in taken if name == zone and at < when < at + 5.0]
        waits.append(min(later, default=float("inf")))
    return waits


def _around(y_m: float) -> tuple[tuple[float, float], ...]:
    return tuple((sx * REACH_M, y_m + sy * REACH_M) for sx, sy in ((-1, -1), (1, -1), (1, 1), (-1, 1)))


def _noisy(picture: Picture, rng: np.random.Generator) -> Picture:
    return np.asarray(cv2.add(picture, rng.integers(0, 4, picture.shape, dtype=np.uint8)), dtype=np.uint8)


class _Sender:
    """Stops over the loopback, as `sitewright watch` sends them: what nobody took is sent again at the next tick."""

    def __init__(self, sender: StopSender) -> None:
        self._sender = sender

    def stop(self, wish: StopWish, alarm: Alarm) -> None:
        with suppress(LinkLost):
            self._sender.stop(alarm.key, Scope(wish.scope), wish.ref, alarm.text)

    def people(self, watched: Sequence[str], occupied: Sequence[str]) -> None:
        with suppress(LinkLost):
            self._sender.people(list(watched), list(occupied))


@contextmanager
def _listening(keys: Path) -> Iterator[tuple[int, list[tuple[str, float]]]]:
    """The robots' end in a thread: its port, and which zones' stops it took when, by the monotonic clock."""
    make_keys(keys)
    taken: list[tuple[str, float]] = []
    ready, loop = threading.Event(), asyncio.new_event_loop()
    ports: list[int] = []

    async def begin() -> None:
        def take(message: Any, person: bool) -> None:
            if message["type"] == "stop" and message["stop_id"].startswith("person_in_robot_zone|"):
                taken.append((message["ref"], time.monotonic()))

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
    truth, rng = _camera(1280, 720), np.random.default_rng(2)
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


def _camera(width: int, height: int, y_m: float = 0.0) -> Calibration:
    """A camera 6 m up that looks 20 degrees down along x, without error."""
    tilt = np.radians(20.0)
    T = np.eye(4)
    T[:3, :3] = np.column_stack([[0, -1, 0], [-np.sin(tilt), 0, -np.cos(tilt)], [np.cos(tilt), 0, -np.sin(tilt)]])
    T[1:3, 3] = y_m, 6.0
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
