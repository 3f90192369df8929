"""`sitewright serve`: the server with its workers, until stopped."""

import contextlib
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bim.errors import BadInput

if TYPE_CHECKING:
    from web.server_state import Server
    from web.settings import ServerSettings


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on; from the settings when left out.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one.")] = None,
    data: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder for everything that is stored.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Run the server and the app. The first start prints a link that makes the administrator."""
    from sitewright.settings import load_settings
    from web.server import create_app

    given = {"host": host, "port": port, "data": data}
    settings = load_settings().server.model_copy(
        update={key: value for key, value in given.items() if value is not None}
    )
    app = create_app(settings)
    with listening(settings) as (listener, address):
        link = first_link(app.state.server)
        if not quiet:
            print(f"Sitewright serves {address}", flush=True)
        if link:
            print(f"Make the first administrator, within three days: {address}{link}", flush=True)
        with workers(settings):
            run(app, listener, settings)


@contextlib.contextmanager
def listening(settings: "ServerSettings") -> Iterator[tuple[socket.socket, str]]:
    """A socket that listens, and the address to tell people. Raises BadInput where that is not possible."""
    try:
        listener = socket.create_server((settings.host, settings.port), backlog=1024)
    except OSError as error:
        found = f"cannot listen on {settings.host}:{settings.port} ({error.strerror})"
        raise BadInput(found, "a free port and an address of this machine", "choose another --port or --host") from None
    with listener:
        scheme, port = "https" if settings.tls_certificate else "http", listener.getsockname()[1]
        host = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host  # noqa: S104
        yield listener, settings.public_url or f"{scheme}://{host}:{port}"


def first_link(server: "Server") -> str | None:
    """The path of a link that makes the first administrator; None when there is one."""
    from web.first_run import link_for_first_administrator

    return link_for_first_administrator(server.engine)


def run(app: Any, listener: socket.socket, settings: "ServerSettings") -> None:
    """Serve until SIGINT or SIGTERM."""
    import uvicorn

    class Serving(uvicorn.Server):
        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            app.state.server.feed.end()  # else listeners are waited for, and then cut off
            await super().shutdown(sockets)

    config = uvicorn.Config(
        app, log_level="warning", access_log=False, server_header=False, timeout_graceful_shutdown=3,
        ssl_certfile=settings.tls_certificate, ssl_keyfile=settings.tls_key, proxy_headers=bool(settings.public_url),
    )  # fmt: skip
    Serving(config).run(sockets=[listener])


@contextlib.contextmanager
def workers(settings: "ServerSettings") -> Iterator[None]:
    """Worker processes beside the server; one that dies is started again, all end with the server."""
    ended = threading.Event()
    keepers = [threading.Thread(target=_keep_worker, args=(settings.data, ended)) for _ in range(settings.workers)]
    for keeper in keepers:
        keeper.start()
    try:
        yield
    finally:
        ended.set()
        for keeper in keepers:
            keeper.join()


def _keep_worker(data: Path, ended: threading.Event) -> None:
    command = [sys.executable, "-m", "sitewright", "worker", "--data", str(data)]
    while not ended.is_set():
        process = subprocess.Popen(command)  # noqa: S603
        while process.poll() is None and not ended.wait(0.2):
            pass
        if process.poll() is None:
            process.terminate()
            process.wait()
        ended.wait(1.0)
