"""People followed through frames: nobody swapped, nobody invented, places and speeds in metres."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from site_safety.calibration import Calibration
from site_safety.detector import Detection
from site_safety.equipment import Answer, Equipment
from site_safety.tracking import LARGEST_GAP_S, LOST_S, Tracker
from site_safety.tracks import Box, Kind, Worn
from tests.site_safety.test_calibration import camera

START = datetime(2026, 4, 30, 8, 0, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def nobody_looks(boxes: Sequence[Box]) -> list[Equipment]:
    return [Equipment() for _ in boxes]


def person(x: float, y: float = 300.0, score: float = 0.9, height: float = 120.0) -> Detection:
    return Detection(Kind.PERSON, (x, y - height, x + 0.4 * height, y), score)


def walk(tracker: Tracker, frames: Sequence[Sequence[Detection]], fps: float = 5.0) -> list[dict[str, Box]]:
    return [
        {track.track_id: track.xyxy for track in tracker.update(frame, after(i / fps))}
        for i, frame in enumerate(frames)
    ]


# --- Association ----------------------------------------------------------------------------------------------------


def test_a_walking_person_keeps_one_number() -> None:
    shown = walk(Tracker("north"), [[person(20.0 + 15 * i)] for i in range(30)])
    assert {name for frame in shown for name in frame} == {"north/1"}
    assert all(len(frame) == 1 for frame in shown[1:])


def test_one_bad_frame_is_nobody() -> None:
    assert not any(walk(Tracker("north"), [[], [person(100.0)], [], [], []]))


def test_two_people_who_pass_each_other_are_not_swapped() -> None:
    frames = [[person(20.0 + 14 * i, 300.0), person(440.0 - 14 * i, 345.0)] for i in range(30)]
    last = walk(Tracker("north"), frames)[-1]
    assert last["north/1"][0] > last["north/2"][0]


def test_unsure_boxes_keep_a_track_alive_but_begin_none() -> None:
    sure = [[person(20.0 + 8 * i)] for i in range(5)]
    unsure = [[person(60.0 + 8 * i, score=0.2), person(500.0, score=0.2)] for i in range(5)]
    assert [list(frame) for frame in walk(Tracker("north"), sure + unsure)][-1] == ["north/1"]


def test_someone_hidden_for_a_moment_is_the_same_and_after_long_another() -> None:
    hidden = int(5 * LOST_S) - 2
    seen = [[person(100.0)]] * 4
    assert list(walk(Tracker("a"), [*seen, *[[]] * hidden, *seen])[-1]) == ["a/1"]
    assert list(walk(Tracker("a"), [*seen, *[[]] * (hidden + 6), *seen])[-1]) == ["a/2"]


def test_a_person_and_a_vehicle_in_one_place_are_two() -> None:
    vehicle = Detection(Kind.VEHICLE, person(100.0).xyxy, 0.9)
    assert len(walk(Tracker("a"), [[person(100.0), vehicle]] * 3)[-1]) == 2


@pytest.mark.parametrize("jump_s", [-30.0, LARGEST_GAP_S + 1.0, 86_400.0])
def test_after_a_jump_of_the_clock_everybody_is_followed_anew(jump_s: float) -> None:
    tracker = Tracker("a")
    for i in range(3):
        tracker.update([person(100.0)], after(0.2 * i))
    assert tracker.update([person(100.0)], after(0.4 + jump_s)) == ()
    (track,) = tracker.update([person(100.0)], after(0.6 + jump_s))
    assert track.track_id == "a/2"


any_box = st.builds(
    lambda x, y, w, h, s: Detection(Kind.PERSON, (x, y, x + w, y + h), s),
    st.floats(0, 1200), st.floats(0, 600), st.floats(1, 400), st.floats(1, 400), st.floats(0.01, 1.0),
)  # fmt: skip


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(any_box, max_size=6), max_size=8))
def test_numbers_are_used_once_and_every_track_is_a_box_of_its_frame(frames: list[list[Detection]]) -> None:
    tracker, ended, before = Tracker("a"), set[str](), set[str]()
    for i, frame in enumerate(frames):
        tracks = tracker.update(frame, after(3.0 * i))
        names = [track.track_id for track in tracks]
        assert len(set(names)) == len(names)
        assert {track.xyxy for track in tracks} <= {each.xyxy for each in frame}
        # Three seconds without being seen end a track.
        assert not set(names) & ended
        ended |= before - set(names)
        before = set(names)


# --- On the ground --------------------------------------------------------------------------------------------------


def walking_at(truth: Calibration, speed_m_s: float, seconds: float, fps: float = 5.0) -> list[list[Detection]]:
    frames = []
    for i in range(int(seconds * fps)):
        feet = np.array([9.0 + speed_m_s * i / fps, 0.5, 0.0])
        low, high = truth.project(np.array([feet, [feet[0], feet[1], 1.75]]))
        box = (float(low[0]) - 20.0, float(high[1]), float(low[0]) + 20.0, float(low[1]))
        frames.append([Detection(Kind.PERSON, box, 0.9)])
    return frames


def test_place_height_and_speed_are_those_of_the_person() -> None:
    truth = camera()
    tracker = Tracker("north", truth, "Ground floor")
    for i, frame in enumerate(walking_at(truth, 1.4, 3.0)):
        tracks = tracker.update(frame, after(i / 5))
    (track,) = tracks
    assert track.position_m == pytest.approx((9.0 + 1.4 * 14 / 5, 0.5, 0.0), abs=0.05)
    assert track.velocity_m_s == pytest.approx((1.4, 0.0), abs=0.05)
    assert track.height_m == pytest.approx(1.75, rel=0.15)
    assert track.distance_m == pytest.approx(np.hypot(track.position_m[0] - 2.0, 3.5), abs=0.05)
    assert track.storey == "Ground floor"
    assert track.sigma_m is not None


def test_without_calibration_there_is_no_place_rather_than_a_guess() -> None:
    tracker = Tracker("north")
    tracker.update([person(100.0)], after(0.0))
    (track,) = tracker.update([person(100.0)], after(0.2))
    assert (track.position_m, track.sigma_m, track.velocity_m_s, track.storey) == (None, None, None, None)


# --- Equipment ------------------------------------------------------------------------------------------------------


def test_equipment_is_what_most_of_the_last_frames_say() -> None:
    tracker, said = Tracker("a"), [Worn.NO] + [Worn.YES] * 9
    votes = []
    for i, state in enumerate(said):
        worn = Equipment(helmet=Answer(state, 0.9))
        votes += [track.helmet for track in tracker.update([person(100.0)], after(i))]
        tracker.look_at_equipment(lambda boxes, worn=worn: [worn for _ in boxes])
    assert votes[:6] == [Worn.CANNOT_TELL] * 6
    assert votes[-1] is Worn.YES


def test_a_full_vote_is_not_asked_for_at_every_frame() -> None:
    tracker, asked = Tracker("a"), []
    for i in range(100):
        tracker.update([person(100.0)], after(0.1 * i))
        tracker.look_at_equipment(lambda boxes: asked.append(1) or nobody_looks(boxes))  # type: ignore[func-returns-value]
    assert len(asked) < 30
