"""Whom to believe."""

import math
from dataclasses import replace

import pytest

from robots.now import utc
from robots.robot import Mode, Profile, RobotState
from robots.roster import SILENT_S, Sighting, hear
from robots.tasks import Kind

ROVER = Profile("r1", "Rover", "rover", "ros2", frozenset(), frozenset(Kind), speed_m_s=1.0)
STATE = RobotState("r1", "first", 1, Mode.IDLE, (0.0, 0.0, 0.0), 0.0, "", 1.0, 0.0, utc())


def heard(*states: tuple[float, RobotState]) -> Sighting:
    known: Sighting | None = None
    for now_s, state in states:
        known = hear(known, state, ROVER, now_s)
    assert known
    return known


def test_a_stale_or_replayed_state_changes_nothing() -> None:
    newest = replace(STATE, sequence=9)
    known = heard((0.0, newest), (1.0, STATE), (2.0, newest))
    assert (known.state, known.heard_s) == (newest, 0.0)
    assert not known.present(SILENT_S + 0.1)


def test_a_restarted_robot_is_believed_again() -> None:
    known = heard((0.0, replace(STATE, sequence=500)), (1.0, replace(STATE, instance="second", sequence=0)))
    assert known.present(1.0)


def test_two_robots_with_one_name_are_both_distrusted() -> None:
    twin = replace(STATE, instance="second")
    known = heard((0.0, STATE), (0.1, twin), (0.2, replace(STATE, sequence=2)))
    assert not known.present(0.2)
    assert known.distrust
    assert "Two robots" in known.distrust.en


def test_a_pose_that_no_speed_can_reach_is_not_believed() -> None:
    known = heard((0.0, STATE), (1.0, replace(STATE, sequence=2, position_m=(30.0, 0.0, 0.0))))
    assert known.distrust
    assert "30.0 m" in known.distrust.en


def test_a_robot_in_motion_is_believed_whatever_its_own_clock_says() -> None:
    jump = STATE.at.replace(year=1999)
    known = heard((0.0, STATE), (1.0, replace(STATE, sequence=2, position_m=(0.9, 0.0, 0.0), at=jump)))
    assert known.present(1.0)


@pytest.mark.parametrize("lie", [{"battery": 1.5}, {"battery": math.nan}, {"position_m": (math.inf, 0.0, 0.0)}])
def test_numbers_that_cannot_be_are_not_believed(lie: dict[str, object]) -> None:
    assert heard((0.0, replace(STATE, **lie))).distrust  # type: ignore[arg-type]
