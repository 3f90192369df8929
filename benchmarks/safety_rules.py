"""What the safety rules cost, what margins come out of measured latencies, and how fast a register is reported."""

import math
import random
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from bim.ifc import read_building
from bim.verdict import Reason
from site_safety.evidence import START, Link, link
from site_safety.hazards import Deed, Event, Level, Source, Subject
from site_safety.margin import Chain, margin
from site_safety.records import to_json
from site_safety.report_pack import Content, Inputs, build, report_of
from site_safety.report_pages import pdf
from site_safety.reports import Site, week_of
from site_safety.rules import Memory, step
from site_safety.rules_policy import default_policy
from site_safety.rules_scene import CameraView, Machine, Phase, Scene
from site_safety.sensors import Reading, Sensors, default_plan, read
from site_safety.signing import new_key
from site_safety.tracks import Kind, Track
from site_safety.verify import verify_pack
from site_safety.zones import Zone, ZoneKind
from site_safety.zones_model import open_edges

NOW = datetime(2026, 5, 4, 8, tzinfo=UTC)
CAMERAS, PEOPLE, ZONES, MACHINES, TICKS, HERTZ = 12, 40, 30, 10, 300, 5
HAZARDS, READINGS = 2_000, 20_000
MODELS = ("AC20-FZK-Haus", "Duplex_A", "BimWhale_TallBuilding")


def measure(shared: Path) -> dict[str, Any]:
    """Figures of docs/benchmarks.md; CPU seconds of this process."""
    return {
        "rules": _rules(),
        "margins_m": {name: round(margin(chain).total_m, 2) for name, chain in CHAINS.items()},
        "report": _report(),
        "sensor_readings_per_cpu_s": _sensors(),
        "open_edges": {name: _edges(shared, name) for name in MODELS},
    }


CHAINS = {
    "robot 0.5 m/s, 0.5 s to detect, 0.2 m error": Chain(0.5, 0.1, 0.5, 1.0, 0.2),
    "robot 1.0 m/s, 0.5 s to detect, 0.2 m error": Chain(0.5, 0.1, 1.0, 1.0, 0.2),
    "robot 1.0 m/s, 1.0 s to detect, 0.5 m error": Chain(1.0, 0.1, 1.0, 1.0, 0.5),
    "robot 1.5 m/s, 1.0 s to detect, 0.5 m error": Chain(1.0, 0.1, 1.5, 1.0, 0.5),
}


def _rules() -> dict[str, Any]:
    policy, memory, raised = default_policy(), Memory(), 0
    scenes = list(_walks(random.Random(1)))  # noqa: S311
    start = time.process_time()
    for scene in scenes:
        memory, alarms = step(memory, scene, policy)
        raised += sum(alarm.phase is Phase.RAISED for alarm in alarms)
    cpu_s = time.process_time() - start
    return {
        "cameras": CAMERAS, "people": PEOPLE, "zones": ZONES, "machines": MACHINES, "rules": len(policy.rule),
        "cpu_ms_a_scene": 1000 * cpu_s / len(scenes), "scenes_per_cpu_s": len(scenes) / cpu_s, "raised": raised,
    }  # fmt: skip


def _walks(rng: random.Random) -> Iterator[Scene]:
    """People who walk over a site of 100 m, each seen by one or two of twelve cameras."""
    zones = tuple(_zone(number, rng) for number in range(ZONES))
    people = [(rng.uniform(0, 100), rng.uniform(0, 100), rng.uniform(0, 2 * math.pi)) for _ in range(PEOPLE)]
    for tick in range(TICKS):
        at = NOW + timedelta(seconds=tick / HERTZ)
        places = [(x + 1.2 * tick / HERTZ * math.cos(a), y + 1.2 * tick / HERTZ * math.sin(a)) for x, y, a in people]
        tracks = tuple(
            Track(f"c{camera}/{i}", f"c{camera}", Kind.PERSON, at, 9.0, (0, 0, 40, 120), 0.8, "00", (*place, 0.0), 0.2,
                  (1.2, 0.0), 1.7, 15.0)
            for i, place in enumerate(places)
            for camera in ({i % CAMERAS, (i * 7) % CAMERAS})
        )  # fmt: skip
        cameras = tuple(CameraView(f"c{number}", "live", 0.1, "00") for number in range(CAMERAS))
        machines = tuple(Machine(f"r{n}", (10.0 * n, 50.0, 0.0), 0.5, "00", at) for n in range(MACHINES))
        yield Scene(at, tracks, zones, cameras, machines)


