"""A function in a process of its own, which ends as soon as nobody wants its result any more. A thread could not.

The process is started anew, not forked: whoever calls may have threads. What goes there and comes back is pickled by
this program for this program; files from outside are still decoded in children with limits (bim.isolation).
"""

import ctypes
import os
import pickle
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bim.errors import SitewrightError

LOOK_S = 0.5


class Died(Exception):
    """The process ended without a result: it was killed, or a fault ended it, which its standard error tells."""


class Unwanted(Exception):
    """Nobody wanted the result any more."""


def apart(wanted: Callable[[], bool], deed: Callable[..., Any], *args: Any) -> Any:
    """What `deed` returns, while `wanted` says yes. Raises what it refuses (SitewrightError), Died and Unwanted."""
    with tempfile.TemporaryDirectory(prefix="sitewright-apart-") as name:
        task, result = Path(name) / "task", Path(name) / "result"
        task.write_bytes(pickle.dumps((os.getpid(), deed, args)))
        process = subprocess.Popen([sys.executable, "-m", "web.apart", task, result])  # noqa: S603
        try:
            while not _ended(process):
                if not wanted():
                    raise Unwanted
        finally:
            process.kill()
            process.wait()
        if process.returncode != 0:
            raise Died(f"status {process.returncode}")
        found = pickle.loads(result.read_bytes())  # noqa: S301 - by this program
    if isinstance(found, SitewrightError):
        raise found
    return found


def _ended(process: "subprocess.Popen[bytes]") -> bool:
    try:
        process.wait(LOOK_S)
    except subprocess.TimeoutExpired:
        return False
    return True


def _main(task: Path, result: Path) -> None:
    """In the process. It dies with the one that started it."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    parent, deed, args = pickle.loads(task.read_bytes())  # noqa: S301 - by this program
    if os.getppid() != parent:
        return
    try:
        found = deed(*args)
    except SitewrightError as error:
        found = error
    result.write_bytes(pickle.dumps(found))


if __name__ == "__main__":
    _main(*map(Path, sys.argv[1:]))
