"""What the robots do, told to the server; what people ask of them there, told to the orchestrator.

The server may be away for any time: of each task, robot and stop the newest word is kept and sent when it is back, and
at each start everything that is not over is told again from the journal. Each word says all of its subject, so that
saying it twice changes nothing. Stops that people request at the server come this way; those of watchers never do.
"""

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import httpx

from bim.errors import SitewrightError
from bim.verdict import Reason
from robots.orchestrator import Orchestrator
from robots.roster import Sighting
from robots.stop import Scope, Stop
from robots.tasks import OVER, Task
from robots.wire import reason_json, state_json, stop_json, task_json

SEND_EVERY_S = 0.5
RETRY_S = 2.0
TIMEOUT_S = 10.0
STATES_AT_ONCE = 1000
NEWEST_STOPS, TASKS_AT_ONCE = 200, 1000
ASKED_IN = ("proposed", "approved", "queued", "assigned", "running", "paused")
"""States of tasks of which people may ask something."""
SAME_IN_PATH = ("stop_id", "released_by", "released_at")
log = logging.getLogger(__name__)


@contextlib.asynccontextmanager
async def robots_link(orchestrator: Orchestrator, url: str, token: str) -> AsyncIterator[Callable[[str, Any], None]]:
    """What to call with each change. `url` is that of the site in the API."""
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=TIMEOUT_S) as client:
        link = RobotsLink(orchestrator, client, url)
        jobs = [asyncio.create_task(link.send()), asyncio.create_task(link.listen())]
        try:
            yield link.tell
        finally:
            for job in jobs:
                job.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)


class RobotsLink:
    """The words that wait, and the commands that come."""

    def __init__(self, orchestrator: Orchestrator, client: httpx.AsyncClient, url: str) -> None:
        self._orchestrator, self._client, self._url = orchestrator, client, url
        self._waiting: dict[str, Any] = {}
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
                        newest = number or newest
            await asyncio.sleep(RETRY_S)

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

    async def _get(self, path: str, query: Mapping[str, str | int]) -> list[Mapping[str, Any]]:
        answer = await self._client.get(f"{self._url}/{path}", params=query)
        found: list[Mapping[str, Any]] = answer.raise_for_status().json()["items"]
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
            sightings, now_s = self._orchestrator.sightings, asyncio.get_running_loop().time()
            return task_json(value, self._orchestrator.dispatcher.why(value, sightings, now_s))
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
        return body | {"errors": body["errors"] + ([reason_json(value.distrust)] if value.distrust else [])}

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
