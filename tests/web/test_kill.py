"""kill -9 of the server or the worker at any moment loses nothing that was acknowledged and does nothing twice."""

import contextlib
import os
import random
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import httpx
from sqlmodel import Session, func, select

from tests.web.people import HERE, Crowd
from web.database import open_database, reading, writing
from web.jobs import enqueue
from web.settings import ServerSettings
from web.tables import Audit, Issue, Job, ProgressRecord, Schedule

ROOT = Path(__file__).parents[2]
KILLS = int(os.environ.get("SITEWRIGHT_TEST_KILLS", "90"))
"""Of the worker on each database, and half as many of the server, half of those as it starts; raise it for more."""
PLAN = "ID,Name,Duration,Start,Finish,Predecessors\n1,Walls,5 days,2026-03-02 07:00:00,2026-03-06 16:00:00,\n"


class Mortal:
    """A server or worker that can be given lives of so many seconds."""

    def __init__(self, settings: ServerSettings, folder: Path, *what: str) -> None:
        path = folder / "settings.json"
        path.write_text(settings.model_dump_json())
        command = [sys.executable, "-m", "tests.web.mortal", str(path), *what]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def live(self, seconds: float, since: str = "born") -> None:
        """Be born, live, be killed so many seconds after birth, or after having been `ready`."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{since} {seconds}\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "dead\n"

    def end(self) -> None:
        """No further life."""
        self._process.communicate()


@contextlib.contextmanager
def mortal(settings: ServerSettings, folder: Path, *what: str) -> Iterator[Mortal]:
    process = Mortal(settings, folder, *what)
    try:
        yield process
    finally:
        process.end()


class Device(threading.Thread):
    """Sends issues one after another, each until it is acknowledged, with its own Idempotency-Key."""

    def __init__(self, crowd: Crowd, port: int, name: str) -> None:
        super().__init__()
        self.acknowledged: list[str] = []
        self.over = threading.Event()
        self._headers = crowd.as_("manager").headers
        self._address = f"http://127.0.0.1:{port}/api/v1/sites/{HERE}/issues"
        self._name = name

    def run(self) -> None:
        """Until it is over; what is on its way then is sent to its end."""
        number = 0
        while not self.over.is_set():
            title = f"{self._name} {number}"
            if self._send(title):
                self.acknowledged.append(title)
                number += 1

    def _send(self, title: str) -> bool:
        while not self.over.is_set():
            with contextlib.suppress(httpx.HTTPError):
                answer = httpx.post(
                    self._address, json={"title": title}, headers=self._headers | {"Idempotency-Key": title}
                )
                assert answer.status_code in (201, 503), answer.text
                if answer.status_code == 201:
                    return True
            self.over.wait(0.005)
        return False


def test_a_killed_server_keeps_every_acknowledged_issue_exactly_once(
    crowd: Crowd, settings: ServerSettings, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    chance, devices = random.Random(4), [Device(crowd, port, name) for name in ("north", "south")]
    with mortal(settings, tmp_path, "server", str(port)) as server:
        for device in devices:
            device.start()
        for life in range(KILLS // 2):
            server.live(chance.uniform(0.0, 0.5), "ready" if life % 2 else "born")
        while not all(device.acknowledged for device in devices):
            server.live(1.0, "ready")  # the machine is busy with other things
        for device in devices:
            device.over.set()
            device.join()
    titles = [title for device in devices for title in device.acknowledged]
    with reading(crowd.server.engine) as session:
        kept = [row.body["title"] for row in session.exec(select(Issue))]
        created = session.exec(select(func.count()).where(Audit.kind_ == "issue", Audit.verb == "created")).one()
    assert len(kept) == len(set(kept)) == created
    assert set(titles) <= set(kept)
    assert len(set(kept) - set(titles)) <= len(devices), "at most the one that each was sending"


def test_a_killed_worker_does_every_job_exactly_once(crowd: Crowd, settings: ServerSettings, tmp_path: Path) -> None:
    hasty = settings.model_copy(update={"lease_s": 0.25, "job_attempts": 100_000})
    days = _work_for_days(crowd, 40)
    chance = random.Random(4)
    with mortal(hasty, tmp_path, "worker") as worker:
        for life in range(100 * KILLS):
            worker.live(chance.uniform(0.0, 0.15) if life < KILLS else 2.0)
            if life >= KILLS // 2 and _all_done(crowd):
                break
    with reading(open_database(settings.database)) as session:
        done = [row.date for row in session.exec(select(ProgressRecord))]
    assert sorted(done) == days


def _work_for_days(crowd: Crowd, count: int) -> list[str]:
    """As many reports of progress, each of a day of its own."""
    days = [(date(2026, 1, 1) + timedelta(days=n)).isoformat() for n in range(count)]
    sha256 = crowd.server.files.keep_bytes(PLAN.encode())
    with writing(crowd.server.engine) as session:
        session.add(Schedule(site_id=HERE, name="P", filename="plan.csv", sha256=sha256, size=len(PLAN), state="ready"))
        for day in days:
            enqueue(session, HERE, "progress", {"date": day})
        session.commit()
    return days


def _all_done(crowd: Crowd) -> bool:
    with reading(crowd.server.engine) as session:
        return _open(session) == 0


def _open(session: Session) -> int:
    return session.exec(select(func.count()).where(Job.state != "done")).one()
