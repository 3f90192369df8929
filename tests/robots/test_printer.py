"""A printer behind a real OctoPrint: what it is told, what it forgets, and that nothing is printed twice."""

import asyncio
import hashlib
import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bim.errors import BadInput
from robots.gcode import gcode
from robots.printer import PrinterMachine, PrintServer, printer_robot
from robots.printer_profiles import read_profile
from robots.printer_progress import milestones
from robots.robot import Mode, Order, Outcome, Refused
from robots.slicer import plan_print
from tests.contracts.robot_contract import Session, run
from tests.contracts.test_printer_robot import PRINTER, PrinterRig, opened
from tests.robots.octoprint_server import octoprint
from tests.robots.walls import wall


@pytest.fixture(scope="module")
def server() -> Iterator[PrintServer]:
    with octoprint() as running:
        yield running


def test_an_adapter_that_restarts_finds_its_job_on_the_server_and_prints_once(
    server: PrintServer, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with printer_robot(PRINTER, server, tmp_path, tmp_path / "memory") as robot:
            rig = PrinterRig(server, robot, tmp_path)
            async with Session(rig) as session:
                running = await session.begin(Order(rig.short("a"), 1))
                running.cancel()
        async with opened(server, tmp_path) as again, Session(again):
            result = await again.robot.execute(Order(again.short("a"), 1), lambda done: None)
            assert result.outcome is Outcome.DONE
            assert again.printed() == rig.before + 1

    run(scenario())


def test_a_job_that_was_cancelled_at_the_printer_failed(server: PrintServer, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with opened(server, tmp_path) as rig, Session(rig) as session:
            running = await session.begin(Order(rig.long("a"), 1))
            rig.api("POST", "/api/job", json={"command": "cancel"})
            assert (await running).outcome is Outcome.FAILED

    run(scenario())


def test_a_lintels_stop_waits_for_a_person(server: PrintServer, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with opened(server, tmp_path) as rig, Session(rig) as session:
            code = b"G21\nG4 P300\nG4 P300\nM0\nG4 P300\n"
            (tmp_path / "wall.gcode").write_bytes(code)
            wanted = json.dumps({"gcode": "wall.gcode", "sha256": hashlib.sha256(code).hexdigest()})
            task = replace(rig.short("a"), payload=wanted)
            (tmp_path / "wall.gcode").write_bytes(code)
            running = await session.begin(Order(task, 1))
            await session.until(Mode.PAUSED)
            await rig.robot.resume(1)
            assert (await running).outcome is Outcome.DONE

    run(scenario())


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        ('{"gcode": "wall.gcode", "sha256": "00"}', "not the file that was approved"),
        ('{"gcode": "../memory/name", "sha256": "00"}', "no G-code"),
        ('{"gcode": "none.gcode", "sha256": "00"}', "no G-code"),
        ("{}", "no G-code"),
        ("", "no G-code"),
    ],
)
def test_a_file_that_was_not_approved_is_not_printed(
    payload: str, words: str, server: PrintServer, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with opened(server, tmp_path) as rig, Session(rig):
            task = replace(rig.short("a"), payload=payload)
            with pytest.raises(Refused, match=words):
                await rig.robot.execute(Order(task, 1), lambda done: None)
            assert rig.effects() == []

    run(scenario())


def test_a_wrong_key_is_a_fault_and_stands_in_no_log(
    server: PrintServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = PrintServer(server.url, "swordfish-swordfish-swordfish")
    caplog.set_level(logging.DEBUG)

    async def scenario() -> None:
        machine, heard = PrinterMachine(wrong, tmp_path, "n"), asyncio.Event()
        asking = asyncio.create_task(machine.run(heard.set))
        await heard.wait()
        assert machine.report.fault
        assert "403" in machine.report.errors[0].en
        asking.cancel()

    run(scenario())
    assert "swordfish" not in caplog.text + repr(wrong)


def test_a_server_that_is_away_is_unreachable_not_done(tmp_path: Path) -> None:
    async def scenario() -> None:
        machine = PrinterMachine(PrintServer("http://127.0.0.1:1", "k"), tmp_path, "n")
        asking = asyncio.create_task(machine.run(lambda: None))
        await asyncio.sleep(0)
        assert not machine.report.reachable
        asking.cancel()

    run(scenario())


def test_a_key_goes_over_tls_or_stays_on_this_machine() -> None:
    with pytest.raises(BadInput, match="https"):
        PrintServer("http://printer.site", "k")
    assert PrintServer("https://printer.site", "k")


def test_what_is_left_is_told_by_the_plans_own_times() -> None:
    plan = plan_print([wall(4, 0.2, 0.4)], read_profile("virtual"))
    code = gcode(plan).encode()
    marks = milestones(code)
    assert len(marks.at_bytes) == len(plan.layers)
    assert marks.left_s(0) == pytest.approx(plan.time_s, abs=1.0)
    lefts = [marks.left_s(byte) for byte in range(0, len(code), 7)]
    assert lefts == sorted(lefts, reverse=True)
    assert marks.left_s(len(code)) == pytest.approx(0.0, abs=1.0)
    assert marks.share(marks.at_bytes[10]) == pytest.approx(0.5)
    assert milestones(b"G1 X1\n").left_s(3) == 0.0
