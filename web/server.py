"""The server: `create_app(settings)` wires everything. Read this first.

request ─▶ limits (size, rate) ─▶ route ─▶ access (who, may they) ─▶ store (rows of one site)
                                                   │ one transaction: rows, audit, events, answer
worker ◀── jobs (queue in the database) ◀──────────┘
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from bim.errors import SitewrightError
from web import problems
from web.app_pages import add_app
from web.database import answers, open_database, upgrade
from web.feed import Feed
from web.files import Files
from web.forgetting import EVERY_S, forget
from web.gate import Gate
from web.limits import Limiter, Turns
from web.routes import (
    administration,
    comparisons,
    events,
    issues,
    models,
    packs,
    people,
    programme,
    robots,
    safety,
    signing_in,
    uploads,
)
from web.server_state import Server, server_of
from web.settings import ServerSettings

VERSION = "1.0.0"
SIGN_INS_PER_S, SIGN_INS_AT_ONCE = 0.5, 20.0
CLIENTS_BEHIND = 10
"""How many busy clients one address may have behind it, such as the tablets of a site; made-up names give no more."""
ROUTERS = (
    signing_in.router,
    people.server_routes,
    people.router,
    uploads.router,
    uploads.parts,
    models.router,
    packs.router,
    comparisons.router,
    programme.router,
    issues.router,
    robots.router,
    safety.router,
    administration.server_routes,
    administration.router,
    events.router,
)


def create_app(settings: ServerSettings, app_folder: Path | None = None) -> FastAPI:
    """The server as an ASGI application; its database is brought up to date. Raises BadInput for wrong settings."""
    server = _server(settings)
    app = FastAPI(title="Sitewright", version=VERSION, lifespan=_running, generate_unique_id_function=_operation,
                  docs_url=None, redoc_url=None, separate_input_output_schemas=False)  # fmt: skip
    app.state.server = server
    for router in ROUTERS:
        app.include_router(router)
    app.add_api_route("/healthz", healthz, name="healthz", tags=["health"])
    add_app(app, app_folder)
    _tell_problems(app)
    app.add_middleware(Gate, server=server)
    return app


def healthz(request: Request) -> JSONResponse:
    """Whether the server is ready: 200, or 503 while its database does not answer."""
    ready = answers(server_of(request).engine)
    return JSONResponse({"status": "ok" if ready else "database away", "version": VERSION}, 200 if ready else 503)


def _server(settings: ServerSettings) -> Server:
    settings.data.mkdir(parents=True, exist_ok=True)
    engine = open_database(settings.database)
    upgrade(engine)
    server = Server(
        settings=settings,
        engine=engine,
        files=Files(settings.files),
        feed=Feed(engine),
        requests=Limiter(settings.requests_per_s, 4 * settings.requests_per_s),
        addresses=Limiter(CLIENTS_BEHIND * settings.requests_per_s, 4 * CLIENTS_BEHIND * settings.requests_per_s),
        sign_ins=Limiter(SIGN_INS_PER_S, SIGN_INS_AT_ONCE),
        turns=Turns(one_writer=engine.dialect.name == "sqlite"),
    )
    server.uploads.mkdir(parents=True, exist_ok=True)
    uploads.finish_interrupted(server)
    return server


@asynccontextmanager
async def _running(app: FastAPI) -> AsyncIterator[None]:
    server: Server = app.state.server
    beside = [asyncio.create_task(each) for each in (server.feed.run(), _forget_now_and_then(server))]
    try:
        yield
    finally:
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        server.engine.dispose()


async def _forget_now_and_then(server: Server) -> None:
    while True:
        with suppress(SQLAlchemyError):  # a database that is away is asked again next time
            await run_in_threadpool(forget, server.engine, server.files)
        await asyncio.sleep(EVERY_S)


def _operation(route: APIRoute) -> str:
    return route.name


def _tell_problems(app: FastAPI) -> None:
    app.add_exception_handler(problems.Problem, problems.on_problem)
    app.add_exception_handler(SitewrightError, problems.on_refusal)
    app.add_exception_handler(RequestValidationError, problems.on_invalid)
    app.add_exception_handler(HTTPException, problems.on_http)
    app.add_exception_handler(OSError, problems.on_system)
    app.add_exception_handler(ClientDisconnect, problems.on_gone)
    app.add_exception_handler(Exception, problems.on_fault)
    for error in problems.DATABASE_ERRORS:
        app.add_exception_handler(error, problems.on_database)
