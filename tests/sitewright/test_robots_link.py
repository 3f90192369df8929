"""The orchestrator and a real server: what people asked for while it was away, and what it tells of it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bim.ifc import read_building
from bim.verdict import Reason
from robots.orchestrator import Orchestrator
from robots.robot import Profile
from robots.simulated.robot import SimulatedRobot
from robots.tasks import Kind, Target, TaskSpec, TaskState
from robots.wire import task_json
from sitewright.robots_link import robots_link
from tests.web.people import OFFSET
from tests.web.test_cluster import room
from tests.web.test_serve import PASSWORD, Running, running

__all__ = ["room"]

WHY, DANGER = {"en": "It is due.", "zh": "已到期。"}, {"en": "A crack in the slab.", "zh": "楼板有裂缝。"}
MARK = TaskSpec("mark", Kind.LAYOUT, Reason("Mark", "放样"), (Target(1.0, 0.0, 0.0, 0.0),), "marker", 0.005, 0.1)
ROVER = Profile("r1", "Rover", "rover", "simulated", frozenset({"marker"}), frozenset(Kind), certified_stop=True)


class Desk:
    """A site at a server: a manager's client, and a token for the robots."""

    def __init__(self, server: Running) -> None:
        self.server = server
        self.site = server.client.post("/sites", json={"name": "Site"}).json()["site_id"]
        self.path = f"/api/v1/sites/{self.site}"
        wanted = {"name": "robots", "scopes": ["read", "ingest"], "site_id": self.site}
        self.token = server.client.post("/tokens", json=wanted).json()["token"]

    async def send(self, method: str, path: str, token: str = "", **what: Any) -> Any:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        address = f"/sites/{self.site}/{path}"
        answer = await asyncio.to_thread(self.server.client.request, method, address, headers=headers, **what)
        return answer.raise_for_status().json()

    async def upload(self, path: Path) -> str:
        def send() -> str:
            client, content = self.server.client, path.read_bytes()
            begun = client.post(f"/sites/{self.site}/uploads", headers={"Upload-Length": str(len(content))})
            where = begun.raise_for_status().headers["location"].removeprefix("/api/v1")
            client.patch(where, content=content, headers=OFFSET | {"Upload-Offset": "0"}).raise_for_status()
            return str(begun.json()["upload_id"])

        return await asyncio.to_thread(send)

    async def stop(self, stop_id: str) -> dict[str, Any]:
        (found,) = [each for each in (await self.send("GET", "stop"))["items"] if each["stop_id"] == stop_id]
        return dict(found)


@pytest.fixture
def desk(tmp_path: Path) -> Any:
    with running(tmp_path) as server:
        server.sign_in("/setup", secret=server.first_link(), name="Li", email="li@example.org", password=PASSWORD)
        yield Desk(server)


@contextlib.asynccontextmanager
async def orchestrator(folder: Path, told: Sequence[Callable[[str, Any], None]] = ()) -> AsyncIterator[Orchestrator]:
    robot = SimulatedRobot(ROVER, folder / "r1", lambda task, target: None)
    made = Orchestrator(folder, [ROVER], {"r1": robot}, report=lambda *what: [tell(*what) for tell in told])
    working = asyncio.create_task(made.run())
    try:
        yield made
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.05)


