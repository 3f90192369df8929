"""Camera safety in the live demo: a walk made in code goes through the rules, and the app shows what they raise.

No picture is behind it and no camera: a figure drawn in code is no person to a detector. What the tracker would say of
a worker who crosses the robots' zone without a helmet is written here instead, and the camera's name says so.
"""

import math
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from bim.verdict import Reason
from site_safety.camera_health import CameraHealth, CameraState
from site_safety.register import HazardRegister
from site_safety.rules import Memory, step
from site_safety.rules_policy import Policy, default_policy
from site_safety.rules_scene import CameraView, Scene
from site_safety.tracks import Kind, Track, Worn
from site_safety.zones import Zone
from sitewright.watch_link import WatchLink

CAMERA, NAME = "example", "Example: a recorded walk, no camera"
STOREY, ELEVATION_M = "01 First floor", 3.2
RULES = ("person_in_robot_zone", "no_helmet")
BEGINS_S, STEP_S = 10.0, 0.2
WAY = ((12.0, 3.0), (6.0, 3.0), (6.0, 4.0), (12.0, 4.5))
"""Into the robots' zone of the demo site and out again, in site x and y."""
WALK_M_S = 1.0


def cameras_at_work(folder: Path, link: WatchLink, zones: tuple[Zone, ...], ended: threading.Event) -> None:
    """Walk once through the zones, and tell the server what is raised, until the demo ends."""
    register, memory, policy = HazardRegister(folder), Memory(), demo_policy()
    begins = _now() + timedelta(seconds=BEGINS_S)
    with link:
        while not ended.wait(STEP_S):
            now = _now()
            memory, alarms = step(memory, scene(now, (now - begins).total_seconds(), zones), policy)
            register.take(alarms, "demo")
            live = CameraHealth(CAMERA, STOREY, CameraState.LIVE, 0.0, now, Reason("Recorded.", "录制。"))
            link.tell(register.hazards.values(), (live,), now)


def scene(now: datetime, walked_s: float, zones: tuple[Zone, ...]) -> Scene:
    """What is known when the walk has lasted so long; nobody is there before it and after it."""
    place = _place(walked_s * WALK_M_S)
    tracks = () if place is None else (_track(now, walked_s, place),)
    return Scene(at=now, tracks=tracks, zones=zones, cameras=(CameraView(CAMERA, "live", 0.0, STOREY),))


def demo_policy() -> Policy:
    """The shipped rules that the walk is about; the hour at which somebody looks at the demo is no hazard."""
    shipped = default_policy()
    return replace(shipped, rule=tuple(rule for rule in shipped.rule if rule.id in RULES))


def _place(walked_m: float) -> tuple[float, float] | None:
    """Where on its way somebody is who has walked so far, site x and y."""
    if walked_m < 0.0:
        return None
    for (x1, y1), (x2, y2) in pairwise(WAY):
        length_m = math.hypot(x2 - x1, y2 - y1)
        if walked_m <= length_m:
            share = walked_m / length_m
            return x1 + share * (x2 - x1), y1 + share * (y2 - y1)
        walked_m -= length_m
    return None


def _track(now: datetime, walked_s: float, place: tuple[float, float]) -> Track:
    return Track(
        track_id=f"{CAMERA}/1",
        camera_id=CAMERA,
        kind=Kind.PERSON,
        at=now,
        age_s=walked_s,
        xyxy=(600.0, 200.0, 680.0, 420.0),
        score=0.9,
        storey=STOREY,
        position_m=(*place, ELEVATION_M),
        sigma_m=0.1,
        velocity_m_s=None,
        height_m=1.75,
        distance_m=12.0,
        helmet=Worn.NO,
        vest=Worn.YES,
    )


def _now() -> datetime:
    return datetime.now(UTC)
