"""Whether to believe what a robot says of itself: stale, replayed, doubled and impossible states are told apart. Pure.

Times are seconds of the listener's own monotonic clock; the robot's clock is never asked.
"""

import math
from dataclasses import dataclass, replace

from bim.verdict import Reason
from robots.robot import Mode, Profile, RobotState

SILENT_S = 1.5
"""A robot that says nothing for so long is offline."""
SLACK_M = 0.5
"""What localisation may jump without being a lie."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A robot as the listener knows it."""

    state: RobotState
    heard_s: float
    past_instances: frozenset[str] = frozenset()
    distrust: Reason | None = None
    """Why nothing is dispatched to it until a person has looked."""

    def present(self, now_s: float) -> bool:
        """Whether it was heard lately and can be believed."""
        return now_s - self.heard_s <= SILENT_S and self.distrust is None and self.state.mode is not Mode.FAULT


def hear(known: Sighting | None, state: RobotState, profile: Profile, now_s: float) -> Sighting:
    """What is known after the robot has spoken. A stale or replayed state changes nothing."""
    if reason := _impossible(state):
        return Sighting(known.state if known else state, now_s, distrust=reason)
    if known is None:
        return Sighting(state, now_s)
    if state.instance in known.past_instances:
        return replace(known, distrust=_TWINS)
    if state.instance != known.state.instance:
        return Sighting(state, now_s, known.past_instances | {known.state.instance}, known.distrust)
    if state.sequence <= known.state.sequence:
        return known
    distrust = known.distrust or _jump(known, state, profile, now_s)
    return replace(known, state=state, heard_s=now_s, distrust=distrust)


def _impossible(state: RobotState) -> Reason | None:
    numbers = (*state.position_m, state.heading_rad, state.speed_m_s, state.battery)
    if all(map(math.isfinite, numbers)) and 0.0 <= state.battery <= 1.0:
        return None
    return Reason("It reports numbers that cannot be.", "它报告的数值不合理。")


def _jump(known: Sighting, state: RobotState, profile: Profile, now_s: float) -> Reason | None:
    moved_m = math.dist(known.state.position_m, state.position_m)
    possible_m = SLACK_M + 1.5 * profile.speed_m_s * max(now_s - known.heard_s, 0.0)
    if moved_m <= possible_m:
        return None
    return Reason(
        f"It says that it moved {moved_m:.1f} m where {possible_m:.1f} m is possible: its pose cannot be trusted.",
        f"它声称移动了{moved_m:.1f}米，而最多只可能移动{possible_m:.1f}米：其位姿不可信。",
    )


_TWINS = Reason("Two robots speak under this name.", "有两台机器人使用同一名称。")
