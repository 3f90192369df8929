"""Robot over OctoPrint's own API: a printer that gets a G-code file, starts, pauses, goes on, cancels, and prints once.

A print task's payload is JSON: `{"gcode": "wall.gcode", "sha256": "…"}`, a file of the adapter's folder.
On the server a job is a file of a name of its own, and the server keeps how often each file was printed and how that
ended: by it a job is recognised after a lost link, a restart of the adapter or one of the server.
"""

import asyncio
import hashlib
import json
import re
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from bim.errors import BadInput
from bim.verdict import Reason
from robots.attended import AttendedRobot, Job, Report
from robots.printer_progress import Milestones, milestones
from robots.robot import CALL_S, LinkLost, Outcome, Profile, Refused

POLL_S = 0.25
UPLOAD_S = 60.0
LARGEST_BYTES = 256 << 20
LOOPBACK = ("127.0.0.1", "::1", "localhost")
AT_WORK = ("Starting", "Printing", "Resuming", "Pausing", "Finishing", "Cancelling")
JSON = dict[str, Any]


@dataclass(frozen=True, slots=True)
class PrintServer:
    """Where an OctoPrint is. The key appears in no text of this object, and goes over TLS or to this machine alone."""

    url: str
    api_key: str = field(repr=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
            raise BadInput(f"a print server at {parts.scheme}://{parts.hostname}", "https, or this machine", "use TLS")

    def client(self) -> httpx.AsyncClient:
        """A client with the key in its header."""
        return httpx.AsyncClient(base_url=self.url, headers={"X-Api-Key": self.api_key}, timeout=CALL_S)


def printer_robot(profile: Profile, server: PrintServer, gcode_folder: Path, folder: Path) -> AttendedRobot:
    """A printer as a Robot; `folder` keeps its orders. Use as `async with`."""
    return AttendedRobot(profile, PrinterMachine(server, gcode_folder, _name_of(folder)), folder)


def _name_of(folder: Path) -> str:
    """What tells this adapter's jobs from others' on the same server, drawn once."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "name"
    if not file.exists():
        file.write_text(uuid.uuid4().hex[:12], encoding="ascii")
    return file.read_text(encoding="ascii")


class PrinterMachine:
    """One OctoPrint: robots.attended.Machine."""

    def __init__(self, server: PrintServer, gcode_folder: Path, name: str) -> None:
        self._server, self._folder, self._name = server, gcode_folder, name
        self._report = Report()
        self._job: Job | None = None
        self._milestones = Milestones((), (), 0.0)
        self._asked_to_hold = False
        self._cancelled = ""
        self._client = server.client()
        self._asking = asyncio.Lock()
        self.position_bytes = 0
        """How far in the file the printer is."""

    @property
    def report(self) -> Report:
        """The newest."""
        return self._report

    @property
    def left_s(self) -> float:
        """What is left of the job by the plan's own times, not by the server's guess."""
        return self._milestones.left_s(self.position_bytes)

    async def run(self, changed: Callable[[], None]) -> None:
        """Ask again and again, whatever happens to the server."""
        try:
            while True:
                before = self._report
                await self._refresh()
                if self._report != before:
                    changed()
                await asyncio.sleep(POLL_S)
        finally:
            await self._client.aclose()

    async def begin(self, job: Job) -> None:
        """Upload, select, start, and see that it is this file that is printed."""
        code = self._gcode(job)
        status = await self._get("/api/job")
        if not status["state"].startswith("Operational"):
            raise Refused(f"the printer is {status['state']}", "Operational", "wait, or look at the printer")
        self._job, self._cancelled, self._asked_to_hold = job, "", False
        self._milestones = milestones(code)
        files = {"file": (self._file(job.job_id), code, "application/octet-stream")}
        await self._post("/api/files/local", files=files, data={"select": "true"}, timeout=UPLOAD_S)
        await self._post("/api/job", json={"command": "start"})
        try:
            async with asyncio.timeout(CALL_S):
                while self._report.job_id != job.job_id:
                    await asyncio.sleep(POLL_S / 4)
                    await self._refresh()
        except TimeoutError:
            raise LinkLost("the printer did not start", "its state", "look at the printer") from None

    def adopt(self, job: Job) -> None:
        """Look for this job on the server; nothing is known until that was done."""
        self._job, self._report = job, replace(self._report, reachable=False)

    async def hold(self) -> None:
        """Pause."""
        self._asked_to_hold = True
        await self._post("/api/job", json={"command": "pause", "action": "pause"}, unless=409)

    async def go_on(self) -> None:
        """Resume, and see that it does."""
        async with self._asking:  # what was asked before must not be believed after
            await self._post("/api/job", json={"command": "pause", "action": "resume"}, unless=409)
            try:
                async with asyncio.timeout(CALL_S):
                    while (await self._get("/api/job"))["state"] == "Paused":
                        await asyncio.sleep(POLL_S / 4)
            except TimeoutError:
                raise LinkLost("the printer did not go on", "its state", "look at the printer") from None
            self._asked_to_hold = False
        await self._refresh()

    async def abort(self, job_id: str) -> None:
        """Cancel."""
        if self._cancelled != job_id:
            self._cancelled = job_id
            await self._post("/api/job", json={"command": "cancel"}, unless=409)

    # --- What it says -------------------------------------------------------------------------------------------------

    async def _refresh(self) -> None:
        async with self._asking:
            try:
                status = await self._get("/api/job")
                self._report = self._of(status, *await self._known(status))
            except LinkLost:
                self._report = replace(self._report, reachable=False, stands=False)
            except Refused as refusal:
                said = Reason(f"The print server refuses: {refusal.found}.", f"打印服务器拒绝：{refusal.found}。")
                self._report = Report(reachable=True, fault=True, errors=(said,))

    async def _known(self, status: JSON) -> tuple[str, Outcome | None]:
        """Whether the job is in hand or was, and how it ended: by its file on the server."""
        job = self._job
        if job is None:
            return "", None
        file = self._file(job.job_id)
        if status["state"].startswith((*AT_WORK, "Paused")):
            return (job.job_id, None) if status["job"]["file"]["name"] == file else ("", None)
        found = await self._get(f"/api/files/local/{file}", missing={})
        prints = found.get("prints", {})
        if prints.get("success"):
            return job.job_id, Outcome.DONE
        if prints.get("failure"):
            return job.job_id, Outcome.CANCELLED if self._cancelled == job.job_id else Outcome.FAILED
        return "", None

    def _of(self, status: JSON, job_id: str, outcome: Outcome | None) -> Report:
        state = str(status["state"])
        self.position_bytes = int(status["progress"].get("filepos") or 0)
        trouble = not state.startswith((*AT_WORK, "Paused", "Operational"))
        said = Reason(f"The printer is {state}.", f"打印机状态：{state}。")
        targets = len(self._job.spec.targets) if self._job and job_id else 0
        return Report(
            reachable=True,
            stands=not state.startswith(AT_WORK),
            waits=state == "Paused" and not self._asked_to_hold,
            job_id=job_id,
            outcome=outcome,
            targets_done=int(targets * self._milestones.share(self.position_bytes)) if outcome is None else 0,
            reason=Reason("The print failed.", "打印失败。") if outcome is Outcome.FAILED else None,
            fault=trouble,
            errors=(said,) if trouble else (),
        )

    def _file(self, job_id: str) -> str:
        """The job's own file on the server."""
        return f"{self._name}-{hashlib.sha256(job_id.encode()).hexdigest()[:24]}.gcode"

    def _gcode(self, job: Job) -> bytes:
        """The job's G-code. Raises Refused for a file that is not there, or is not the one that was meant."""
        try:
            wanted = json.loads(job.spec.payload)
            name, sha256 = str(wanted["gcode"]), str(wanted["sha256"])
            if not re.fullmatch(r"[\w.-]+\.gcode", name):
                raise ValueError(f"the name {name!r}")
            path = self._folder / name
            if path.stat().st_size > LARGEST_BYTES:
                raise ValueError(f"{name} is larger than {LARGEST_BYTES} bytes")
            code = path.read_bytes()
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise Refused(
                f"no G-code for {job.job_id} ({error})", "a file and its SHA-256", "slice it again"
            ) from error
        if hashlib.sha256(code).hexdigest() != sha256:
            raise Refused(f"{name} is not the file that was approved", f"SHA-256 {sha256[:12]}…", "slice it again")
        return code

    # --- HTTP -------------------------------------------------------------------------------------------------------

    async def _get(self, path: str, missing: JSON | None = None) -> JSON:
        answer = await self._asked(self._client.get(path))
        if answer.status_code == 404 and missing is not None:
            return missing
        _accept(answer, path)
        found: JSON = answer.json()
        return found

    async def _post(self, path: str, *, unless: int = 0, **content: Any) -> None:
        """`unless` is the status that says that there is nothing to do."""
        answer = await self._asked(self._client.post(path, **content))
        if answer.status_code != unless:
            _accept(answer, path)

    async def _asked(self, request: Awaitable[httpx.Response]) -> httpx.Response:
        try:
            return await request
        except httpx.HTTPError as error:
            raise LinkLost(f"the print server ({type(error).__name__})", "an answer", "wait for its link") from error


def _accept(answer: httpx.Response, path: str) -> None:
    """Raises Refused for what the server will not do, LinkLost for what it cannot do now."""
    if answer.status_code >= 500:
        raise LinkLost(f"the print server has a fault ({answer.status_code})", "an answer", "look at its log")
    if answer.status_code >= 400:
        raise Refused(f"{path} ({answer.status_code})", "what the server accepts", "check the key and the printer")
