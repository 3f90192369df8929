"""The app's shell: bytes before it shows, and how soon it shows over a slow network, cold and warm.

The network lies between browser and server as a relay on this machine: every connection costs a round trip to begin,
every byte waits half of one, and all connections share the rate. So a service worker's fetches are slowed too, which
the browser's own emulation of a network leaves out.
"""

import asyncio
import gzip
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, Page, expect, sync_playwright

from tests.e2e.conftest import CHROMIUM, FLAGS, TABLET, Site
from tests.e2e.demo_server import prepare

RATE_BYTES_S = 1_600_000 / 8
ROUND_TRIP_S = 0.300
BLOCK = 4096
TURNS = 3
NEEDS_SHARED = False


def measure(shared: Path) -> dict[str, Any]:
    """Figures of docs/benchmarks.md; bytes gzipped, seconds, medians."""
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        prepare(Path(name))
        site = Site(Path(name), 0)
        site.port = free_port()
        site.start()
        try:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            with slow_network(site.port) as port:
                address = f"http://127.0.0.1:{port}"
                colds: list[dict[str, float]] = []
                warms: list[dict[str, float]] = []
                bytes_: dict[str, int] = {}
                for _ in range(TURNS):
                    context = browser.new_context(viewport=TABLET)  # type: ignore[arg-type]
                    context.add_cookies(site.cookies(address))
                    cold, bytes_ = seen(context.new_page(), address)
                    colds.append(cold)
                    kept(context)
                    warms.append(seen(context.new_page(), address)[0])
                    context.close()
            browser.close()
        finally:
            site.stop()
    return {
        "shell_gzipped_bytes": bytes_,
        "cold_s": {what: middle([each[what] for each in colds]) for what in colds[0]},
        "warm_s": {what: middle([each[what] for each in warms]) for what in warms[0]},
    }


def seen(page: Page, address: str) -> tuple[dict[str, float], dict[str, int]]:
    """Seconds until the shell and until the first screen with its figures shows; what was fetched before the shell."""
    fetched: list[str] = []
    page.on("response", lambda answer: fetched.append(answer.url))
    started = time.perf_counter()
    page.goto(f"{address}/", wait_until="commit")
    expect(page.get_by_role("navigation", name="Screens")).to_be_visible(timeout=60_000)
    shell_s, before = time.perf_counter() - started, [*fetched]
    expect(page.get_by_role("region", name="First things first")).to_be_visible(timeout=60_000)
    times = {"shell": shell_s, "first_screen": time.perf_counter() - started}
    return times, gzipped([url.removeprefix(address) for url in before])


def gzipped(paths: list[str]) -> dict[str, int]:
    """Bytes of the app's own files among them, by kind, as the server sends them."""
    app = Path(__file__).parents[1] / "web/app/dist"
    sizes: dict[str, int] = {}
    for path in dict.fromkeys("/index.html" if each == "/" else each for each in paths):
        file = app / path.lstrip("/")
        if file.is_file():
            kind = file.suffix.lstrip(".")
            sizes[kind] = sizes.get(kind, 0) + len(gzip.compress(file.read_bytes(), 9, mtime=0))
    return sizes | {"all": sum(sizes.values())}


def kept(context: BrowserContext) -> None:
    """Wait until the service worker holds the app, and what the first screen reads."""
    page = context.pages[0]
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    page.reload()
    expect(page.get_by_role("region", name="First things first")).to_be_visible(timeout=60_000)
    page.close()


def middle(values: list[float]) -> float:
    return round(sorted(values)[len(values) // 2], 2)


# --- The network ------------------------------------------------------------------------------------------------------


@contextmanager
def slow_network(port: int) -> Iterator[int]:
    """A port that leads to `port` over a slow network."""
    loop = asyncio.new_event_loop()
    relay = Relay(port)
    threading.Thread(target=loop.run_forever, daemon=True).start()
    server = asyncio.run_coroutine_threadsafe(asyncio.start_server(relay.connect, "127.0.0.1", 0), loop).result()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        asyncio.run_coroutine_threadsafe(ended(server), loop).result()
        loop.call_soon_threadsafe(loop.stop)


async def ended(server: asyncio.Server) -> None:
    """Every connection is dropped."""
    server.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


class Relay:
    """Passes bytes on, late and slowly; both directions have the rate, shared by all connections."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._free_at = {"up": 0.0, "down": 0.0}

    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(ROUND_TRIP_S)
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._port)
        with suppress(asyncio.CancelledError):  # Python 3.11 would report the end as a fault of the connection
            await asyncio.gather(
                self._pass_on(reader, there_writer, "up"),
                self._pass_on(there_reader, writer, "down"),
                return_exceptions=True,
            )

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: str) -> None:
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        sending = asyncio.create_task(self._send(waiting, writer))
        while block := await reader.read(BLOCK):
            now = time.monotonic()
            self._free_at[way] = max(self._free_at[way], now) + len(block) / RATE_BYTES_S
            waiting.put_nowait((self._free_at[way] + ROUND_TRIP_S / 2, block))
        waiting.put_nowait((0.0, b""))
        await sending

    async def _send(self, waiting: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter) -> None:
        while (item := await waiting.get())[1]:
            await asyncio.sleep(max(0.0, item[0] - time.monotonic()))
            writer.write(item[1])
            await writer.drain()
        writer.close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])
