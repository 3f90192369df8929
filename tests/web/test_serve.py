"""`sitewright serve` as people start it: the link, a worker's job, the stream that resumes, what robots send."""

import contextlib
import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from bim.ifc_authoring import Author
from sitewright.server_link import ServerLink
from tests.web.people import OFFSET

PASSWORD = "correct horse battery"


class Running:
    """A server that runs, and its administrator."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, "-m", "sitewright", "serve", "--port", "0", "--data", str(folder / "data")]
        self.errors = (folder / "errors").open("a+", encoding="utf-8")
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.errors, text=True, cwd=folder)
        assert self.process.stdout
        self.address = self.process.stdout.readline().split()[-1]
        self.client = httpx.Client(base_url=self.address + "/api/v1", timeout=30)

    def first_link(self) -> str:
        assert self.process.stdout
        found = re.search(r"/welcome#(\S+)", self.process.stdout.readline())
        assert found
        return found[1]

    def sign_in(self, path: str, **body: str) -> None:
        answer = self.client.post(path, json=body)
        assert answer.status_code == 201, answer.text
        self.client.headers["X-CSRF-Token"] = answer.json()["csrf"]

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(30) == 130
        self.errors.close()

    def said(self) -> str:
        """What it wrote to its standard error until now."""
        self.errors.seek(0)
        return self.errors.read()


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Running]:
    server = Running(folder)
    try:
        yield server
    finally:
        server.client.close()
        server.stop()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("serve")) as server:
        server.sign_in("/setup", secret=server.first_link(), name="Ada", email="ada@example.org", password=PASSWORD)
        yield server


@pytest.fixture(scope="module")
def site(server: Running) -> str:
    site_id = server.client.post("/sites", json={"name": "Yard"}).json()["site_id"]
    return f"/sites/{site_id}"


def events(server: Running, site: str, after: int, until: str) -> list[dict[str, Any]]:
    """Events after an id, up to the first of a name."""
    found: list[dict[str, Any]] = []
    with server.client.stream("GET", f"{site}/events", headers={"Last-Event-ID": str(after)}) as stream:
        event: dict[str, Any] = {}
        for line in stream.iter_lines():
            key, _, value = line.partition(": ")
            event |= {key: value} if key in ("id", "event", "data") else {}
            if not line and "data" in event:
                found.append(event)
                if event["event"] == until:
                    break
                event = {}
    return found


def test_a_second_start_makes_no_second_administrator(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        secret = server.first_link()
        server.sign_in("/setup", secret=secret, name="Ada", email="ada@example.org", password=PASSWORD)
    with running(tmp_path) as server:
        assert server.client.get("/setup").json()["needs_administrator"] is False
        server.sign_in("/session", email="ada@example.org", password=PASSWORD)


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_that_is_stopped_lets_its_listeners_go_without_a_word(tmp_path: Path, signal_number: int) -> None:
    with running(tmp_path) as server:
        server.sign_in("/setup", secret=server.first_link(), name="Ada", email="ada@example.org", password=PASSWORD)
        site_id = server.client.post("/sites", json={"name": "Yard"}).json()["site_id"]
        with server.client.stream("GET", f"/sites/{site_id}/events") as stream:
            lines = stream.iter_lines()
            assert next(lines) == "retry: 2000"
            server.process.send_signal(signal_number)
            assert "data" not in "".join(lines), "it ends whole; one that is cut off raises"
        assert server.process.wait(30) == 130
        assert server.said() == ""


def test_the_worker_reads_a_model_and_the_stream_tells_of_it(server: Running, site: str, tmp_path: Path) -> None:
    model = Author("Shed")
    level = model.storey("Ground", 0.0)
    model.wall(level, "Wall", (0.0, 0.0), (6.0, 0.0), 3.0, 0.2)
    model.write(tmp_path / "shed.ifc")
    content = (tmp_path / "shed.ifc").read_bytes()
    begun = server.client.post(f"{site}/uploads", headers={"Upload-Length": str(len(content))})
    server.client.patch(begun.headers["location"].removeprefix("/api/v1"), content=content,
                        headers=OFFSET | {"Upload-Offset": "0"})  # fmt: skip
    server.client.post(f"{site}/models", json={"name": "Shed", "upload_id": begun.json()["upload_id"]})
    told = events(server, site, 0, "model.updated")
    while json.loads(told[-1]["data"])["version"] < 2:
        told += events(server, site, int(told[-1]["id"]), "model.updated")
    element = server.client.get(f"{site}/elements").json()["items"][0]
    assert (element["ifc_class"], element["storey"], element["verdict"]) == ("IfcWall", "Ground", None)
    ids = [int(each["id"]) for each in told]
    assert ids == sorted(set(ids))


def test_the_stream_goes_on_where_it_stopped(server: Running, site: str) -> None:
    for title in ("one", "two", "three"):
        server.client.post(f"{site}/issues", json={"title": title, "issue_id": title})
    server.client.post(f"{site}/stop", json={"scope": "site", "reason": {"en": "x", "zh": "x"}})
    whole = events(server, site, 0, "stop.requested")
    for place, event in enumerate(whole[:-1]):
        assert events(server, site, int(event["id"]), "stop.requested") == whole[place + 1 :]


def test_what_a_program_reports_arrives_once_and_in_order(server: Running, site: str, tmp_path: Path) -> None:
    wanted = {"name": "robots", "scopes": ["read", "ingest"], "site_id": site.rpartition("/")[2]}
    token = server.client.post("/tokens", json=wanted).json()["token"]
    away = ServerLink("http://127.0.0.1:9", site.rpartition("/")[2], token, tmp_path)
    for number in range(5):
        task = {"task_id": f"t{number}", "kind": "drill", "state": "proposed", "title": {"en": "drill", "zh": "钻"}}
        away.report("PUT", f"robot-tasks/t{number}", task)
    assert away.send() == 5
    link = ServerLink(server.address, site.rpartition("/")[2], token, tmp_path)
    assert link.send() == 0
    assert link.send() == 0
    tasks = server.client.get(f"{site}/robot-tasks").json()["items"]
    assert {each["task_id"]: each["version"] for each in tasks} == {f"t{n}": 1 for n in range(5)}


def test_commands_of_people_reach_a_program_though_it_restarts(server: Running, site: str, tmp_path: Path) -> None:
    wanted = {"name": "robots", "scopes": ["read", "ingest"], "site_id": site.rpartition("/")[2]}
    token = server.client.post("/tokens", json=wanted).json()["token"]
    link = ServerLink(server.address, site.rpartition("/")[2], token, tmp_path)
    task = {"task_id": "t9", "kind": "drill", "state": "proposed", "title": {"en": "drill", "zh": "钻"}}
    link.report("PUT", "robot-tasks/t9", task)
    assert link.send() == 0
    server.client.post(f"{site}/robot-tasks/t9/approve", json={})
    server.client.post(f"{site}/robot-tasks/t9/cancel", json={})
    spoken = ("robot_task.approved", "robot_task.cancelled")
    first = next(each for each in link.commands() if each.name in spoken)
    again = ServerLink(server.address, site.rpartition("/")[2], token, tmp_path)  # it was restarted meanwhile
    heard = (each for each in again.commands() if each.name in spoken)
    assert [first.name, next(heard).name, next(heard).name] == [spoken[0], *spoken]
