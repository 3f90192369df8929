"""Whatever changes in the database leaves a trail: a new version, an entry of the audit, an event for the stream.

Nothing can forget to: it hangs on the session, not on the routes. `session.info["actor"]` says who does it.
"""

from typing import Any

from pydantic_core import to_jsonable_python
from sqlalchemy import event, inspect
from sqlmodel import Session, col, select

from web.database import in_turn
from web.tables import Audit, Camera, DocumentRow, Event, Job, Robot, Row, SiteRow, Upload, Webhook, now

UNTOLD = (Robot, Camera, Job, Upload)
"""Told of by their routes, many at once, or by nobody."""


def tell(session: Session, site_id: str, name: str, data: dict[str, Any]) -> None:
    """Put an event on the stream of a site, when and if this transaction commits."""
    in_turn(session, "events")
    body = to_jsonable_python(data)
    session.add(Event(site_id=site_id, name=name, data=body))
    for webhook in session.exec(select(Webhook).where(Webhook.site_id == site_id, col(Webhook.is_active))):
        if any(name == wanted or (wanted.endswith(".") and name.startswith(wanted)) for wanted in webhook.events):
            payload = {"webhook_id": webhook.id, "event": {"name": name, "at": now().isoformat(), "data": body}}
            session.add(Job(site_id=site_id, task="deliver", payload=payload))


def record(session: Session, verb: str, kind: str, ref: str, changes: dict[str, Any], site_id: str | None) -> None:
    """Put an entry into the audit trail."""
    actor, name = session.info.get("actor", ("server", "server"))
    session.add(Audit(site_id=site_id, actor=actor, actor_name=name, verb=verb, kind_=kind, ref=ref, changes=changes))


@event.listens_for(Session, "before_flush")
def _leave_a_trail(session: Session, context: object, instances: object) -> None:
    for row in [*session.new]:
        if isinstance(row, Row) and row.kind:
            _trace(session, row, "created", {name: value for name, value in _columns(row).items() if value is not None})
    for row in [*session.dirty]:
        if isinstance(row, Row) and row.kind and (changes := _changes(row)):
            if isinstance(row, SiteRow):
                row.version, row.updated_at = row.version + 1, now()
            _trace(session, row, "changed", changes)
    for row in [*session.deleted]:
        if isinstance(row, Row) and row.kind:
            _trace(session, row, "deleted", {})


def _trace(session: Session, row: Row, verb: str, changes: dict[str, Any]) -> None:
    ref = str(getattr(row, "id", None) or getattr(row, "person_id", ""))
    site_id = row.id if row.kind == "site" else getattr(row, "site_id", None)  # type: ignore[attr-defined]
    if row.audited:
        record(session, verb, row.kind, ref, changes, site_id)
    if isinstance(row, SiteRow) and not isinstance(row, UNTOLD):
        body = {"body": row.body} if isinstance(row, DocumentRow) and verb != "deleted" else {}
        tell(session, row.site_id, f"{row.kind}.{'deleted' if verb == 'deleted' else 'updated'}",
             {"id": row.id, "version": row.version} | body)  # fmt: skip


def _columns(row: Row) -> dict[str, Any]:
    values = {key: getattr(row, key) for key in type(row).model_fields}
    return dict(to_jsonable_python({name: value for name, value in values.items() if name not in row.secret}))


def _changes(row: Row) -> dict[str, Any]:
    """Column by column what it was and is; of a document, key by key."""
    found: dict[str, Any] = {}
    for attribute in inspect(row).attrs:
        history = attribute.history
        if history.has_changes() and attribute.key not in row.secret:
            before, after = (values[0] if values else None for values in (history.deleted, history.added))
            found |= _difference(attribute.key, before, after)
    return found


def _difference(name: str, before: Any, after: Any) -> dict[str, Any]:
    before, after = to_jsonable_python(before), to_jsonable_python(after)
    if isinstance(before, dict) and isinstance(after, dict):
        keys = [key for key in {**before, **after} if before.get(key) != after.get(key)]
        return {f"{name}.{key}": [before.get(key), after.get(key)] for key in keys}
    return {} if before == after else {name: [before, after]}
