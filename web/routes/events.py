"""The stream of events (server-sent events). A client that comes back says by Last-Event-ID what it heard last."""

import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import Header, Request
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from web.access import Allowed, SiteId, checked
from web.feed import Feed
from web.problems import Problem
from web.routes.routers import PROBLEMS, stream_routes
from web.security import Capability
from web.server_state import server_of
from web.tables import Event

router = stream_routes("events")
LISTENS = Allowed(Capability.READ)
OK: dict[int | str, dict[str, Any]] = {
    200: {"description": "Events, as they come", "content": {"text/event-stream": {"schema": {"type": "string"}}}}
}


@router.get("/events", response_class=StreamingResponse, responses={**PROBLEMS, **OK},
            openapi_extra={"x-requires": "read"})  # fmt: skip
async def stream_events(
    request: Request, site_id: SiteId, last_event_id: Annotated[str, Header(max_length=30)] = ""
) -> StreamingResponse:
    """Everything that happens on a site, from `Last-Event-ID` on, or from now."""
    await run_in_threadpool(checked, LISTENS, request)
    after = (
        int(last_event_id) if last_event_id.isascii() and last_event_id.isdigit() and len(last_event_id) < 19 else None
    )
    stream = _stream(request, server_of(request).feed, site_id, after)
    return StreamingResponse(stream, media_type="text/event-stream",
                             headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})  # fmt: skip


async def _stream(request: Request, feed: Feed, site_id: str, after: int | None) -> AsyncIterator[bytes]:
    yield b"retry: 2000\n\n"
    async for event in feed.listen(site_id, after):
        if event is not None:
            yield _line(event)
            continue
        try:  # while nothing happens, see whether the listener may still listen
            await run_in_threadpool(checked, LISTENS, request)
        except Problem:
            return
        yield b": still here\n\n"


def _line(event: Event) -> bytes:
    data = json.dumps({"at": event.at.isoformat(), **event.data}, ensure_ascii=False, separators=(",", ":"))
    return f"id: {event.id}\nevent: {event.name}\ndata: {data}\n\n".encode()
