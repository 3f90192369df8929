"""The server under load: requests a second, how long they take, many listeners, and a restart after kill -9.

On SQLite; with SITEWRIGHT_SERVER__DATABASE_URL on an empty PostgreSQL, each time.
"""

import asyncio
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil

CLIENTS, SECONDS, WRITES = 12, 15.0, 0.2
LISTENERS, RESTARTS, ISSUES = 500, 5, 500
PASSWORD = "correct horse battery"  # noqa: S105


def measure(shared: Path) -> dict[str, Any]:
    """Everything on one machine, the load's own cost included."""
    with tempfile.TemporaryDirectory() as folder:
        with _server(Path(folder)) as server:
            site = server.set_up()
            load = asyncio.run(_load(server, site))
            listeners = asyncio.run(_listeners(server, site))
        return {"mixed_load": load, "listeners": listeners, "restart_s": _restarts(Path(folder))}


class _Server:
    def __init__(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout
        self.process = process
        self.address = process.stdout.readline().split()[-1]
        self.port = int(self.address.rpartition(":")[2])
        self.headers: dict[str, str] = {}

    def set_up(self) -> str:
        """An administrator and a site with issues; returns the site's path."""
        assert self.process.stdout
        secret = re.search(r"#(\S+)", self.process.stdout.readline())
        assert secret
        with httpx.Client(base_url=f"{self.address}/api/v1") as client:
            person = {"name": "Ada", "email": "ada@example.org", "password": PASSWORD}
            signed_in = client.post("/setup", json={"secret": secret[1], **person})
            cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
            self.headers = {"Cookie": cookie, "X-CSRF-Token": signed_in.json()["csrf"]}
            site = (
                f"/api/v1/sites/{client.post('/sites', json={'name': 'Yard'}, headers=self.headers).json()['site_id']}"
            )
            for number in range(ISSUES):
                client.post(f"{self.address}{site}/issues", json={"title": f"Issue {number}"}, headers=self.headers)
        return site


@contextlib.contextmanager
def _server(folder: Path) -> Iterator[_Server]:
    command = [sys.executable, "-m", "sitewright", "serve", "--port", "0", "--data", str(folder / "data")]
    settings = {"SITEWRIGHT_SERVER__REQUESTS_PER_S": "100000", "SITEWRIGHT_SERVER__WORKERS": "0"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | settings)  # noqa: S603
    try:
        yield _Server(process)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()


# --- Load -------------------------------------------------------------------------------------------------------------


async def _load(server: _Server, site: str) -> dict[str, Any]:
    reads: list[float] = []
    writes: list[float] = []
    begun, cpu_s, own_s = time.monotonic(), _cpu_s(server), time.process_time()
    await asyncio.gather(*(_client(server, site, number, begun + SECONDS, reads, writes) for number in range(CLIENTS)))
    took, requests = time.monotonic() - begun, len(reads) + len(writes)
    return {
        "clients": CLIENTS,
        "requests_per_s": requests / took,
        "server_cpu_ms_a_request": 1000 * (_cpu_s(server) - cpu_s) / requests,
        "clients_cpu_ms_a_request": 1000 * (time.process_time() - own_s) / requests,
        "load_of_the_machine": os.getloadavg()[0],
        "read_p95_ms": 1000 * float(np.percentile(reads, 95)),
        "write_p95_ms": 1000 * float(np.percentile(writes, 95)),
    }


def _cpu_s(server: _Server) -> float:
    times = psutil.Process(server.process.pid).cpu_times()
    return float(times.user + times.system)


async def _client(
    server: _Server, site: str, number: int, until: float, reads: list[float], writes: list[float]
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    chance = np.random.default_rng(number)
    paths = [f"{site}/issues?limit=20", f"{site}/today", f"{site}/hazards", "/api/v1/session", f"{site}/robots"]
    while time.monotonic() < until:
        is_write = chance.random() < WRITES
        begun = time.monotonic()
        if is_write:
            status = await _ask(reader, writer, server, "POST", f"{site}/issues", {"title": f"By {number}"})
        else:
            status = await _ask(reader, writer, server, "GET", str(chance.choice(paths)), None)
        if status >= 400:
            raise RuntimeError(f"status {status}")
        (writes if is_write else reads).append(time.monotonic() - begun)
    writer.close()


async def _ask(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: _Server, method: str, path: str, body: Any
) -> int:
    content = b"" if body is None else json.dumps(body).encode()
    sent = {"Host": "localhost", "Content-Type": "application/json", "Content-Length": len(content), **server.headers}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items())]
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + content)
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    length = re.search(r"content-length: (\d+)", head)
    await reader.readexactly(int(length[1]) if length else 0)
    return int(head.split()[1])


# --- Listeners --------------------------------------------------------------------------------------------------------


async def _listeners(server: _Server, site: str) -> dict[str, Any]:
    """How long after an issue was sent the last of many listeners has heard of it."""
    connections = [await _listening(server, site) for _ in range(LISTENERS)]
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    begun = time.monotonic()
    hearing = asyncio.gather(*(each.readuntil(b"event: issue.updated") for each, _ in connections))
    await _ask(reader, writer, server, "POST", f"{site}/issues", {"title": "Heard by all"})
    await hearing
    took = time.monotonic() - begun
    for _, each in connections:
        each.close()
    return {"listeners": LISTENERS, "all_heard_s": took}


async def _listening(server: _Server, site: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    lines = [f"GET {site}/events HTTP/1.1", "Host: localhost", f"Cookie: {server.headers['Cookie']}"]
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\n")
    await reader.readuntil(b"retry: 2000")
    return reader, writer


# --- Restart ----------------------------------------------------------------------------------------------------------


def _restarts(folder: Path) -> list[float]:
    """Seconds from the start of the program to the first 200 of /healthz, each time after kill -9."""
    found = []
    for _ in range(RESTARTS):
        begun = time.monotonic()
        with _server(folder) as server:
            while not _is_ready(server.address):
                time.sleep(0.01)
            found.append(time.monotonic() - begun)
            server.process.kill()
    return found


def _is_ready(address: str) -> bool:
    try:
        return httpx.get(f"{address}/healthz").status_code == 200
    except httpx.HTTPError:
        return False
