"""The live demo: the server on this machine with the demo site loaded, until stopped."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from sitewright.companions import Desk, companions
from sitewright.serve import listening, run, workers

if TYPE_CHECKING:
    from sitewright.demo import DemoSite
    from web.demo_site import DemoFiles

LINK_LASTS = timedelta(hours=12)
HOST, PORT = "127.0.0.1", 0
SCOPES = ["read", "ingest"]


def live_demo(folder: Path, say: Callable[[str], None]) -> None:
    """Make the demo site, serve it, and say where. Ends with SIGINT or SIGTERM, and everything that it started too."""
    from sitewright.demo import make_demo_site
    from sitewright.settings import load_settings
    from web.demo_site import SITE_ID, load_demo
    from web.first_run import sign_in_link, token_for
    from web.schemas.people import TokenIn
    from web.security import Capability
    from web.server import create_app

    settings = load_settings().server.model_copy(update={"host": HOST, "port": PORT, "data": folder / "server"})
    app = create_app(settings)
    server = app.state.server
    say("Building a site in code and scanning it…")
    site = make_demo_site(folder)
    manager = load_demo(server.engine, server.files, _files(site))
    token = token_for(
        server.engine,
        manager,
        TokenIn(name="Robots of the demo", site_id=SITE_ID, scopes=[Capability(each) for each in SCOPES]),
    )
    with (
        listening(settings) as (listener, address),
        workers(settings),
        companions(Desk(folder, address, SITE_ID, token, site.model, site.schedule, site.date.date().isoformat())),
    ):
        say(f"Sitewright serves the demo site at {address}")
        say(f"Sign in as its manager, once, by this link: {address}{sign_in_link(server.engine, manager, LINK_LASTS)}")
        say("The comparison runs in the background; then rovers scan, and wait for you to approve the rest.")
        say("Ctrl-C ends everything.")
        run(app, listener, settings)


def _files(site: "DemoSite") -> "DemoFiles":
    from web.demo_site import DemoFiles

    return DemoFiles(site.model, site.schedule, site.scan, site.stations, site.date.date())
