"""A server or a worker that is killed and started again, hundreds of times, without importing everything each time.

python -m tests.web.mortal SETTINGS.json server PORT | worker

The process reads one line a life from stdin: `born` or `ready`, and how many seconds after that moment SIGKILL comes.
For each it forks a child, which serves or works. A server is ready when it listens.
"""

import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path

from bim.isolation import Limits
from web.settings import ServerSettings

SETTINGS = ServerSettings.model_validate_json(Path(sys.argv[1]).read_text())


def serve(port: int, ready: int) -> None:
    import uvicorn

    from web.server import create_app

    class Telling(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            os.close(ready)

    Telling(uvicorn.Config(create_app(SETTINGS), port=port, log_level="critical")).run()


def work() -> None:
    from web.workers import work as work_until

    work_until(SETTINGS, Limits(), SETTINGS.data / "cache", threading.Event().wait)


def main() -> None:
    import web.server
    from web.work import tasks

    assert web.server
    tasks()
    for line in sys.stdin:
        since, seconds = line.split()
        heard, ready = os.pipe()
        child = os.fork()
        if child == 0:
            os.setsid()
            serve(int(sys.argv[3]), ready) if sys.argv[2] == "server" else work()
            os._exit(0)
        os.close(ready)
        if since == "ready":
            os.read(heard, 1)  # ends when the child closes its end, or dies
        os.close(heard)
        time.sleep(float(seconds))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        print("dead", flush=True)


if __name__ == "__main__":
    main()
