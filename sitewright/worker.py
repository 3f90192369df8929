"""`sitewright worker`: does the server's jobs. Several of them, on several machines, share the queue in PostgreSQL."""

import signal
import threading
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer


def worker(
    data: Annotated[Path | None, typer.Option(metavar="DIR", help="The server's folder; from the settings.")] = None,
) -> None:
    """Do the jobs of a server: read models, compare, report, until stopped."""
    from sitewright.settings import load_settings
    from web.workers import work

    settings = load_settings()
    server = settings.server if data is None else settings.server.model_copy(update={"data": data})
    ended = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        ended.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    work(server, settings.limits, settings.cache, ended.wait)
