"""A simulated robot that drives: it follows the map's shortest ways through a physical world, as far as it gets."""

import asyncio
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bim.frames import FloatArray
from robots.navigation import StoreyMap, way
from robots.robot import Profile
from robots.simulated.robot import BEAT_S, Effect, SimulatedRobot
from robots.simulated.world import World
from robots.tasks import Target

AHEAD_M = 0.4
"""How far ahead on its way it aims."""
ARRIVED_M = 0.15
STUCK_S = 30.0
"""Without getting nearer for so long, a rover gives the way up and works from where it stands."""


class Rover(SimulatedRobot):
    """Obeys robots.robot.Robot. Its storey is where its home is; targets are worked at from the nearest free cell."""

    def __init__(
        self, profile: Profile, world: World, maps: Sequence[StoreyMap], memory: Path | None, effect: Effect
    ) -> None:
        super().__init__(profile, memory, effect)
        self._world, self._maps = world, {each.storey: each for each in maps}
        height_m = self.state.position_m[2]
        self._storey = min(maps, key=lambda each: abs(each.elevation_m - height_m)).storey
        self.driven_m = 0.0
        self.gave_up = 0

    async def _drive(self, target: Target) -> None:
        """Along the shortest way; standing still whenever it is stopped."""
        points = self._way(target)
        try:
            if points is not None:
                await self._follow(points)
        finally:
            self._world.advance(self._now_s())
            self._world.command(self.robot_id, 0.0, 0.0, 0.0)

    def _way(self, target: Target) -> FloatArray | None:
        assert self._work is not None
        storey = self._maps.get(self._work.order.spec.storey or self._storey)
        if storey is None:
            return None
        here, there = storey.standpoint(self.state.position_m), storey.standpoint(target)
        return way(storey, here, there) if here and there else None

    async def _follow(self, points: FloatArray) -> None:
        nearest_m, waited_s, k = math.inf, 0.0, 0
        while True:
            self._world.advance(self._now_s())
            x, y, yaw = self._world.pose(self.robot_id)
            self._moved(x, y, yaw)
            left_m = math.dist((x, y), points[-1])
            if left_m < ARRIVED_M:
                return
            away = np.hypot(*(points - (x, y)).T)
            k = max(k, int(np.argmin(away)))
            ahead = k + int(np.argmax(np.append(away[k:] > AHEAD_M, True)))
            self._steer(points[min(ahead, len(points) - 1)], x, y, yaw)
            remains = len(points) - k
            waited_s = 0.0 if remains < nearest_m else waited_s + BEAT_S
            nearest_m = min(nearest_m, remains)
            if waited_s > STUCK_S:
                self.gave_up += 1
                return
            await asyncio.sleep(BEAT_S)
            self._drain(BEAT_S)

    def _steer(self, aim: FloatArray, x: float, y: float, yaw: float) -> None:
        heading = math.atan2(aim[1] - y, aim[0] - x)
        turn = math.remainder(heading - yaw, math.tau)
        speed = min(self.profile.speed_m_s, math.dist(aim, (x, y)) / BEAT_S)
        vx, vy = speed * math.cos(heading), speed * math.sin(heading)
        self._world.command(self.robot_id, vx, vy, max(-1.5, min(1.5, turn / BEAT_S)))

    def _moved(self, x: float, y: float, yaw: float) -> None:
        before = self.state.position_m
        self.driven_m += math.dist(before[:2], (x, y))
        self._say(position_m=(x, y, before[2]), heading_rad=yaw)
