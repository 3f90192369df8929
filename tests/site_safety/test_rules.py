"""The rules of a site, each told by small scenes: when it fires, when it does not, when it ends."""

import io
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bim.errors import BadInput
from site_safety.hazards import Level
from site_safety.records import to_json
from site_safety.rules import Memory, acknowledge, dismiss, step, stops
from site_safety.rules_policy import Policy, default_policy, read_policy
from site_safety.rules_replay import raised, read_scenes, write_scene
from site_safety.rules_scene import Alarm, CameraView, Crane, Machine, Obstruction, Phase, Scene, StopWish, Tag
from site_safety.tracks import Kind, Track, Worn
from site_safety.zones import Zone, ZoneKind

START = datetime(2026, 5, 4, 9, tzinfo=UTC)
NIGHT = START.replace(hour=23)
TICK_S = 0.2
LIVE = CameraView("c1", "live", 0.1, "00", guards=("cell",))
CELL = Zone("cell", "Cell", ZoneKind.ROBOT, "00", ((0, 0), (4, 0), (4, 4), (0, 4)), robots=("r1",))
EDGE = Zone("edge", "North edge", ZoneKind.EDGE, "00", ((10, 0), (12, 0), (12, 9), (10, 9)))
LANE = Zone("lane", "Fire lane", ZoneKind.FIRE_LANE, "00", ((20, 0), (24, 0), (24, 9), (20, 9)))
CLOSED = Zone("store", "Store", ZoneKind.CLOSED, "00", ((30, 0), (34, 0), (34, 9), (30, 9)))
ZONES = (CELL, EDGE, LANE, CLOSED)


def track(x: float, y: float = 2.0, **changes: Any) -> Track:
    """A person, seen well, at a place."""
    known = Track("c1/1", "c1", Kind.PERSON, START, 5.0, (0, 0, 50, 150), 0.9, "00", (x, y, 0.0), 0.05, (0.0, 0.0),
                  1.75, 10.0)  # fmt: skip
    return replace(known, **changes)


def scenes(seconds: float, *tracks: Track, start: datetime = START, **more: Any) -> list[Scene]:
    """The same moment, five times a second."""
    told = {"zones": ZONES, "cameras": (LIVE,)} | more
    times = [start + timedelta(seconds=TICK_S * i) for i in range(round(seconds / TICK_S))]
    return [Scene(at, tuple(replace(each, at=at) for each in tracks), **told) for at in times]


def after(shown: Sequence[Scene]) -> datetime:
    return shown[-1].at + timedelta(seconds=TICK_S)


def alarms(shown: Sequence[Scene], policy: Policy | None = None) -> list[Alarm]:
    return list(raised(shown, policy or default_policy()))


def fired(shown: Sequence[Scene], policy: Policy | None = None) -> list[str]:
    return [alarm.rule for alarm in alarms(shown, policy) if alarm.phase is Phase.RAISED]


def test_a_quiet_site_raises_nothing() -> None:
    assert fired(scenes(60, track(50))) == []


@pytest.mark.parametrize(
    ("shown", "rule"),
    [
        (lambda: scenes(1, track(2)), "person_in_robot_zone"),
        (lambda: scenes(3, track(11)), "at_unprotected_edge"),
        (lambda: scenes(3, track(32)), "in_closed_area"),
        (lambda: scenes(1, track(52), machines=(Machine("r1", (50, 2, 0), 0.5, "00", START),)),
         "person_near_moving_machine"),
        (lambda: scenes(2, track(52), track(50, track_id="c1/2", kind=Kind.VEHICLE, xyxy=(200, 0, 400, 100),
                                            velocity_m_s=(2.0, 0.0))), "person_near_moving_vehicle"),
        (lambda: scenes(2, track(52), cranes=(Crane("k1", (50, 2, 20), True, START),)), "under_crane_load"),
        (lambda: scenes(6, track(50), start=NIGHT), "out_of_hours"),
        (lambda: scenes(4, track(50, helmet=Worn.NO)), "no_helmet"),
        (lambda: scenes(4, track(50, vest=Worn.NO)), "no_vest"),
        (lambda: scenes(62, track(22, kind=Kind.VEHICLE)), "vehicle_blocks_way"),
        (lambda: scenes(302, obstructions=(Obstruction("c1", "lane"),)), "goods_block_way"),
        (lambda: scenes(11, *(track(50 + i / 10, track_id=f"c1/{i}") for i in range(10))), "crowding"),
        (lambda: scenes(2, cameras=(CameraView("c2", "frozen", 0.1),)), "camera_blind"),
        (lambda: scenes(2, cameras=(CameraView("c2", "live", 4.0),)), "camera_blind"),
        (lambda: scenes(8, machines=(Machine("r1", (50, 2, 0), 0.0, "00", START),)), "telemetry_lost"),
        (lambda: scenes(11, track(0, position_m=None, sigma_m=None)), "person_unplaced"),
    ],
)  # fmt: skip
def test_each_rule_fires_alone_and_speaks_both_languages(shown: Callable[[], list[Scene]], rule: str) -> None:
    found = [alarm for alarm in alarms(shown()) if alarm.phase is Phase.RAISED]
    assert [alarm.rule for alarm in found] == [rule]
    assert "{" not in found[0].text.en + found[0].text.zh
    assert found[0].text.zh != found[0].text.en


