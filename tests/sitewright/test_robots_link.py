"""The orchestrator and a real server: what people asked for while it was away, and what it tells of it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from bim.verdict import Reason
from robots.orchestrator import Orchestrator
from robots.robot import Profile
from robots.simulated.robot import SimulatedRobot
from robots.tasks import Kind, Target, TaskSpec, TaskState
from robots.wire import task_json
from sitewright.robots_link import robots_link
from tests.web.test_serve import PASSWORD, Running, running

WHY, DANGER = {"en": "It is due.", "zh": "已到期。"}, {"en": "A crack in the slab.", "zh": "楼板有裂缝。"}
MARK = TaskSpec("mark", Kind.LAYOUT, Reason("Mark", "放样"), (Target(1.0, 0.0, 0.0, 0.0),), "marker", 0.005, 0.1)
ROVER = Profile("r1", "Rover", "rover", "simulated", frozenset({"marker"}), frozenset(Kind), certified_stop=True)


class Desk:
    """A site at a server: a manager's client, and a token for the robots."""

    def __init__(self, server: Running) -> None:
        self.server = server
        self.site = server.client.post("/sites", json={"name": "Site"}).json()["site_id"]
        wanted = {"name": "robots", "scopes": ["read", "ingest"], "site_id": self.site}
        self.token = server.client.post("/tokens", json=wanted).json()["token"]

    async def send(self, method: str, path: str, token: str = "", **what: Any) -> Any:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        address = f"/sites/{self.site}/{path}"
        answer = await asyncio.to_thread(self.server.client.request, method, address, headers=headers, **what)
        return answer.raise_for_status().json()

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