def _zone(number: int, rng: random.Random) -> Zone:
    x, y = rng.uniform(0, 90), rng.uniform(0, 90)
    kind = list(ZoneKind)[number % len(ZoneKind)]
    corners = tuple((x + 5 * math.cos(a), y + 5 * math.sin(a)) for a in (2 * math.pi * i / 12 for i in range(12)))
    return Zone(f"z{number}", f"Zone {number}", kind, "00", corners)


def _report() -> dict[str, Any]:
    """A week of many hazards, each through its whole loop: figures, pages, pack, and the pack verified."""
    journal = tuple(_journal())
    inputs = Inputs(week_of(date(2026, 5, 4)), Site("site", "Site"), "0.1.0")
    times: dict[str, Any] = {"hazards": HAZARDS, "events": len(journal)}
    start = time.process_time()
    found = report_of(inputs, journal)
    times["figures_cpu_s"], start = time.process_time() - start, time.process_time()
    page = pdf(found, "zh")
    times["pages_cpu_s"], start = time.process_time() - start, time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        key = new_key(Path(folder, "key.pem"))
        content = build(Content(inputs, journal, {"zh": page}), key)
        Path(folder, "pack.zip").write_bytes(content)
        times["pack_cpu_s"], wall = time.process_time() - start, time.perf_counter()
        verify_pack(Path(folder, "pack.zip"), version="0.1.0")
        times["verify_wall_s"] = time.perf_counter() - wall
    return {**times, "pack_bytes": len(content)}


def _journal() -> Iterator[Link]:
    prev, seq = START, 0
    loop = (Deed.ASSIGN, Deed.START, Deed.SUBMIT, Deed.CLOSE)
    for number in range(HAZARDS):
        at = NOW + timedelta(minutes=4 * number)
        subject = Subject(
            "no_helmet", Source.CAMERA, Level.WARNING, Reason("No helmet", "未戴安全帽"), "00", camera_id="c1"
        )
        events = [Event(f"h{number:06}", Deed.REGISTER, at, "watch", subject=subject)]
        for turn, deed in enumerate(loop):
            by = "officer" if deed in (Deed.ASSIGN, Deed.CLOSE) else "mason"
            when = at + timedelta(minutes=turn + 1)
            events.append(Event(f"h{number:06}", deed, when, by, "done", to="mason" if deed is Deed.ASSIGN else None))
        for event in events:
            made = link(prev, seq, to_json(event))
            yield made
            prev, seq = made.hash, seq + 1


def _sensors() -> float:
    plan, state, rng = default_plan(), Sensors(), random.Random(1)  # noqa: S311
    readings = [Reading(f"wind-{i % 20}", NOW + timedelta(seconds=i), rng.uniform(0, 15)) for i in range(READINGS)]
    start = time.process_time()
    for reading in readings:
        state, _ = read(state, reading, plan)
    return READINGS / (time.process_time() - start)


def _edges(shared: Path, name: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as cache:
        building = read_building([next((shared / "data/ifc").glob(f"{name}*.ifc"))], Path(cache))
    start = time.process_time()
    edges = open_edges(building)
    return {
        "edges": len(edges),
        "length_m": round(sum(edge.length_m for edge in edges), 1),
        "cpu_s": time.process_time() - start,
    }
