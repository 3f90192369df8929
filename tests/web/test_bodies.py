"""Bodies of requests: from whom they are read, how much of them, and that nobody waits while they are."""

import asyncio
import io
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
import uvicorn
from PIL import Image
from starlette.types import Message

from tests.web.people import API, HERE, OFFSET, Crowd

MIB = 1024**2
SITE = f"{API}/sites/{HERE}"


class Sending:
    """A client that sends as ASGI has it, and counts how often the server asked for more of the body."""

    def __init__(self, *messages: Message) -> None:
        self._messages = list(messages)
        self.status, self.asked = 0, 0

    async def receive(self) -> Message:
        self.asked += 1
        return self._messages.pop(0)

    async def send(self, message: Message) -> None:
        self.status = message.get("status", self.status)

    def __call__(self, crowd: Crowd, method: str, path: str, headers: dict[str, str]) -> "Sending":
        scope = {"type": "http", "http_version": "1.1", "method": method, "path": path, "raw_path": path.encode(),
                 "root_path": "", "scheme": "http", "query_string": b"", "client": ("127.0.0.1", 1), "server": ("h", 1),
                 "headers": [(name.lower().encode(), text.encode()) for name, text in headers.items()]}  # fmt: skip
        asyncio.run(crowd.app(scope, self.receive, self.send))
        return self


SIZES = ({"Content-Length": str(7 * MIB)}, {"Transfer-Encoding": "chunked"})
PATHS = ("issues", "photos", "issues/import", "reports", "hazards/h/clips", "cameras/states")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(("who", "status"), [("nobody", 401), ("viewer", 403), ("zoe", 404)])
def test_nothing_large_is_read_from_who_may_not_send_it(
    one_crowd: Crowd, who: str, status: int, path: str, size: dict[str, str]
) -> None:
    headers = one_crowd.as_(who).headers | size | {"Content-Type": "application/json"}
    sent = Sending()(one_crowd, "POST", f"{SITE}/{path}", headers)
    assert (sent.status, sent.asked) == (status, 0)


def test_a_stranger_is_answered_before_a_large_body_is_sent(listening: tuple[str, int]) -> None:
    with socket.create_connection(listening, timeout=60) as connection:
        connection.sendall(f"POST {SITE}/photos HTTP/1.1\r\nHost: here\r\nContent-Length: {20 * MIB}\r\n\r\n".encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 401")


def test_a_stranger_who_asks_whether_to_go_on_is_told_not_to(listening: tuple[str, int]) -> None:
    asks = f"POST {SITE}/issues HTTP/1.1\r\nHost: here\r\nContent-Length: {2 * MIB}\r\nExpect: 100-continue\r\n\r\n"
    with socket.create_connection(listening, timeout=60) as connection:
        connection.sendall(asks.encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 401")


@pytest.fixture(scope="module")
def listening(one_crowd: Crowd) -> Iterator[tuple[str, int]]:
    """The server of the crowd on a real socket."""
    server = uvicorn.Server(uvicorn.Config(one_crowd.app, port=0, log_level="critical", lifespan="off"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield listener.getsockname()
        finally:
            server.should_exit = True
            thread.join()


@pytest.mark.parametrize(("path", "most"), [
    ("issues", 8 * MIB), ("photos", 30 * MIB), ("hazards/h/clips", 60 * MIB), ("reports", 100 * MIB),
    ("issues/import", 100 * MIB),
])  # fmt: skip
def test_a_body_has_the_size_that_its_route_has_use_for(one_crowd: Crowd, path: str, most: int) -> None:
    program = one_crowd.program().headers
    for size, refused in ((most, False), (most + 1, True)):
        ended = Sending({"type": "http.disconnect"})
        ended(one_crowd, "POST", f"{SITE}/{path}", program | {"Content-Length": str(size)})
        assert (ended.status == 413, ended.asked == 0) == (refused, refused)


@pytest.mark.parametrize("path", ["session", "session/link", "setup"])
def test_to_sign_in_takes_little(one_crowd: Crowd, path: str) -> None:
    sent = Sending()(one_crowd, "POST", f"{API}/{path}", {"Content-Length": str(65 * 1024)})
    assert (sent.status, sent.asked) == (413, 0)


def test_only_parts_of_uploads_may_be_as_large_as_files(one_crowd: Crowd) -> None:
    headers = one_crowd.as_("surveyor").headers | OFFSET | {"Content-Length": str(9 * MIB)}
    for method, path in (("POST", "issues"), ("POST", "photos/p/uploads/x"), ("PATCH", "issues/made")):
        sent = Sending()(one_crowd, method, f"{SITE}/{path}", headers)
        assert (sent.status, sent.asked) == (413, 0)


def test_what_arrived_before_a_connection_broke_is_kept_part_by_part(one_crowd: Crowd) -> None:
    surveyor = one_crowd.as_("surveyor")
    address = surveyor("POST", "uploads", {"Upload-Length": "10"}).headers["location"]
    part = one_crowd.server.uploads / f"{address.rpartition('/')[2]}.part"
    on_the_disk: list[bytes] = []

    class Breaking(Sending):
        async def receive(self) -> Message:
            on_the_disk.append(part.read_bytes())
            return await super().receive()

    pieces: list[dict[str, Any]] = [
        {"type": "http.request", "body": each, "more_body": True} for each in (b"12", b"34")
    ]
    Breaking(*pieces, {"type": "http.disconnect"})(
        one_crowd, "PATCH", address, surveyor.headers | OFFSET | {"Upload-Offset": "0", "Content-Length": "10"}
    )
    assert on_the_disk == [b"", b"12", b"1234"], "no part is kept in memory for the next"
    assert surveyor("HEAD", address).headers["upload-offset"] == "4"
    assert surveyor("PATCH", address, OFFSET | {"Upload-Offset": "4"}, content=b"567890").status_code == 204
    assert one_crowd.server.files.read(surveyor("GET", address).json()["sha256"]) == b"1234567890"


def test_a_picture_that_is_slow_to_read_holds_no_writer_up(crowd: Crowd) -> None:
    out = io.BytesIO()
    Image.new("RGB", (7000, 7000), (200, 30, 30)).save(out, "PNG")
    surveyor = crowd.as_("surveyor")

    async def send() -> tuple[bool, int, int]:
        read = asyncio.Event()

        async def picture() -> AsyncIterator[bytes]:
            yield out.getvalue()
            read.set()

        async with httpx.AsyncClient(transport=httpx.ASGITransport(crowd.app), base_url="http://here") as client:
            slow = asyncio.create_task(client.post(f"{SITE}/photos", content=picture(), headers=surveyor.headers))
            await read.wait()
            quick = await client.post(f"{SITE}/issues", json={"title": "Quick"}, headers=surveyor.headers)
            return slow.done(), quick.status_code, (await slow).status_code

    assert asyncio.run(send()) == (False, 201, 201)
