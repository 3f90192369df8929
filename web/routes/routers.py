"""Routers, and the parameters that many routes take."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from fastapi.routing import APIRoute

from web.access import GuardedRoute
from web.identifiers import ID_PATTERN
from web.problems import MEDIA_TYPE, ProblemBody

API, SITE = "/api/v1", "/sites/{site_id}"
Ref = Annotated[str, Path(pattern=ID_PATTERN)]
Cursor = Annotated[str | None, Query(max_length=400, description="`next` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=1000, description="How many at most.")]
PROBLEMS: dict[int | str, dict[str, Any]] = {
    "default": {"description": "What went wrong", "content": {MEDIA_TYPE: {"schema": ProblemBody.model_json_schema()}}}
}


def routes(tag: str, prefix: str = "", route_class: type[APIRoute] = GuardedRoute) -> APIRouter:
    """A router outside of sites."""
    return APIRouter(prefix=API + prefix, tags=[tag], route_class=route_class, responses=PROBLEMS)


def site_routes(tag: str) -> APIRouter:
    """A router within a site."""
    return routes(tag, SITE)


def stream_routes(tag: str) -> APIRouter:
    """A router within a site whose bodies stream in or out: its routes open transactions where they need one."""
    return routes(tag, SITE, APIRoute)
