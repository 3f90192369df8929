"""The units of systemd and the launch file of ROS 2 start commands that exist, with options that they have."""

import ast
import re
import shlex
from pathlib import Path

import pytest
from typer.main import get_command

from robots.fleet import read_fleet
from sitewright.cli import app

LAUNCH = Path(__file__).parents[2] / "launch"
UNITS = sorted((LAUNCH / "systemd").glob("*.service"))


def assert_is_a_command(words: list[str]) -> None:
    """`sitewright COMMAND` with options of that command, all that it demands among them."""
    assert words[0] == "sitewright"
    command = get_command(app).commands[words[1]]  # type: ignore[attr-defined]
    known = {option for parameter in command.params for option in parameter.opts}
    given = [word for word in words[2:] if word.startswith("--")]
    assert set(given) <= known
    demanded = {p.opts[0] for p in command.params if p.required and p.param_type_name == "option"}
    assert demanded <= set(given)


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.stem)
def test_a_unit_starts_a_command_that_exists_and_again_when_it_is_killed(unit: Path) -> None:
    text = unit.read_text()
    (line,) = re.findall(r"^ExecStart=/usr/bin/env (.+)$", text, re.MULTILINE)
    assert_is_a_command(shlex.split(line))
    assert "Restart=always" in text
    assert "User=sitewright" in text
    assert not re.findall(r"^Environment=.*(TOKEN|PASSWORD|SECRET)", text, re.MULTILINE)


def test_every_long_running_part_has_a_unit() -> None:
    parts = {re.split(r"[-@]", unit.stem)[1] for unit in UNITS}
    assert parts == {"serve", "worker", "robots", "watch"}


def test_the_launch_file_starts_the_same_command_from_the_same_file() -> None:
    tree = ast.parse((LAUNCH / "robots.launch.py").read_text())
    (words,) = [
        [part.value if isinstance(part, ast.Constant) else "…" for part in node.elts]
        for node in ast.walk(tree)
        if isinstance(node, ast.List) and node.elts and getattr(node.elts[0], "value", None) == "sitewright"
    ]
    assert_is_a_command(list(map(str, words)))
    assert "generate_launch_description" in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    assert read_fleet(LAUNCH / "fleet.yaml").robots
