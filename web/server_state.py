"""What a running server holds together; `create_app` makes it, routes find it by their request."""

from dataclasses import dataclass
from pathlib import Path
from typing import cast

from fastapi import Request
from sqlalchemy import Engine

from web.feed import Feed
from web.files import Files
from web.limits import Limiter, Turns
from web.settings import ServerSettings


@dataclass(frozen=True)
class Server:
    """The parts of a server that routes use."""

    settings: ServerSettings
    engine: Engine
    files: Files
    feed: Feed
    requests: Limiter
    """Of each credential."""
    addresses: Limiter
    """Of each address, whatever names it gives."""
    sign_ins: Limiter
    turns: Turns

    @property
    def uploads(self) -> Path:
        """Where unfinished uploads lie."""
        return self.settings.data / "uploads"


def server_of(request: Request) -> Server:
    """The server that a request came to."""
    return cast(Server, request.app.state.server)
