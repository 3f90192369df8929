"""The first administrator, one-time links for who sits at the server, and tokens for what starts beside it."""

from datetime import timedelta

from sqlalchemy import Engine
from sqlmodel import Session, col, delete, select

from web.database import writing
from web.routes.people import new_link
from web.routes.signing_in import new_token
from web.schemas.people import TokenIn
from web.tables import Link, Person


def link_for_first_administrator(engine: Engine) -> str | None:
    """The path of a new link that makes the first administrator; None when there is one. Older links end."""
    with writing(engine) as session:
        if session.exec(select(Person).where(col(Person.is_admin))).first():
            return None
        session.exec(delete(Link).where(col(Link.person_id).is_(None)))
        path = _kept(session, None, timedelta(days=3))
        session.commit()
        return path


def sign_in_link(engine: Engine, person_id: str, lasts: timedelta) -> str:
    """The path of a new link that signs a person in, once."""
    with writing(engine) as session:
        path = _kept(session, person_id, lasts)
        session.commit()
        return path


def token_for(engine: Engine, person_id: str, wanted: TokenIn) -> str:
    """The key of a new API token, for a program that starts beside the server."""
    with writing(engine) as session:
        token, key = new_token(person_id, wanted)
        session.add(token)
        session.commit()
        return key


def _kept(session: Session, person_id: str | None, lasts: timedelta) -> str:
    link, path = new_link(person_id, lasts)
    session.add(link)
    return path
