"""The real server with the demo site, for browser tests: `demo_server.py FOLDER` prepares one and ends;
`demo_server.py FOLDER PORT` serves it and prints a link that signs its manager in."""

import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from sitewright.demo import make_demo_site
from sitewright.serve import listening, run
from sitewright.settings import load_settings
from web.demo_site import PERSON_ID, DemoFiles, load_demo
from web.first_run import sign_in_link
from web.server import create_app
from web.workers import work

if TYPE_CHECKING:
    from web.settings import ServerSettings


def prepare(folder: Path) -> None:
    """Make the site, load it, and do every job: read, compare, report, pack."""
    settings, site = settings_of(folder), make_demo_site(folder / "site")
    server = create_app(settings).state.server
    files = DemoFiles(site.model, site.schedule, site.scan, site.stations, site.date.date())
    load_demo(server.engine, server.files, files)
    common = load_settings()
    work(settings, common.limits, folder / "cache", wait=lambda seconds: seconds > 0)


def serve(folder: Path, port: int) -> None:
    """Serve until SIGTERM."""
    settings = settings_of(folder, port)
    app = create_app(settings)
    with listening(settings) as (listener, _):
        print(sign_in_link(app.state.server.engine, PERSON_ID, timedelta(hours=1)), flush=True)
        run(app, listener, settings)


def settings_of(folder: Path, port: int = 0) -> "ServerSettings":
    """One folder, one port, no worker of its own."""
    values = {"host": "127.0.0.1", "port": port, "data": folder / "server", "workers": 0}
    return load_settings().server.model_copy(update=values)


if __name__ == "__main__":
    if len(sys.argv) == 2:
        prepare(Path(sys.argv[1]))
    else:
        serve(Path(sys.argv[1]), int(sys.argv[2]))
