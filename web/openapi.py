"""web/openapi.json: what the API is, for the generated client and whoever else. `python -m web.openapi` writes it."""

import json
import tempfile
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from web.access import Allowed, guard_of
from web.settings import ServerSettings

PATH = Path(__file__).parent / "openapi.json"


def document(app: FastAPI) -> dict[str, Any]:
    """The API as OpenAPI 3.1; `x-requires` says what each operation asks for."""
    described: dict[str, Any] = json.loads(json.dumps(app.openapi()))
    asks = {(route.path_format, method.lower()): ask for route in api_routes() for method in route.methods or ()
            if (ask := requirement(route))}  # fmt: skip
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            if (path, method) in asks:
                operation["x-requires"] = asks[path, method]
    return described


def requirement(route: APIRoute) -> str | None:
    """What a route asks of its caller: a capability, `person`, `administrator`; None where it is open."""
    guard = guard_of(route.dependant)
    if isinstance(guard, Allowed):
        return guard.capability.value
    return type(guard).__name__ if guard else None


def api_routes() -> list[APIRoute]:
    """Every route of the API."""
    from web.server import ROUTERS

    return [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]


def text() -> str:
    """The document as it is kept."""
    from web.server import create_app

    with tempfile.TemporaryDirectory() as folder:
        app = create_app(ServerSettings(data=Path(folder)))
        return json.dumps(document(app), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    PATH.write_text(text(), encoding="utf-8")