@pytest.mark.parametrize(
    "shown",
    [
        lambda: scenes(0.2, track(2)),
        lambda: scenes(60, track(-0.5)),
        lambda: scenes(60, track(2, storey="01", position_m=(2, 2, 3.2))),
        lambda: scenes(60, track(2, score=0.2)),
        lambda: scenes(9, track(52, helmet=Worn.CANNOT_TELL)),
        lambda: scenes(9, track(52, helmet=Worn.NO, distance_m=40.0)),
        lambda: scenes(9, track(52), machines=(Machine("r1", (50, 2, 0), 0.0, "00", START + timedelta(seconds=9)),)),
        lambda: scenes(9, track(52), cranes=(Crane("k1", (50, 2, 20), False, START + timedelta(seconds=9)),)),
        lambda: scenes(9, track(52, xyxy=(210, 10, 250, 90)), track(50, track_id="c1/2", kind=Kind.VEHICLE,
                                                                    xyxy=(200, 0, 400, 100), velocity_m_s=(2.0, 0.0))),
        lambda: scenes(59, track(22, kind=Kind.VEHICLE)),
    ],
    ids=["too short", "beside", "another storey", "doubtful", "cannot tell", "too far", "machine stands", "no load",
         "the driver", "stops briefly"],
)  # fmt: skip
def test_what_is_no_hazard_raises_nothing(shown: Callable[[], list[Scene]]) -> None:
    assert fired(shown()) == []


def test_a_person_in_a_robots_zone_stops_its_robots_until_they_have_left_by_distance_and_time() -> None:
    inside = scenes(1, track(2))
    at_the_edge = scenes(10, track(-0.7), start=after(inside))
    outside = scenes(10, track(-3), start=after(at_the_edge))
    policy, memory, wanted = default_policy(), Memory(), {}
    for scene in [*inside, *at_the_edge, *outside]:
        memory, said = step(memory, scene, policy)
        wanted[scene.at] = stops(said)
    stop = (StopWish("zone", "cell", ("r1",)),)
    assert wanted[START] == ()
    assert wanted[START + timedelta(seconds=0.4)] == stop
    assert wanted[at_the_edge[-1].at] == stop
    assert wanted[outside[0].at + timedelta(seconds=2.4)] == stop
    assert wanted[outside[0].at + timedelta(seconds=3.6)] == ()


def test_a_zone_grows_by_what_is_not_known_of_a_place() -> None:
    assert fired(scenes(1, track(-0.6, sigma_m=0.05))) == []
    assert fired(scenes(1, track(-0.6, sigma_m=0.3))) == ["person_in_robot_zone"]


def test_an_alarm_goes_on_while_the_camera_that_showed_it_is_blind() -> None:
    seen = scenes(1, track(2), cameras=(replace(LIVE, guards=()),))
    blind = scenes(60, start=after(seen), cameras=(CameraView("c1", "lost", 9.0, "00"),))
    back = scenes(10, start=after(blind), cameras=(replace(LIVE, guards=()),))
    ends = {alarm.rule: alarm.at for alarm in alarms([*seen, *blind, *back]) if alarm.phase is Phase.ENDED}
    assert ends["person_in_robot_zone"] >= back[0].at


