"""What the robots do, told to the server; what people ask of them there, told to the orchestrator.

The server may be away for any time: of each task, robot and stop the newest word is kept and sent when it is back, and
at each start everything that is not over is told again from the journal. Each word says all of its subject, so that
saying it twice changes nothing. Stops that people request at the server come this way; those of watchers never do. What
the server's comparisons find built comes this way too, whenever one is done and after either was away.
"""

import asyncio
import contextlib
import datetime as dt
import json
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import httpx

from bim.errors import SitewrightError
from bim.verdict import Reason, State
from robots.now import utc
from robots.orchestrator import Orchestrator
from robots.roster import Sighting
from robots.stop import Scope, Stop
from robots.tasks import OVER, Task, TaskState
from robots.wire import reason_json, state_json, stop_json, task_json

SEND_EVERY_S = 0.5
RETRY_S = 2.0
EXPLAIN_EVERY_S = 5.0
TIMEOUT_S = 10.0
STATES_AT_ONCE = 1000
NEWEST_STOPS, TASKS_AT_ONCE, ELEMENTS_AT_ONCE = 200, 1000, 1000
ASKED_IN = ("proposed", "approved", "queued", "assigned", "running", "paused")
"""States of tasks of which people may ask something."""
BRINGS_NEWS = ("compare", "read_model", "import")
"""Jobs of the server after which other elements may stand, or be in the model."""
SAME_IN_PATH = ("stop_id", "released_by", "released_at")
log = logging.getLogger(__name__)


@contextlib.asynccontextmanager
async def robots_link(
    orchestrator: Orchestrator, url: str, token: str, *, learns: bool = True
) -> AsyncIterator[Callable[[str, Any], None]]:
    """What to call with each change. `url` is that of the site in the API; `learns`: what stands, the server says."""
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=TIMEOUT_S) as client:
        link = RobotsLink(orchestrator, client, url, learns)
        loops = (link.send, link.listen, link.learn, link.explain)
        jobs = [asyncio.create_task(loop()) for loop in loops]
        try:
            yield link.tell
        finally:
            for job in jobs:
                job.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)


