"""The fleet file of the guide makes the adapters that it names; a line that cannot be meant is refused."""

import re
from pathlib import Path

import pytest

from bim.errors import BadInput
from robots.fleet import Fleet, read_fleet
from sitewright.robots import _reached

GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "adapters.md"


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    (yaml,) = re.findall(r"```yaml\n(.+?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    for name in ("mqtt.password", "octoprint.key"):
        (tmp_path / name).write_text("s3cret-of-the-site\n")
    (tmp_path / "fleet.yaml").write_text(yaml.replace("/etc/sitewright", str(tmp_path)))
    return read_fleet(tmp_path / "fleet.yaml")


def test_the_guides_fleet_file_makes_its_adapters_and_shows_no_secret(fleet: Fleet, tmp_path: Path) -> None:
    for profile in fleet.robots:
        connection = (fleet.connections or {})[profile.robot_id]
        assert "s3cret" not in str(connection)
        if profile.adapter != "nav2":  # which needs a node of ROS 2
            assert _reached(profile, connection, tmp_path / profile.robot_id, None)


@pytest.mark.parametrize(
    ("robot", "wrong", "said"),
    [
        ("printer_1", {"gcode": None}, "gcode"),
        ("printer_1", {"colour": "red"}, "colour"),
        ("printer_1", {"api_key_file": "/nowhere/key"}, "/nowhere/key"),
        ("acme_7", {"broker": {"hots": "broker.site"}}, "hots"),
        ("acme_7", {"manufacturer": None}, "manufacturer"),
    ],
)
def test_a_connection_that_cannot_be_meant_is_refused_by_name(
    fleet: Fleet, tmp_path: Path, robot: str, wrong: dict[str, object], said: str
) -> None:
    (profile,) = (each for each in fleet.robots if each.robot_id == robot)
    given = {**(fleet.connections or {})[robot], **wrong}
    connection = {name: value for name, value in given.items() if value is not None}
    with pytest.raises(BadInput, match=said) as refusal:
        _reached(profile, connection, tmp_path / robot, None)
    assert robot in str(refusal.value)
