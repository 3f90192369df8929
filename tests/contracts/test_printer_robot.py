"""A printer behind a real OctoPrint obeys the contract."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from robots.printer import PrintServer, printer_robot
from robots.robot import Profile, Robot
from robots.tasks import Kind, TaskSpec
from tests.contracts.robot_contract import Rig, RobotContract, spec
from tests.robots.octoprint_server import octoprint

PRINTER = Profile(
    "p1", "Printer 1", "printer", "octoprint", frozenset({"nozzle"}), frozenset({Kind.PRINT}), certified_stop=True
)


@pytest.fixture(scope="module")
def server() -> Iterator[PrintServer]:
    with octoprint() as running:
        yield running


def gcode_of(seconds: float) -> bytes:
    """A job of layers that each stand still for a while: the virtual printer's own moves are too quick to time."""
    layers = [f";LAYER:{n}\n;TIME:{n * 0.1:.1f}\nG1 X{n} Y0 F6000\nG4 P100" for n in range(round(10 * seconds))]
    return "\n".join([f"; test, {len(layers)} layers, 1.00 m, {seconds:.0f} s", "G21", "G90", *layers, ""]).encode()


class PrinterRig:
    def __init__(self, server: PrintServer, robot: Robot, folder: Path) -> None:
        self.robot, self.server, self.folder = robot, server, folder
        self.before = self.printed()

    def short(self, task_id: str) -> TaskSpec:
        return self._task(task_id, 1.2)

    def long(self, task_id: str) -> TaskSpec:
        return self._task(task_id, 600.0)

    def effects(self) -> list[tuple[str, int]]:
        return [("a", 0)] * (self.printed() - self.before)

    def _task(self, task_id: str, seconds: float) -> TaskSpec:
        code = gcode_of(seconds)
        (self.folder / "wall.gcode").write_bytes(code)
        wanted = json.dumps({"gcode": "wall.gcode", "sha256": hashlib.sha256(code).hexdigest()})
        return replace(spec(task_id, "nozzle", seconds), kind=Kind.PRINT, payload=wanted)

    def printed(self) -> int:
        """How many prints the server itself says were finished, of all files."""
        files: Any = self.api("GET", "/api/files/local").json()["files"]
        return sum(file.get("prints", {}).get("success", 0) for file in files)

    def api(self, method: str, path: str, **content: Any) -> httpx.Response:
        key = {"X-Api-Key": self.server.api_key}
        return httpx.request(method, self.server.url + path, headers=key, timeout=10.0, **content)

    async def rest(self) -> None:
        """The printer is idle again, whatever a test left it at."""
        while (state := self.api("GET", "/api/job").json()["state"]) != "Operational":
            if state in ("Printing", "Paused"):
                self.api("POST", "/api/job", json={"command": "cancel"})
            await asyncio.sleep(0.1)


class TestPrinter(RobotContract):
    @pytest.fixture(autouse=True)
    def _with_server(self, server: PrintServer) -> None:
        self.server = server

    def open(self, folder: Path) -> AbstractAsyncContextManager[Rig]:
        return opened(self.server, folder)


@asynccontextmanager
async def opened(server: PrintServer, folder: Path) -> AsyncIterator[PrinterRig]:
    async with printer_robot(PRINTER, server, folder, folder / "memory") as robot:
        rig = PrinterRig(server, robot, folder)
        try:
            yield rig
        finally:
            await rig.rest()
