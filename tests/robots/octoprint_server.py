"""A real OctoPrint with its virtual printer, in an environment of its own that is made once and kept."""

import contextlib
import fcntl
import hashlib
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from bim.ifc import USER_CACHE
from robots.printer import PrintServer
from tests.robots.mosquitto import free_port, listens

LOCK = Path(__file__).with_name("octoprint.lock")
SETTINGS = """
accessControl: {{autologinLocal: false}}
api: {{key: {key}}}
plugins:
  _disabled: [softwareupdate, announcements, tracking, discovery, errortracking, health_check, pluginmanager]
  virtual_printer: {{_config_version: 1, enabled: true, throttle: 0.0}}
serial: {{additionalPorts: [VIRTUAL], autoconnect: true, baudrate: 0, port: VIRTUAL}}
server: {{firstRun: false, host: 127.0.0.1, onlineCheck: {{enabled: false}}, pluginBlacklist: {{enabled: false}},
  seenWizards: {{achievements: 1, backup: 1, corewizard: 5, tracking: 2}}}}
"""


def environment() -> Path:
    """The program, installed when it is not there yet."""
    home = USER_CACHE / f"octoprint-{hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]}"
    home.mkdir(parents=True, exist_ok=True)
    program, done = home / "bin" / "octoprint", home / "installed"
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            python = Path(sys.base_prefix) / "bin" / f"python{sys.version_info[0]}.{sys.version_info[1]}"
            subprocess.run([python, "-m", "venv", home], check=True, env=bare())
            pip = [home / "bin" / "python", "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps"]
            subprocess.run([*pip, "-r", LOCK], check=True, env=bare(), capture_output=True)
            done.touch()
    return program


def bare() -> dict[str, str]:
    """The environment without what the ROS wheels of this one put there."""
    theirs = {"LD_LIBRARY_PATH", "_ROS_WHEELS_BOOTSTRAP_COMPLETE", "AMENT_PREFIX_PATH", "PYTHONPATH", "VIRTUAL_ENV"}
    return {name: value for name, value in os.environ.items() if name not in theirs}


@contextlib.contextmanager
def octoprint() -> Iterator[PrintServer]:
    """A server whose printer is connected."""
    program, port, key = environment(), free_port(), secrets.token_urlsafe(32)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "config.yaml").write_text(SETTINGS.format(key=key), encoding="utf-8")
        command = [program, "serve", "--basedir", folder, "--iknowwhatimdoing", "--host", "127.0.0.1"]
        with (Path(folder) / "log").open("wb") as log:
            server = subprocess.Popen([*command, "--port", str(port)], stdout=log, stderr=log, env=bare())
        try:
            listens(port, server)
            running = PrintServer(f"http://127.0.0.1:{port}", key)
            connected(running)
            yield running
        finally:
            server.terminate()
            server.wait()


def connected(server: PrintServer, limit_s: float = 30.0) -> None:
    end_s = time.monotonic() + limit_s
    while time.monotonic() < end_s:
        with contextlib.suppress(httpx.HTTPError):  # while it starts, a lesser server answers
            if ask(server, "/api/job")["state"] == "Operational":
                return
        time.sleep(0.05)
    raise TimeoutError("the virtual printer did not connect")


def ask(server: PrintServer, path: str) -> dict[str, object]:
    answer = httpx.get(server.url + path, headers={"X-Api-Key": server.api_key}, timeout=10.0)
    return dict(answer.json()) if answer.status_code == 200 else {"state": answer.status_code}
