"""The verbs on the database that routes share. Everything goes through a site: no query can forget it."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from fastapi import Request, Response
from sqlalchemy import ColumnElement
from sqlmodel import Session, col, delete, select

from web.access import Access
from web.problems import Problem, not_found, stale
from web.schemas.wire import Page
from web.tables import DocumentRow, Mention, SiteRow

R = TypeVar("R", bound=SiteRow)
D = TypeVar("D", bound=DocumentRow)
O = TypeVar("O")  # noqa: E741


def found(access: Access, table: type[R], ref: str) -> R:
    """A row of the site. Raises Problem 404."""
    row = access.session.get(table, (access.site_id, ref))
    if row is None:
        raise not_found(f"{table.kind} {ref}")
    return row


def page(
    access: Access,
    table: type[R],
    shown: Callable[[R], O],
    cursor: str | None,
    limit: int,
    where: Sequence[ColumnElement[bool]] = (),
) -> Page[O]:
    """Rows of the site, newest first, from a cursor on."""
    query = select(table).where(table.site_id == access.site_id, *where)
    if cursor:
        query = query.where(col(table.id) < cursor_read(cursor))
    rows = access.session.exec(query.order_by(col(table.id).desc()).limit(limit + 1)).all()
    after = cursor_of(rows[limit - 1].id) if len(rows) > limit else None
    return Page(items=[shown(row) for row in rows[:limit]], next=after)


def cursor_of(place: str) -> str:
    """A place in a list, as something that nobody takes for a number."""
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def cursor_read(cursor: str) -> str:
    """The place. Raises Problem 400."""
    try:
        return base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().replace("\0", "")
    except (binascii.Error, ValueError):
        raise Problem(
            400, "bad-cursor", "the cursor is none of this server; begin without one", "游标无效；请从头开始读取"
        ) from None


def check_version(request: Request, row: SiteRow) -> None:
    """Refuse a change of something that changed since it was read, when the caller says what they read."""
    wanted = request.headers.get("if-match")
    if wanted and wanted != "*" and wanted.strip('W/"') != str(row.version):
        raise stale(row.version)


def etag(session: Session, response: Response, row: SiteRow) -> None:
    """Say which version the answer shows, once the change has got its number."""
    session.flush()
    response.headers["ETag"] = f'"{row.version}"'


# --- Documents --------------------------------------------------------------------------------------------------------


def put(access: Access, table: type[D], ref: str, body: dict[str, Any], state: str) -> D:
    """Write a document of the site, new or over the old one. The same once more changes nothing."""
    row = access.session.get(table, (access.site_id, ref))
    if row is None:
        return add(access, table, ref, body, state)
    if row.body != body or row.state != state:
        row.body, row.state = body, state
    mention(access.session, row)
    return row


def add(access: Access, table: type[D], ref: str, body: dict[str, Any], state: str, **columns: Any) -> D:
    """Write a document of the site that is not there yet."""
    row = table(site_id=access.site_id, id=ref, body=body, state=state, created_by=access.actor.id, **columns)
    access.session.add(row)
    _speak(access.session, row)
    return row


def mention(session: Session, row: DocumentRow) -> None:
    """Note which elements a document speaks of now, so that each element finds it."""
    session.exec(delete(Mention).where(
        col(Mention.site_id) == row.site_id, col(Mention.what) == row.kind, col(Mention.ref) == row.id))  # fmt: skip
    _speak(session, row)


def _speak(session: Session, row: DocumentRow) -> None:
    for global_id in dict.fromkeys(row.body.get("element_ids") or ()):
        session.add(Mention(site_id=row.site_id, global_id=global_id, what=row.kind, ref=row.id))


def stored(row: SiteRow) -> dict[str, Any]:
    """What every stored thing says of itself."""
    return {"version": row.version, "created_at": row.created_at, "updated_at": row.updated_at,
            "created_by": row.created_by}  # fmt: skip
