"""A real MQTT broker on a free port of 127.0.0.1, for as long as a test needs it."""

import contextlib
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from robots.vda5050 import Broker


@contextlib.contextmanager
def broker() -> Iterator[Broker]:
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
    if program is None:
        pytest.skip("needs mosquitto")
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        settings = Path(folder) / "mosquitto.conf"
        settings.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n", encoding="utf-8")
        server = subprocess.Popen([program, "-c", settings], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            listens(port, server)
            yield Broker("127.0.0.1", port, tls=False)
        finally:
            server.terminate()
            server.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listens(port: int, server: "subprocess.Popen[bytes]", limit_s: float = 60.0) -> None:
    """Returns when something accepts connections on the port."""
    end_s = time.monotonic() + limit_s
    while time.monotonic() < end_s:
        assert server.poll() is None, f"the server ended with {server.returncode}"
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1.0):
            return
        time.sleep(0.02)
    raise TimeoutError(f"nothing listens on {port}")
