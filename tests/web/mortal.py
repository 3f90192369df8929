"""A server or a worker that is killed and started again, hundreds of times, without importing everything each time.

python -m tests.web.mortal SETTINGS.json server PORT | worker

The process reads one line a life from stdin. For each it forks a child, which serves or works, and says `born`; the
next line, a number of seconds, is how long that child may live before SIGKILL.
"""

import os
import signal
import sys
import threading
import time
from pathlib import Path

from bim.isolation import Limits
from web.settings import ServerSettings

SETTINGS = ServerSettings.model_validate_json(Path(sys.argv[1]).read_text())


def serve(port: int) -> None:
    import uvicorn

    from web.server import create_app

    uvicorn.run(create_app(SETTINGS), port=port, log_level="critical")


def work() -> None:
    from web.workers import work as work_until

    work_until(SETTINGS, Limits(), SETTINGS.data / "cache", threading.Event().wait)


def main() -> None:
    import web.server
    from web.work import tasks

    assert web.server
    tasks()
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            os.setsid()
            serve(int(sys.argv[3])) if sys.argv[2] == "server" else work()
            os._exit(0)
        print("born", flush=True)
        time.sleep(float(line))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        print("dead", flush=True)


if __name__ == "__main__":
    main()
