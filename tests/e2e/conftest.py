"""A real server with the demo site, and a browser that fails a test on any error in its console."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from filelock import FileLock
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

expect.set_options(timeout=20_000)  # a machine that others work on too shows late what it shows

ROOT = Path(__file__).parents[2]
SERVER = Path(__file__).with_name("demo_server.py")
CHROMIUM = "/usr/bin/chromium"
NAME_WITHOUT_TLS = "site.test"
"""A name of this machine that browsers do not trust as they trust 127.0.0.1: what they keep for TLS is not there."""
FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-gpu-compositing",
         f"--host-resolver-rules=MAP {NAME_WITHOUT_TLS} 127.0.0.1"]  # fmt: skip
TABLET, PHONE = {"width": 1180, "height": 820}, {"width": 390, "height": 844}
SITE = "/api/v1/sites/demo"
ROBOT = {"robot_id": "r1", "name": "Layout 1", "kind": "layout", "mode": "busy", "position_m": [4, 3, 3.2],
         "heading_rad": 0.6, "storey": "01 First floor", "battery": 0.64}  # fmt: skip


@dataclass
class Site:
    """A server of its own: it can be stopped, and started again where it was."""

    folder: Path
    port: int
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[str] | None = None
    client: httpx.Client = field(default_factory=httpx.Client)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [sys.executable, str(SERVER), str(self.folder), str(self.port)]
        environment = os.environ | self.environment
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        assert self.process.stdout
        secret = self.process.stdout.readline().strip().partition("#")[2]
        self.client = httpx.Client(
            base_url=self.address, transport=httpx.HTTPTransport(retries=30), cookies=self.client.cookies, timeout=30
        )
        if not self.client.cookies:
            self.client.post("/api/v1/session/link", json={"secret": secret}).raise_for_status()
        self.client.headers["X-CSRF-Token"] = self.client.get("/api/v1/session").raise_for_status().json()["csrf"]

    def stop(self) -> None:
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait()

    def get(self, path: str) -> Any:
        return self.client.get(SITE + path).raise_for_status().json()

    def program(self) -> httpx.Client:
        """What robots and cameras come in by: a token that may report."""
        scopes = {"name": "robots", "site_id": "demo", "scopes": ["read", "ingest"]}
        token = self.client.post("/api/v1/tokens", json=scopes).raise_for_status().json()["token"]
        return httpx.Client(base_url=self.address, headers={"Authorization": f"Bearer {token}"})

    def cookies(self, address: str) -> list[Any]:
        return [{"name": n, "value": v, "url": address} for n, v in self.client.cookies.items()]


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo site, compared, reported and packed; once for all processes of a test run."""
    if not (ROOT / "web/app/dist/index.html").is_file():
        pytest.skip("the app is not built; `./run test` builds it")
    folder = tmp_path_factory.getbasetemp().parent / "demo-site"
    with FileLock(f"{folder}.lock"):
        if not (folder / "ready").exists():
            folder.mkdir(exist_ok=True)
            subprocess.run([sys.executable, SERVER, folder], check=True)
            (folder / "ready").touch()
    return folder


@pytest.fixture(scope="session")
def new_site(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Site]]:
    """Starts servers, each with a copy of the site and with settings of its own, and ends them."""
    sites: list[Site] = []

    def start(**settings: str) -> Site:
        folder = tmp_path_factory.mktemp("site") / "data"
        shutil.copytree(prepared, folder)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        site = Site(folder, port, {f"SITEWRIGHT_SERVER__{name.upper()}": value for name, value in settings.items()})
        sites.append(site)
        site.start()
        report(site)
        return site

    yield start
    for site in sites:
        site.stop()


def report(site: Site) -> None:
    """What robots and cameras say."""
    now = datetime.now(UTC).isoformat()
    robot = ROBOT | {"at": now}
    task = {"task_id": "t1", "kind": "layout", "state": "proposed", "title": {"en": "Mark the walls", "zh": "放样墙体"}}
    camera = {"camera_id": "c1", "name": "Gate", "state": "stale", "frame_age_s": 9.0, "at": now}
    with site.program() as program:
        program.post(f"{SITE}/robots/states", json=[robot]).raise_for_status()
        program.put(f"{SITE}/robot-tasks/t1", json=task).raise_for_status()
        program.post(f"{SITE}/cameras/states", json=[camera]).raise_for_status()
    hazard = {"hazard_id": "h1", "level": "danger", "place_m": [3, 2, 3.2], "storey": "01 First floor",
              "text": {"en": "Guard rail is missing", "zh": "缺少护栏"}}  # fmt: skip
    site.client.post(f"{SITE}/hazards", json=hazard).raise_for_status()


@pytest.fixture(scope="session")
def site(new_site: Callable[..., Site]) -> Site:
    """The server that most tests share."""
    return new_site()


@pytest.fixture
def peopled(site: Site) -> Site:
    """The site with one more person, who may be removed."""
    person = {"name": "Anna", "email": "anna@example.org", "language": "en", "is_admin": False}
    site.client.post("/api/v1/people", json=person)
    site.client.put(f"{SITE}/people/anna@example.org", json={"roles": ["viewer"]}).raise_for_status()
    return site


@pytest.fixture
def lonely(new_site: Callable[..., Site]) -> Iterator[Site]:
    """A server that may be stopped."""
    site = new_site()
    yield site
    site.stop()


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    Image.new("RGB", (640, 480), "#997755").save(path)
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Of a module's length: while Playwright's sync API runs, asyncio tests of other files in this process fail."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@dataclass
class Watched:
    """What the console said. A test names what the browser is to say of answers that are meant to fail."""

    errors: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def unexpected(self) -> list[str]:
        return [error for error in self.errors if not any(words in error for words in self.expected)]


@pytest.fixture
def console() -> Iterator[Watched]:
    """Fails the test on any error in the console."""
    watched = Watched()
    yield watched
    assert watched.unexpected() == []


@pytest.fixture
def open_app(browser: Browser, console: Watched) -> Iterator[Callable[..., Page]]:
    """Opens the app as the site's manager, in a language, on a tablet or a phone."""
    contexts: list[BrowserContext] = []

    def start(site: Site, language: str = "en", size: dict[str, int] = TABLET, signed_in: bool = True,
              host: str = "127.0.0.1") -> Page:  # fmt: skip
        address = f"http://{host}:{site.port}"
        context = browser.new_context(viewport=size, base_url=address)  # type: ignore[arg-type]
        contexts.append(context)
        if signed_in:
            context.add_cookies(site.cookies(address))
        context.add_init_script(f"localStorage.getItem('language') ?? localStorage.setItem('language', '{language}')")
        page = context.new_page()
        console.watch(page)
        return page

    yield start
    for context in contexts:
        context.close()
