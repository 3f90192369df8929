"""The watcher hears over a real broker where the robots are, as long as they are believed."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bim.errors import BadInput
from bim.verdict import Reason
from robots.fleet import read_fleet
from robots.robot import Mode, RobotState
from robots.roster import Sighting
from site_safety.telemetry import Telemetry, TelemetrySettings
from sitewright.robots import _telemetry
from tests.robots.mosquitto import broker

ROVER = "{robot_id: r1, kind: rover, adapter: simulated, tools: [marker], radius_m: 0.7}"


def seen(robot_id: str, x_m: float, distrust: Reason | None = None) -> Sighting:
    state = RobotState(
        robot_id=robot_id,
        instance="i",
        sequence=1,
        at=datetime.now(UTC),
        mode=Mode.BUSY,
        storey="Ground floor",
        position_m=(x_m, 4.0, 0.0),
        heading_rad=0.0,
        speed_m_s=-0.4,
        battery=0.8,
    )
    return Sighting(state, 0.0, distrust=distrust)


def test_a_watcher_hears_where_the_robots_are(tmp_path: Path) -> None:
    async def scenario(host: str, port: int) -> Telemetry:
        (tmp_path / "fleet.yaml").write_text(
            f"robots: [{ROVER}, {ROVER.replace('r1', 'r2')}]\ntelemetry: {{host: {host}, port: {port}, tls: false}}\n"
        )
        listening = Telemetry(TelemetrySettings(host, port, tls=False), tmp_path)
        with listening:
            async with _telemetry(read_fleet(tmp_path / "fleet.yaml")) as tell, asyncio.timeout(60):
                while not listening.heard.machines((), datetime.now(UTC)):
                    tell("state", seen("r2", 1.0, Reason("It lies.", "位姿不可信。")))
                    tell("state", seen("r1", 12.0))
                    await asyncio.sleep(0.1)
        return listening

    with broker() as one:
        (machine,) = asyncio.run(scenario(one.host, one.port)).heard.machines((), datetime.now(UTC))
    assert (machine.machine_id, machine.position_m, machine.storey) == ("r1", (12.0, 4.0, 0.0), "Ground floor")
    assert (machine.speed_m_s, machine.radius_m) == (0.4, 0.7)


@pytest.mark.parametrize("telemetry", ["{}", "{host: broker, colour: red}", "{host: b, password_file: none.secret}"])
def test_a_broker_that_cannot_be_meant_is_refused(tmp_path: Path, telemetry: str) -> None:
    (tmp_path / "fleet.yaml").write_text(f"robots: [{ROVER}]\ntelemetry: {telemetry}\n")
    with pytest.raises(BadInput, match="telemetry of the fleet file"):
        _telemetry(read_fleet(tmp_path / "fleet.yaml"))
