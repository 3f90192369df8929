"""Events reach a receiver that runs here: signed, tried again under the same name, and never led elsewhere."""

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from sqlmodel import select

from bim.isolation import Limits
from tests.web.people import HERE, Crowd
from web import jobs
from web.database import reading, writing
from web.settings import ServerSettings
from web.tables import Job, now
from web.work import do


class Receiver:
    """Keeps what it was sent, and answers as it is told, by and by."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append((dict(self.headers), body))
                self.send_response(receiver.answers.pop(0) if receiver.answers else 204)
                self.send_header("Location", f"{receiver.url}/elsewhere")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    thread = threading.Thread(target=found.server.serve_forever)
    thread.start()
    yield found
    found.server.shutdown()
    thread.join()
    found.server.server_close()


def deliver(crowd: Crowd) -> list[Job]:
    """Send everything that waits, due or not."""
    server = crowd.server
    near = ServerSettings(**server.settings.model_dump() | {"webhook_private_networks": True})
    with writing(server.engine) as session:
        for job in session.exec(select(Job).where(Job.state == "queued")):
            job.due_at = now() - timedelta(seconds=1)
        session.commit()
    while job := jobs.claim(server.engine, "worker", timedelta(minutes=1), attempts=3):
        do(job, server.engine, near, Limits(), near.data / "cache")
    with reading(server.engine) as session:
        return list(session.exec(select(Job).where(Job.site_id == HERE, Job.task == "deliver")))


def subscribe(crowd: Crowd, url: str) -> str:
    answer = crowd.as_("manager")("POST", "webhooks", json={"url": f"{url}/hook", "events": ["issue."]})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["key"])


def test_an_event_arrives_signed(one_crowd: Crowd, receiver: Receiver) -> None:
    key = subscribe(one_crowd, receiver.url)
    one_crowd.as_("manager")("POST", "issues", json={"title": "裂缝"})
    one_crowd.as_("manager")("POST", "zones", json={"name": "Z", "kind": "edge", "polygon_m": [[0, 0], [1, 0], [0, 1]]})
    assert [each.state for each in deliver(one_crowd)] == ["done"], "of zones it did not ask to hear"
    [(headers, body)] = receiver.got
    at, signature = (part.partition("=")[2] for part in headers["Sitewright-Signature"].split(","))
    assert hmac.new(key.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest() == signature
    event = json.loads(body)
    assert (event["name"], event["data"]["body"]["title"]) == ("issue.updated", "裂缝")
    assert event["id"] == headers["Sitewright-Delivery"]


def test_what_was_not_taken_is_sent_again_under_the_same_name(crowd: Crowd, receiver: Receiver) -> None:
    subscribe(crowd, receiver.url)
    receiver.answers = [503, 200]
    crowd.as_("manager")("POST", "issues", json={"title": "Crack"})
    [waiting] = deliver(crowd)
    assert (waiting.state, waiting.due_at > now()) == ("queued", True)
    assert waiting.error
    assert "503" in waiting.error["en"]
    [done] = deliver(crowd)
    assert done.state == "done"
    first, again = (headers["Sitewright-Delivery"] for headers, _ in receiver.got)
    assert first == again


def test_a_receiver_leads_nowhere_else(crowd: Crowd, receiver: Receiver) -> None:
    subscribe(crowd, receiver.url)
    receiver.answers = [307]
    crowd.as_("manager")("POST", "issues", json={"title": "Crack"})
    [job] = deliver(crowd)
    assert job.state == "queued"
    assert len(receiver.got) == 1