class RobotsLink:
    """The words that wait, and the commands that come."""

    def __init__(self, orchestrator: Orchestrator, client: httpx.AsyncClient, url: str, learns: bool) -> None:
        self._orchestrator, self._client, self._url, self._learns = orchestrator, client, url, learns
        self._waiting: dict[str, Any] = {}
        self._reasons: dict[str, Reason | None] = {}
        """Why each task waits, as it was told last."""
        self._news = asyncio.Event()
        for task in orchestrator.dispatcher.tasks.values():
            if task.state not in OVER:
                self.tell("task", task)
        for stop in orchestrator.stopping.stops.values():
            self.tell("stop", stop)

    def tell(self, what: str, value: Any) -> None:
        """Keep the newest word on a subject until it is sent."""
        match value:
            case Task():
                self._waiting[f"robot-tasks/{value.spec.task_id}"] = value
            case Stop():
                self._waiting[f"stop/{value.stop_id}"] = value
            case Sighting():
                self._waiting[f"robots/{value.state.robot_id}"] = value

    async def send(self) -> None:
        """Again and again; what fails is kept, what the server refuses is logged and dropped."""
        while True:
            await asyncio.sleep(SEND_EVERY_S)
            words, self._waiting = self._waiting, {}
            sent: set[str] = set()
            try:
                await self._send_states(words, sent)
                for path, value in words.items():
                    if path not in sent:
                        await self._post("PUT", path, self._body(value))
                        sent.add(path)
            except httpx.HTTPError as error:
                log.info("the server is away: %s", type(error).__name__)
                self._waiting = {path: v for path, v in words.items() if path not in sent} | self._waiting
                await asyncio.sleep(RETRY_S)

    async def listen(self) -> None:
        """Commands of people, as server-sent events."""
        newest = ""
        while True:
            with contextlib.suppress(httpx.HTTPError):
                headers = {"Last-Event-ID": newest} if newest else {}
                timeout = httpx.Timeout(TIMEOUT_S, read=60.0)
                async with self._client.stream(
                    "GET", f"{self._url}/events", headers=headers, timeout=timeout
                ) as events:
                    events.raise_for_status()
                    await self._catch_up()
                    async for name, data, number in _events(events):
                        await self._obey(name, data)
                        if name == "job.updated" and data.get("task") in BRINGS_NEWS and data.get("state") == "done":
                            self._news.set()
                        newest = number or newest
            await asyncio.sleep(RETRY_S)

    async def learn(self) -> None:
        """What stands, after each comparison; a site without a model says nothing."""
        while self._learns:
            await self._news.wait()
            self._news.clear()
            try:
                elements = await self._elements()
            except httpx.HTTPError:
                self._news.set()
                await asyncio.sleep(RETRY_S)
                continue
            if elements:
                built = [e["global_id"] for e in elements if e["verdict"] and e["verdict"]["state"] == State.BUILT]
                await self._orchestrator.know(verified=built, elements=[e["global_id"] for e in elements])

    async def explain(self) -> None:
        """Why a task waits may change though the task does not: it is told again."""
        while True:
            await asyncio.sleep(EXPLAIN_EVERY_S)
            for task_id, task in self._orchestrator.dispatcher.tasks.items():
                if task.state is TaskState.QUEUED and self._why(task) != self._reasons.get(task_id):
                    self.tell("task", task)

    async def _catch_up(self) -> None:
        """What people asked for while nobody listened: stops and releases, then commands that no task shows yet."""
        stops = self._orchestrator.stopping.stops
        for stop in await self._get("stop", {"limit": NEWEST_STOPS}):
            if stop["released_by"] is None:
                await self._obey("stop.requested", stop)
            elif (known := stops.get(stop["stop_id"])) and known.latched:
                await self._obey("stop.released", stop)
        for state in ASKED_IN:
            for task in await self._get("robot-tasks", {"state": state, "limit": TASKS_AT_ONCE}):
                if task["asked"]:
                    await self._obey(f"robot_task.{task['asked']}", {**task, "by": task["asked_by"]})
        self._news.set()

    async def _elements(self) -> list[Mapping[str, Any]]:
        """What stands by all comparisons together, and what the models hold."""
        elements: list[Mapping[str, Any]] = []
        query: dict[str, str | int] = {"limit": ELEMENTS_AT_ONCE}
        while True:
            found = await self._page("elements", query)
            elements += found["items"]
            if found["next"] is None:
                return elements
            query["cursor"] = found["next"]

    async def _get(self, path: str, query: Mapping[str, str | int]) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = (await self._page(path, query))["items"]
        return found

    async def _page(self, path: str, query: Mapping[str, str | int]) -> Mapping[str, Any]:
        answer = await self._client.get(f"{self._url}/{path}", params=query)
        found: Mapping[str, Any] = answer.raise_for_status().json()
        return found

    async def _send_states(self, words: Mapping[str, Any], sent: set[str]) -> None:
        paths = [path for path, value in words.items() if isinstance(value, Sighting)][:STATES_AT_ONCE]
        if paths:
            await self._post("POST", "robots/states", [self._body(words[path]) for path in paths])
            sent.update(paths)

    async def _post(self, method: str, path: str, body: Any) -> None:
        answer = await self._client.request(method, f"{self._url}/{path}", json=body)
        if answer.is_server_error or answer.status_code in (401, 429):
            answer.raise_for_status()
        if answer.is_client_error:
            log.warning("the server refused %s: %s", path, answer.text[:200])

    def _body(self, value: Any) -> dict[str, Any]:
        if isinstance(value, Task):
            reason = self._reasons[value.spec.task_id] = self._why(value)
            return task_json(value, reason)
        if isinstance(value, Stop):
            told = {name: v for name, v in stop_json(value).items() if name not in SAME_IN_PATH}
            return told | {"ref": value.ref or None}
        dispatcher, state = self._orchestrator.dispatcher, value.state
        profile = dispatcher.fleet[state.robot_id]
        body = state_json(
            state,
            name=profile.name,
            kind=profile.kind,
            adapter=profile.adapter,
            zones=dispatcher.world.allocation.of(state.robot_id),
        )
        troubles = (value.distrust, dispatcher.unsent.get(state.robot_id))
        age = dt.timedelta(seconds=asyncio.get_running_loop().time() - value.heard_s)
        return body | {
            "at": (utc() - age).isoformat(),  # when it was heard: the robot's own clock may jump
            "errors": body["errors"] + [reason_json(trouble) for trouble in troubles if trouble],
        }

    def _why(self, task: Task) -> Reason | None:
        sightings, now_s = self._orchestrator.sightings, asyncio.get_running_loop().time()
        return self._orchestrator.dispatcher.why(task, sightings, now_s)

    async def _obey(self, name: str, data: Mapping[str, Any]) -> None:
        """One command. One that comes too late is no longer possible, and is logged."""
        orchestrator, by = self._orchestrator, str(data.get("by") or "server")
        try:
            match name:
                case "robot_task.approved":
                    await orchestrator.approve(data["task_id"], by)
                case "robot_task.cancelled":
                    await orchestrator.cancel(data["task_id"], by)
                case "robot_task.paused":
                    await orchestrator.pause(data["task_id"], by)
                case "robot_task.resumed":
                    await orchestrator.resume(data["task_id"], by)
                case "stop.requested":
                    reason = Reason(data["reason"]["en"], data["reason"]["zh"])
                    scope, requested_by = Scope(data["scope"]), data["requested_by"]
                    orchestrator.stop(data["stop_id"], scope, data["ref"] or "", reason, requested_by)
                case "stop.released":
                    orchestrator.stopping.release(data["stop_id"], data["released_by"])
        except (SitewrightError, KeyError, TypeError, ValueError) as error:
            log.warning("%s was not obeyed: %s", name, error)


async def _events(answer: httpx.Response) -> AsyncIterator[tuple[str, Mapping[str, Any], str]]:
    """Name, data and id of each server-sent event (WHATWG HTML, 9.2)."""
    fields: dict[str, str] = {}
    async for line in answer.aiter_lines():
        name, _, value = line.partition(":")
        if line:
            fields[name] = fields["data"] + value if name == "data" and "data" in fields else value.removeprefix(" ")
            continue
        with contextlib.suppress(ValueError):
            data = json.loads(fields.get("data", ""))
            if isinstance(data, dict):
                yield fields.get("event", ""), data, fields.get("id", "")
        fields = {}
