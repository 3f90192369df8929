"""Who asks, and may they: a cookie with its CSRF header, or a token; then roles or scopes; then the route.

A route names what it asks for by the type of its parameter: `access: Surveys`. A site that the caller is not on does
not exist for them (404); what their role does not allow is refused (403). Who sends much, or something that is slow to
read, is asked before: strangers cost a look into the database, not a body.
"""

import hashlib
import hmac
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import Depends, Path, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from sqlalchemy import bindparam
from sqlmodel import Session, col, select
from starlette.concurrency import run_in_threadpool

from web.database import reading
from web.identifiers import ID_PATTERN, digest
from web.problems import Problem, not_found
from web.security import TOKEN_PREFIX, Capability, capabilities, of_token
from web.server_state import Server, server_of
from web.tables import ApiToken, Membership, Person, SignIn, Site, now
from web.transactions import SAFE, TransactionRoute, answer_again, take_turn

SiteId = Annotated[str, Path(pattern=ID_PATTERN, description="The site.")]
CSRF = "x-csrf-token"


@dataclass(frozen=True)
class Actor:
    """A person, or a program that acts for one by a token."""

    id: str
    name: str
    person: Person
    token: ApiToken | None = None


@dataclass(frozen=True)
class Access:
    """Who asks, for which site (empty outside sites), with what rights, and the transaction to answer in."""

    actor: Actor
    site_id: str
    may: frozenset[Capability]
    session: Session
    server: Server


def cookie_name(secure: bool) -> str:
    """`__Host-` binds a cookie to exactly this host; browsers take it by TLS only."""
    return "__Host-sitewright" if secure else "sitewright"


def csrf_of(secret: str) -> str:
    """What only a page of ours can read and send back. Derived from the cookie's secret, which no script sees."""
    return hashlib.sha256(f"csrf {secret}".encode()).hexdigest()


class Anyone:
    """Any person or program that is signed in. As a dependency of a route it waits for the request's turn."""

    async def __call__(self, request: Request) -> Access:
        """Their access, outside of any site."""
        await take_turn(request)
        return await run_in_threadpool(self.check, request, request.state.session)

    def check(self, request: Request, session: Session, site_id: str = "") -> Access:
        """Their access, outside of any site."""
        return self._access(request, session, frozenset())

    def _access(self, request: Request, session: Session, may: frozenset[Capability]) -> Access:
        actor = request.state.actor_found = _actor(request, session)
        session.info["actor"] = (actor.id, actor.name)
        return Access(actor, "", may, session, server_of(request))

    def admitted(self, request: Request, access: Access) -> Access:
        """The access, unless this very request was answered before."""
        answer_again(request, access.session, access.actor.id)
        return access


class AnyPerson(Anyone):
    """Any person or program that is signed in; of changes, persons only."""

    def check(self, request: Request, session: Session, site_id: str = "") -> Access:
        """Their access, outside of any site."""
        access = self._access(request, session, frozenset())
        if access.actor.token and request.method not in SAFE:
            raise forbidden("a person who is signed in")
        return self.admitted(request, access)


class Administrator(Anyone):
    """An administrator of the server, in person."""

    def check(self, request: Request, session: Session, site_id: str = "") -> Access:
        """Their access, outside of any site."""
        access = self._access(request, session, frozenset(Capability))
        if access.actor.token or not access.actor.person.is_admin:
            raise forbidden("an administrator")
        return self.admitted(request, access)


class Allowed(Anyone):
    """Someone who may do something on a site."""

    def __init__(self, capability: Capability) -> None:
        self.capability = capability

    async def __call__(self, request: Request, site_id: SiteId) -> Access:  # type: ignore[override]
        """Their access to the site."""
        await take_turn(request)
        return await run_in_threadpool(self.check, request, request.state.session, site_id)

    def check(self, request: Request, session: Session, site_id: str = "") -> Access:
        """Their access to the site."""
        access = self._access(request, session, frozenset())
        may = _rights(session, access.actor, site_id)
        if not may:
            raise not_found(f"site {site_id}")
        if self.capability not in may:
            raise forbidden(f"the right to {self.capability}")
        return self.admitted(request, replace(access, site_id=site_id, may=may))


def guard_of(dependant: Dependant) -> Anyone | None:
    """What a route asks of its caller; None where it is open."""
    for each in dependant.dependencies:
        guard = each.call if isinstance(each.call, Anyone) else guard_of(each)
        if guard:
            return guard
    return None


# --- Before the transaction -------------------------------------------------------------------------------------------

MUCH_BYTES = 64 * 1024
"""A body of more than this is read only from who may send it."""


class GuardedRoute(TransactionRoute):
    """A route that knows its caller before it reads much from them."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler behind its guard."""
        handle = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            if _sends_much(request):
                await known_beforehand(request)
            return await handle(request)

        return guarded


async def known_beforehand(request: Request) -> None:
    """See that the caller may do what the route does, in a reading transaction of its own. Raises Problem."""
    route: APIRoute = request.scope["route"]
    guard = guard_of(route.dependant)
    if guard:
        await run_in_threadpool(checked, guard, request)


def checked(guard: Anyone, request: Request) -> Access:
    """The caller's access, whose session ends here. Raises Problem."""
    with reading(server_of(request).engine) as session:
        return guard.check(request, session, request.path_params.get("site_id", ""))


