"""Where the robots are, told over MQTT to whoever watches people: `telemetry/machines/ROBOT`, five times a second.

A robot that is silent or not believed is not told of, so that the watcher's rule of silence speaks for it.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import aiomqtt

from robots.now import utc
from robots.robot import RobotState
from robots.roster import Sighting
from robots.vda5050 import Broker

EVERY_S = 0.2
RETRY_S = 2.0
TOPIC = "telemetry/machines"


@contextlib.asynccontextmanager
async def robots_telemetry(broker: Broker, radii_m: Mapping[str, float]) -> AsyncIterator[Callable[[str, Any], None]]:
    """What to call with each change; `radii_m` is the body of each robot."""
    newest: dict[str, str] = {}

    def tell(what: str, value: Any) -> None:
        if isinstance(value, Sighting) and value.distrust is None:
            robot_id = value.state.robot_id
            newest[robot_id] = _word(value.state, radii_m[robot_id])

    sending = asyncio.create_task(_send_for_ever(broker, newest))
    try:
        yield tell
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)


async def _send_for_ever(broker: Broker, newest: dict[str, str]) -> None:
    while True:
        # While the broker is away the watcher hears nothing, and says so.
        with contextlib.suppress(aiomqtt.MqttError, OSError):
            async with broker.client() as client:
                while True:
                    words = dict(newest)
                    newest.clear()
                    for robot_id, word in words.items():
                        await client.publish(f"{TOPIC}/{robot_id}", word)
                    await asyncio.sleep(EVERY_S)
        await asyncio.sleep(RETRY_S)


def _word(state: RobotState, radius_m: float) -> str:
    """As site_safety/telemetry.py reads it. The time is when it was heard: a robot's own clock decides nothing."""
    word = {
        "at": utc().isoformat(),
        "position_m": state.position_m,
        "speed_m_s": abs(state.speed_m_s),
        "storey": state.storey or None,
        "radius_m": radius_m,
    }
    return json.dumps(word)