def test_what_was_asked_while_nobody_listened_is_done(desk: Desk, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with orchestrator(tmp_path / "robots") as site:
            await site.submit(MARK, Reason(**WHY))
            await desk.send("PUT", "robot-tasks/mark", desk.token, json=task_json(site.dispatcher.tasks["mark"], None))
            await desk.send("POST", "robot-tasks/mark/approve", json={})
            await desk.send("POST", "stop", json={"scope": "site", "reason": DANGER, "stop_id": "crack"})
            url = f"{desk.server.address}/api/v1/sites/{desk.site}"
            async with robots_link(site, url, desk.token):
                await until(lambda: "crack" in site.stopping.stops and not site.stopping.stops["crack"].silent)
                await until(lambda: site.dispatcher.tasks["mark"].state is TaskState.QUEUED)
            assert site.stopping.stops["crack"].reason.zh == DANGER["zh"]
            await desk.send("POST", "stop/crack/release")
            async with robots_link(site, url, desk.token):
                await until(lambda: site.dispatcher.tasks["mark"].state is TaskState.DONE)
            assert site.stopping.stops["crack"].released_by == "Li"

    asyncio.run(scenario())


def test_the_server_shows_which_robots_stand(desk: Desk, tmp_path: Path) -> None:
    async def scenario() -> None:
        told: list[Callable[[str, Any], None]] = []
        async with orchestrator(tmp_path / "robots", told) as site:
            url = f"{desk.server.address}/api/v1/sites/{desk.site}"
            await desk.send("POST", "stop", json={"scope": "site", "reason": DANGER, "stop_id": "crack"})
            async with robots_link(site, url, desk.token) as tell:
                told.append(tell)
                async with asyncio.timeout(60):
                    while not (await desk.stop("crack"))["confirmations"].get("r1"):
                        await asyncio.sleep(0.1)

    asyncio.run(scenario())


def test_a_robot_whose_clock_is_set_back_is_shown_as_it_is_now(desk: Desk, tmp_path: Path) -> None:
    async def scenario() -> None:
        told: list[Callable[[str, Any], None]] = []
        async with orchestrator(tmp_path / "robots", told) as site:
            robot = site._robots["r1"]
            assert isinstance(robot, SimulatedRobot)
            async with robots_link(site, f"{desk.server.address}{desk.path}", desk.token) as tell:
                told.append(tell)
                await until_shown(lambda robots: robots != [])
                robot._say = partial(clock_of_1999, robot, robot._say)  # type: ignore[method-assign]
                robot._drain(7_200.0)
                await until_shown(lambda robots: robots[0]["battery"] == 0.5)

    async def until_shown(holds: Callable[[list[dict[str, Any]]], bool]) -> None:
        async with asyncio.timeout(60):
            while not holds((await desk.send("GET", "robots"))["items"]):
                await asyncio.sleep(0.1)

    asyncio.run(scenario())


def clock_of_1999(robot: SimulatedRobot, say: Callable[..., None], **what: Any) -> None:
    say(**what)
    robot._state = replace(robot._state, at=robot._state.at.replace(year=1999))


def test_what_a_comparison_of_the_server_finds_built_opens_the_gates_also_after_being_away(
    desk: Desk, room: Path, tmp_path: Path
) -> None:
    names = {each.name: each.global_id for each in read_building([room / "model.ifc"]).elements}
    on_wall, on_nothing = (
        replace(MARK, task_id=name, after_elements=(names[wall],))
        for name, wall in (("on wall", "Wall 0"), ("on nothing", "Wall 4"))
    )

    async def done(folder: Path) -> None:
        """The one that stands on a wall is done, and the one for which no wall stands waits and says so."""
        async with orchestrator(folder) as site, robots_link(site, f"{desk.server.address}{desk.path}", desk.token):
            for task in (on_wall, on_nothing):
                await site.submit(task, Reason(**WHY), "Li")
            await compared()
            await until(lambda: site.dispatcher.tasks["on wall"].state is TaskState.DONE)
            waits = site.dispatcher.why(site.dispatcher.tasks["on nothing"], site.sightings, 0.0)
            assert waits
            assert f"No scan has verified {names['Wall 4']}" in waits.en

    async def compared() -> None:
        """Ask for the comparison, once."""
        if (await desk.send("GET", "comparisons"))["items"]:
            return
        stations = await desk.upload(room / "stations.csv")
        scan = {"name": "S", "upload_id": await desk.upload(room / "scan.laz"), "taken_at": "2026-05-01T16:00:00Z"}
        scan_id = (await desk.send("POST", "scans", json=scan | {"stations_upload_id": stations}))["scan_id"]
        identity = [[float(row == column) for column in range(4)] for row in range(4)]
        await desk.send("POST", "comparisons", json={"scan_ids": [scan_id], "T_site_scan": identity})

    async def scenario() -> None:
        await desk.send("POST", "models", json={"name": "M", "upload_id": await desk.upload(room / "model.ifc")})
        async with asyncio.timeout(60):
            while not (await desk.send("GET", "elements"))["items"]:
                await asyncio.sleep(0.1)
        await done(tmp_path / "there")
        await done(tmp_path / "was away")

    asyncio.run(scenario())


def test_the_server_shows_why_a_task_waits_now_not_why_it_waited_first(desk: Desk, tmp_path: Path) -> None:
    async def shows(words: str) -> None:
        async with asyncio.timeout(60):
            while words not in str((await desk.send("GET", "robot-tasks/mark")).get("waits_for")):
                await asyncio.sleep(0.2)

    async def scenario() -> None:
        async with orchestrator(tmp_path / "robots") as site:
            await site.submit(replace(MARK, permits=("drilling",), zones=("lobby",)), Reason(**WHY), "Li")
            await site.requeue("mark", "Li")
            async with robots_link(site, f"{desk.server.address}{desk.path}", desk.token):
                async with asyncio.timeout(60):
                    while not (await desk.send("GET", "robot-tasks"))["items"]:
                        await asyncio.sleep(0.2)
                await shows("The permit drilling is not given")
                await site.know(permits=["drilling"])
                await shows("There is no zone lobby")

    asyncio.run(scenario())
