"""Routers, and the parameters that many routes take."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query

from web.identifiers import ID_PATTERN
from web.problems import MEDIA_TYPE, ProblemBody
from web.transactions import TransactionRoute

API = "/api/v1"
Ref = Annotated[str, Path(pattern=ID_PATTERN)]
Cursor = Annotated[str | None, Query(max_length=400, description="`next` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=1000, description="How many at most.")]
PROBLEMS: dict[int | str, dict[str, Any]] = {
    "default": {"description": "What went wrong", "content": {MEDIA_TYPE: {"schema": ProblemBody.model_json_schema()}}}
}


def routes(tag: str, prefix: str = "") -> APIRouter:
    """A router outside of sites."""
    return APIRouter(prefix=API + prefix, tags=[tag], route_class=TransactionRoute, responses=PROBLEMS)


def site_routes(tag: str) -> APIRouter:
    """A router within a site."""
    return routes(tag, "/sites/{site_id}")