def test_a_robot_zone_that_no_camera_sees_stops_and_one_that_another_sees_does_not() -> None:
    lost, other = CameraView("c1", "lost", 9.0, "00", guards=("cell",)), CameraView("c2", "live", 0.1, "00", ("cell",))
    assert fired(scenes(0.4, cameras=(lost,))) == ["robot_zone_unwatched"]
    assert fired(scenes(0.4, cameras=(lost, other))) == []


def test_two_cameras_that_see_one_person_tell_of_one() -> None:
    both = [track(50, helmet=Worn.NO), track(50.4, track_id="c2/7", camera_id="c2", sigma_m=0.3, helmet=Worn.NO)]
    assert fired(scenes(5, *both)) == ["no_helmet"]
    apart = [both[0], replace(both[1], position_m=(56.0, 2.0, 0.0))]
    assert fired(scenes(5, *apart)) == ["no_helmet", "no_helmet"]


def test_cameras_that_contradict_each_other_about_a_helmet_cannot_tell() -> None:
    both = [track(50, helmet=Worn.NO), track(50.4, track_id="c2/7", camera_id="c2", helmet=Worn.YES)]
    assert fired(scenes(9, *both)) == []


def test_a_track_that_breaks_goes_on_as_the_same_alarm() -> None:
    first = scenes(5, track(50, helmet=Worn.NO))
    then = scenes(5, track(50.5, track_id="c1/9", helmet=Worn.NO), start=after(first) + timedelta(seconds=1))
    found = alarms([*first, *then])
    assert [alarm.phase for alarm in found] == [Phase.RAISED]


def test_a_short_gap_does_not_restart_the_dwell_and_a_long_one_does() -> None:
    def edge(gap_s: float) -> list[str]:
        first = scenes(1, track(11))
        return fired(
            [
                *first,
                *scenes(gap_s, start=after(first)),
                *scenes(1, track(11), start=after(first) + timedelta(seconds=gap_s)),
            ]
        )

    assert edge(0.4) == ["at_unprotected_edge"]
    assert edge(1.0) == []


def test_after_an_acknowledgement_it_stays_quiet_for_a_while_but_a_stop_is_never_quiet() -> None:
    policy, memory = default_policy(), Memory(at=START)
    for key in ("at_unprotected_edge|edge", "person_in_robot_zone|cell"):
        memory = acknowledge(memory, key, START, policy)
    said = []
    for scene in scenes(302, track(11), track(2, track_id="c1/2")):
        memory, found = step(memory, scene, policy)
        said += [(alarm.rule, alarm.at) for alarm in found if alarm.phase is Phase.RAISED]
    assert said[0] == ("person_in_robot_zone", START + timedelta(seconds=0.2))
    assert said[1] == ("at_unprotected_edge", START + timedelta(seconds=300))


def test_what_was_closed_while_it_holds_is_raised_anew_after_its_quiet_and_a_stop_at_once() -> None:
    policy, memory, said = default_policy(), Memory(), []
    for scene in scenes(310, track(11), track(2, track_id="c1/2")):
        memory, found = step(memory, scene, policy)
        said += [(alarm.rule, (alarm.at - START).total_seconds()) for alarm in found if alarm.phase is Phase.RAISED]
        if scene.at == START + timedelta(seconds=5):
            for key in ("at_unprotected_edge|edge", "person_in_robot_zone|cell"):
                memory = dismiss(acknowledge(memory, key, scene.at, policy), key)
    edge = [at for rule, at in said if rule == "at_unprotected_edge"]
    stop = [at for rule, at in said if rule == "person_in_robot_zone"]
    assert edge == pytest.approx([1.6, 305.0])
    assert stop == pytest.approx([0.2, 5.2])


def test_who_carries_an_allowed_role_may_stand_under_a_load() -> None:
    load = {"cranes": (Crane("k1", (50, 2, 20), True, START),)}
    tag = Tag("banksman", (52.0, 2.0, 1.0), 1.5)
    assert fired(scenes(2, track(52), **load)) == ["under_crane_load"]
    assert fired(scenes(2, track(52), **load, tags=(tag,))) == []
    assert fired(scenes(2, track(52), **load, tags=(replace(tag, role="visitor"),))) == ["under_crane_load"]