KnownBeforehand = Annotated[None, Depends(known_beforehand)]
"""For a dependency that is slow, such as decoding a picture: named before `access`, it holds up no transaction."""


def _sends_much(request: Request) -> bool:
    """Whether a large body comes, or one of a length that is not said."""
    return "transfer-encoding" in request.headers or int(request.headers.get("content-length", 0)) > MUCH_BYTES


# --- Who it is --------------------------------------------------------------------------------------------------------


def _actor(request: Request, session: Session) -> Actor:
    authorization = request.headers.get("authorization", "")
    actor = _by_token(session, authorization) if authorization else _by_cookie(request, session)
    if not actor.person.is_active:
        raise unauthorized()
    return actor


def _by_token(session: Session, authorization: str) -> Actor:
    scheme, _, text = authorization.partition(" ")
    prefix, _, rest = text.strip().partition("_")
    token_id, _, secret = rest.partition("_")
    if scheme.lower() != "bearer" or prefix != TOKEN_PREFIX or not token_id.isalnum():
        raise unauthorized()
    token = session.get(ApiToken, token_id)
    if not token or not hmac.compare_digest(token.secret_hash, digest(secret)):
        raise unauthorized()
    person = session.get(Person, token.person_id)
    if not person or (token.expires_at and token.expires_at <= now()):
        raise unauthorized()
    return Actor(f"token:{token.id}", f"{token.name} ({person.name})", person, token)


_SIGNED_IN = (
    select(Person)
    .join(SignIn, col(SignIn.person_id) == Person.id)
    .where(SignIn.id == bindparam("id"), col(SignIn.expires_at) > bindparam("now"))
)
"""Every request of a browser asks it, so it is put together once."""


def _by_cookie(request: Request, session: Session) -> Actor:
    secret = request.cookies.get(cookie_name(server_of(request).settings.secure), "")
    if not secret:
        raise unauthorized()
    person = session.exec(_SIGNED_IN, params={"id": digest(secret), "now": now()}).first()
    if not person:
        raise unauthorized()
    if request.method not in SAFE and not hmac.compare_digest(
        request.headers.get(CSRF, "").encode(), csrf_of(secret).encode()
    ):
        raise Problem(403, "csrf", "the X-CSRF-Token header is missing or wrong; read it from GET /api/v1/session",
                      "缺少 X-CSRF-Token 或其值有误；请从 GET /api/v1/session 获取")  # fmt: skip
    return Actor(f"person:{person.id}", person.name, person)


def _rights(session: Session, actor: Actor, site_id: str) -> frozenset[Capability]:
    """What the actor may do on a site; nothing where the site is not theirs."""
    person, token = actor.person, actor.token
    membership = session.get(Membership, (site_id, person.id))
    if not membership and not (person.is_admin and session.get(Site, site_id) is not None):
        return frozenset()
    own = capabilities(membership.roles if membership else (), is_admin=person.is_admin)
    if token is None:
        return own
    return of_token(token.scopes, own) if token.site_id in (None, site_id) else frozenset()


def sites_of(session: Session, actor: Actor) -> list[tuple[Site, list[str]]]:
    """The sites of a person with the roles there, by name; an administrator's are all."""
    roles = {
        m.site_id: m.roles for m in session.exec(select(Membership).where(Membership.person_id == actor.person.id))
    }
    query = select(Site) if actor.person.is_admin else select(Site).where(col(Site.id).in_(roles))
    only = actor.token.site_id if actor.token else None
    found = [site for site in session.exec(query.order_by(col(Site.name))) if only in (None, site.id)]
    return [(site, roles.get(site.id, [])) for site in found]


def unauthorized() -> Problem:
    """Nobody is signed in."""
    return Problem(401, "signed-out", "nobody is signed in; sign in and try again", "尚未登录；请登录后重试",
                   {"WWW-Authenticate": "Bearer"})  # fmt: skip


def forbidden(needed: str) -> Problem:
    """Someone is, but may not."""
    return Problem(
        403, "forbidden", f"this needs {needed}; ask the site's manager", f"没有权限（需要 {needed}）；请联系工地管理员"
    )


# --- What a route may ask for -----------------------------------------------------------------------------------------

SignedInAs = Annotated[Access, Depends(AnyPerson())]
Administers = Annotated[Access, Depends(Administrator())]
Reads = Annotated[Access, Depends(Allowed(Capability.READ))]
Surveys = Annotated[Access, Depends(Allowed(Capability.SURVEY))]
Plans = Annotated[Access, Depends(Allowed(Capability.PLAN))]
Raises = Annotated[Access, Depends(Allowed(Capability.ISSUE))]
Reports = Annotated[Access, Depends(Allowed(Capability.REPORT))]
Commands = Annotated[Access, Depends(Allowed(Capability.ROBOTS))]
Guards = Annotated[Access, Depends(Allowed(Capability.SAFETY))]
Stops = Annotated[Access, Depends(Allowed(Capability.STOP))]
Releases = Annotated[Access, Depends(Allowed(Capability.RELEASE))]
Audits = Annotated[Access, Depends(Allowed(Capability.AUDIT))]
Manages = Annotated[Access, Depends(Allowed(Capability.MANAGE))]
Ingests = Annotated[Access, Depends(Allowed(Capability.INGEST))]
