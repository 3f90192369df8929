"""The viewer on a page of its own, served with the app's Content-Security-Policy, for tests and benchmarks."""

import json
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import uvicorn
from playwright.sync_api import Browser, sync_playwright
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bim.model import Building
from bim.verdict import Verdict
from web.packs import Judgement, pack, verdict_table

APP = Path(__file__).parents[2] / "web/app"
POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'"
)
WATCHED = """{
  const drawn = WebGL2RenderingContext.prototype
  window.calls = 0
  window.most = 0
  for (const name of ['drawElements', 'drawArrays', 'drawElementsInstanced', 'drawArraysInstanced']) {
    const draw = drawn[name]
    drawn[name] = function (...all) { window.calls++; return draw.apply(this, all) }
  }
  const frame = window.requestAnimationFrame.bind(window)
  window.requestAnimationFrame = (draw) => frame((time) => {
    const before = window.calls
    draw(time)
    window.most = Math.max(window.most, window.calls - before)
  })
}"""
"""Counts draw calls: `calls` in all, `most` in one frame."""


def build_page(folder: Path) -> None:
    """The viewer's page, built as the app is."""
    vite = APP / "node_modules/vite/bin/vite.js"
    command = ["node", vite, "build", "--config", "e2e/viewer/vite.config.ts", "--outDir", folder, "--logLevel", "warn"]
    subprocess.run(command, cwd=APP, check=True, capture_output=True)


def write_site(folder: Path, building: Building, verdicts: Iterable[Verdict], **props: Any) -> None:
    """A building with its verdicts and more props of the viewer, at `/<folder's name>/site.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    for part in [*pack(building), verdict_table(map(Judgement.of, verdicts))]:
        (folder / part.file).write_bytes(part.content)
    site = {"packs": f"/{folder.name}/manifest.json", "verdicts": f"/{folder.name}/verdicts.json"}
    (folder / "site.json").write_text(json.dumps(site | props))


class _Guarded:
    """Every answer carries the policy."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"content-security-policy", POLICY.encode())]
            await send(message)

        await self.app(scope, receive, guarded)


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a folder; files by ranges, as the server gives them."""
    app = Starlette(middleware=[Middleware(_Guarded)])
    app.mount("/", StaticFiles(directory=folder, html=True))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning"))
    socket = server.config.bind_socket()
    thread = Thread(target=server.run, args=([socket],), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{socket.getsockname()[1]}"
    server.should_exit = True
    thread.join()


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, drawing in software."""
    flags = ["--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--no-sandbox"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
        yield browser
        browser.close()