@pytest.mark.parametrize("jump_s", [-3600.0, 120.0])
def test_time_that_nobody_watched_is_told_and_counts_for_no_dwell(jump_s: float) -> None:
    first = scenes(1, track(11))
    later = scenes(1.2, track(11), start=after(first) + timedelta(seconds=jump_s))
    assert fired([*first, *later]) == ["unwatched", "at_unprotected_edge"]
    assert fired([*first, *later[:1]]) == ["unwatched"]


def test_a_zone_counts_only_while_it_is_in_force() -> None:
    from site_safety.zones import Valid

    over = replace(CELL, valid=Valid(None, START))
    assert fired(scenes(5, track(2), zones=(over,))) == []


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.floats(-6, 14), st.sampled_from(["live", "lost"])), min_size=1, max_size=40))
def test_every_alarm_is_raised_once_then_ends_once_and_the_same_scenes_say_the_same(
    walk: list[tuple[float, str]],
) -> None:
    shown = [
        scene
        for i, (x, state) in enumerate(walk)
        for scene in scenes(TICK_S * 2, track(x), start=START + timedelta(seconds=0.8 * i),
                            cameras=(replace(LIVE, state=state),))
    ]  # fmt: skip
    found = alarms(shown)
    assert found == alarms(shown)
    standing: set[str] = set()
    for alarm in found:
        assert (alarm.key in standing) == (alarm.phase is Phase.ENDED)
        standing ^= {alarm.key}


def test_a_recording_is_judged_as_the_scenes_were(tmp_path: Path) -> None:
    shown, file = scenes(4, track(2), machines=(Machine("r1", (50, 2, 0), 0.5, "00", START),)), io.StringIO()
    for scene in shown:
        write_scene(scene, file)
    recording = tmp_path / "scenes.jsonl"
    recording.write_text(file.getvalue())
    assert read_scenes(recording) == shown
    recording.write_text(file.getvalue() + '{"at": 3}\n')
    with pytest.raises(BadInput, match=r"scenes.jsonl:21.at = '3'; a time"):
        read_scenes(recording)


# --- Rules as data ----------------------------------------------------------------------------------------------------

RULE = """
[[rule]]
id = "mine"
condition = "in_zone"
level = "warning"
zones = ["edge"]
text.en = "At {zone}"
text.zh = "在 {zone}"
"""


def test_a_sites_own_rules_replace_the_ones_that_come_along(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(RULE)
    policy = read_policy(file)
    assert policy.rule[0].level is Level.WARNING
    assert fired(scenes(3, track(11)), policy) == ["mine"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("zones", "zonse"), "zonse in rule mine, a rule of in_zone"),
        (('zones = ["edge"]', ""), "rule mine: no zones"),
        (('"edge"', '"moat"'), r"zones\[0\] = 'moat'; one of"),
        (("{zone}", "{zoen}"), "placeholders zone"),
        (('"warning"', '"stop"\nstop = "zone"\nquiet_s = 5.0'), "a stop is never quieted"),
        (('"warning"', '"danger"\nstop = "zone"'), "level danger with stop; level stop"),
        (('"warning"', '"stop"\nstop = "robot"'), "a rule of near_machine"),
        (('"warning"', '"warning"\nenter_s = -1.0'), "enter_s = -1.0; 0 or more"),
        (('"warning"', '"warning"\nclearance_m = 1.0'), "clearance_m in rule mine"),
        (('"warning"', '"loud"'), "level = 'loud'; one of"),
        (("[[rule]]", "[hours]\ntimezone = 'Mars/Olympus'\n[[rule]]"), "hours: "),
        (("[[rule]]", "[[rule]"), "no TOML"),
        (("condition", "condiction"), "rule 1 without a condition"),
    ],
)
def test_a_rule_that_is_none_is_refused_by_name(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(RULE.replace(*change))
    with pytest.raises(BadInput, match=message):
        read_policy(file)


def test_a_policy_travels_as_json() -> None:
    from site_safety.records import from_json

    assert from_json(Policy, to_json(default_policy())) == default_policy()
