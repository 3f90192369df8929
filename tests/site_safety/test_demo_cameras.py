"""The walk of the demo raises what it is there to show, and nothing else."""

from datetime import UTC, datetime, timedelta

from site_safety.records import from_json
from site_safety.rules_replay import raised
from site_safety.rules_scene import Phase
from site_safety.zones import Zone
from sitewright.demo_cameras import NAME, demo_policy, scene
from web.demo_site import ZONES

START = datetime(2026, 5, 4, 9, tzinfo=UTC)
ZONE = tuple(from_json(Zone, {"zone_id": ref, **body, "storey": body["storey"] or None}) for ref, body in ZONES.items())


def test_the_walk_raises_a_person_among_robots_and_no_helmet_and_both_end() -> None:
    scenes = [scene(START + timedelta(seconds=0.2 * n), 0.2 * n - 10.0, ZONE) for n in range(250)]
    found = list(raised(scenes, demo_policy()))
    began = [alarm.rule for alarm in found if alarm.phase is Phase.RAISED]
    assert sorted(began) == ["no_helmet", "person_in_robot_zone"]
    assert sorted(alarm.rule for alarm in found if alarm.phase is Phase.ENDED) == sorted(began)


def test_its_camera_says_that_it_is_none() -> None:
    assert "no camera" in NAME
