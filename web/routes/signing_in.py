"""Signing in and out: by password, by a link that works once, by OpenID Connect; and tokens for programs."""

import logging
from datetime import timedelta
from typing import Annotated

from fastapi import Query, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import delete
from sqlmodel import Session, col, func, select

from web import oidc
from web.access import SignedInAs, cookie_name, csrf_of, forbidden, sites_of
from web.database import writing
from web.identifiers import digest, new_secret
from web.problems import Problem, not_found
from web.routes.routers import API, Ref, routes
from web.schemas.people import (
    Credentials,
    FirstRun,
    LinkIn,
    NewToken,
    PasswordChange,
    PersonOut,
    Setup,
    SignedIn,
    SiteAccess,
    TokenIn,
    TokenOut,
)
from web.security import FOR_TOKENS, LOCKED_FOR, TOKEN_PREFIX, Role, capabilities, hashed, is_password
from web.server_state import server_of
from web.settings import ServerSettings
from web.tables import ApiToken, Link, Person, SignIn, now
from web.trail import record

router = routes("signing in")
log = logging.getLogger(__name__)


@router.get("/setup")
def get_setup(request: Request) -> Setup:
    """How one can sign in here. Open to everybody."""
    session: Session = request.state.session
    nobody = session.exec(select(func.count()).select_from(Person)).one() == 0
    return Setup(needs_administrator=nobody, oidc=server_of(request).settings.oidc_issuer is not None)


@router.post("/setup", status_code=201)
def make_first_administrator(request: Request, response: Response, wanted: FirstRun) -> SignedIn:
    """Make the first administrator, by the link that the server printed when it was first started."""
    _slowly(request)
    session: Session = request.state.session
    link = _used(session, wanted.secret)
    if link.person_id is not None or session.exec(select(Person).limit(1)).first():
        raise _bad_link()
    person = Person(name=wanted.name, email=wanted.email, language=wanted.language, is_admin=True,
                    password_hash=hashed(wanted.password))  # fmt: skip
    session.info["actor"] = (f"person:{person.id}", person.name)
    session.add(person)
    return _signed_in(request, response, person)


@router.post("/session", status_code=201)
def sign_in(request: Request, response: Response, credentials: Credentials) -> SignedIn:
    """Sign in by password. After several wrong ones in a row the account is locked for a while."""
    _slowly(request)
    session: Session = request.state.session
    session.commit()  # a password is checked slowly, on purpose: nobody shall wait for it
    person = session.exec(select(Person).where(Person.email == credentials.email)).first()
    session.commit()
    right = is_password(credentials.password, person.password_hash if person else None)
    if person is None or not person.is_active:
        raise _wrong()
    if person.locked_until and person.locked_until > now():
        raise _locked()
    if not right:
        _count_failure(request, session, person)
        raise _wrong()
    person.failed_sign_ins, person.locked_until = 0, None
    return _signed_in(request, response, person)


@router.post("/session/link", status_code=201)
def sign_in_by_link(request: Request, response: Response, link: LinkIn) -> SignedIn:
    """Sign in by a link that works once, and set a password where one is given."""
    _slowly(request)
    session: Session = request.state.session
    person = session.get(Person, _used(session, link.secret).person_id or "")
    if not person or not person.is_active:
        raise _bad_link()
    session.info["actor"] = (f"person:{person.id}", person.name)
    if link.password:
        person.password_hash, person.failed_sign_ins, person.locked_until = hashed(link.password), 0, None
    return _signed_in(request, response, person)


# --- By the organisation's own accounts ---------------------------------------------------------------------------

_OIDC_COOKIE, _OIDC_PATH, _OIDC_S = "sitewright-oidc", f"{API}/session/oidc", 600


@router.get("/session/oidc", status_code=303, response_class=RedirectResponse)
def sign_in_by_oidc(request: Request) -> Response:
    """Sign in with the organisation's OpenID Connect provider: leads to its page, which leads back."""
    settings = _with_oidc(request)
    try:
        _slowly(request)
        url, visit = oidc.begin(settings, _callback(request))
    except Problem as problem:
        return _to_sign_in(problem)
    response = RedirectResponse(url, 303)
    # Lax, so that it comes back with the provider's redirect; of the session itself it says nothing.
    response.set_cookie(_OIDC_COOKIE, visit.cookie, max_age=_OIDC_S, path=_OIDC_PATH, secure=settings.secure,
                        httponly=True, samesite="lax")  # fmt: skip
    return response


@router.get("/session/oidc/callback", status_code=303, response_class=RedirectResponse)
def end_sign_in_by_oidc(
    request: Request,
    state: Annotated[str, Query(max_length=200)] = "",
    code: Annotated[str, Query(max_length=4000)] = "",
) -> Response:
    """The provider leads back here. Whoever it vouches for is signed in, where an administrator has added them."""
    settings, server = _with_oidc(request), server_of(request)
    try:
        _slowly(request)
        visit = oidc.Visit.read(request.cookies.get(_OIDC_COOKIE, ""))
        who = oidc.identity(settings, _callback(request), visit, state, code)
        with writing(server.engine) as session:
            person = _known(session, who)
            secret = begin_session(session, person, settings.session_days, request.headers.get("user-agent", ""))
            session.commit()
    except Problem as problem:
        return _to_sign_in(problem)
    response = RedirectResponse("/", 303)
    set_cookie(request, response, secret)
    response.delete_cookie(_OIDC_COOKIE, path=_OIDC_PATH, secure=settings.secure, httponly=True, samesite="lax")
    return response


def _with_oidc(request: Request) -> ServerSettings:
    settings = server_of(request).settings
    if settings.oidc_issuer is None:
        raise not_found("a sign-in by OpenID Connect")
    return settings


def _to_sign_in(problem: Problem) -> Response:
    """A person's browser comes here, no program: the sign-in page says why, and the log has the particulars."""
    log.warning("sign-in with the organisation: %s", problem)
    return RedirectResponse(f"/?refused={problem.code}", 303)


def _callback(request: Request) -> str:
    base = server_of(request).settings.public_url or str(request.base_url)
    return f"{base.rstrip('/')}{_OIDC_PATH}/callback"


def _known(session: Session, who: oidc.Identity) -> Person:
    """The person of an identity: bound to it before, or now by an address that the provider has verified."""
    person = session.exec(select(Person).where(Person.oidc_subject == who.subject)).first()
    if person is None and who.email:
        person = session.exec(
            select(Person).where(Person.email == who.email, col(Person.oidc_subject).is_(None))
        ).first()
    if person is None or not person.is_active:
        raise Problem(403, "oidc-unknown", "nobody here has this account; ask the administrator to add its address",
                      "该单位账号尚未添加；请联系管理员")  # fmt: skip
    session.info["actor"] = (f"person:{person.id}", person.name)
    person.oidc_subject = who.subject
    return person


@router.get("/session")
def get_session(request: Request, access: SignedInAs) -> SignedIn:
    """Who is signed in, their sites and what they may do there."""
    secret = request.cookies.get(cookie_name(access.server.settings.secure), "")
    return _shown(access.session, access, secret)


@router.delete("/session", status_code=204)
def sign_out(request: Request, response: Response, access: SignedInAs) -> None:
    """Sign out: the cookie is worth nothing any more."""
    name = cookie_name(access.server.settings.secure)
    access.session.execute(delete(SignIn).where(col(SignIn.id) == digest(request.cookies.get(name, ""))))
    response.delete_cookie(name, path="/", secure=access.server.settings.secure, httponly=True, samesite="strict")


@router.put("/session/password", status_code=204)
def change_password(request: Request, access: SignedInAs, change: PasswordChange) -> None:
    """Change one's own password; every other sign-in ends."""
    _slowly(request)
    person = access.actor.person
    if person.password_hash is not None and not is_password(change.old, person.password_hash):
        raise _wrong()
    person.password_hash = hashed(change.new)
    secret = request.cookies.get(cookie_name(access.server.settings.secure), "")
    others = (col(SignIn.person_id) == person.id) & (col(SignIn.id) != digest(secret))
    access.session.execute(delete(SignIn).where(others))
    record(access.session, "changed", "password", person.id, {}, None)


# --- Tokens -----------------------------------------------------------------------------------------------------------


@router.get("/tokens")
def list_tokens(access: SignedInAs) -> list[TokenOut]:
    """One's own API tokens."""
    query = select(ApiToken).where(ApiToken.person_id == access.actor.person.id)
    return [_token(token) for token in access.session.exec(query.order_by(col(ApiToken.id)))]


@router.post("/tokens", status_code=201)
def make_token(access: SignedInAs, wanted: TokenIn) -> NewToken:
    """Make an API token. It may do what its scopes say, as far as its person may."""
    if refused := set(wanted.scopes) - FOR_TOKENS:
        raise forbidden(f"a person; no token may {', '.join(sorted(refused))}")
    if wanted.site_id and wanted.site_id not in {site.id for site, _ in sites_of(access.session, access.actor)}:
        raise not_found(f"site {wanted.site_id}")
    token, key = new_token(access.actor.person.id, wanted)
    access.session.add(token)
    return NewToken(**_token(token).model_dump(), token=key)


def new_token(person_id: str, wanted: TokenIn) -> tuple[ApiToken, str]:
    """A token to be stored, and the key to be shown once."""
    secret = new_secret().replace("_", "-")
    token = ApiToken(
        secret_hash=digest(secret),
        name=wanted.name,
        person_id=person_id,
        site_id=wanted.site_id,
        scopes=sorted(set(wanted.scopes)),
        expires_at=wanted.expires_at,
    )
    return token, f"{TOKEN_PREFIX}_{token.id}_{secret}"


@router.delete("/tokens/{token_id}", status_code=204)
def revoke_token(access: SignedInAs, token_id: Ref) -> None:
    """Revoke a token, at once."""
    token = access.session.get(ApiToken, token_id)
    if not token or token.person_id != access.actor.person.id:
        raise not_found(f"token {token_id}")
    access.session.delete(token)


def _token(token: ApiToken) -> TokenOut:
    return TokenOut.model_validate({**token.model_dump(), "token_id": token.id})


# --- The steps --------------------------------------------------------------------------------------------------------


def begin_session(session: Session, person: Person, days: float, device: str) -> str:
    """A sign-in of a person. Returns the cookie's secret."""
    secret = new_secret()
    session.execute(delete(SignIn).where(col(SignIn.expires_at) < now()))
    session.add(SignIn(id=digest(secret), person_id=person.id, expires_at=now() + timedelta(days=days),
                       device=device[:200]))  # fmt: skip
    session.info["actor"] = (f"person:{person.id}", person.name)
    record(session, "signed_in", "person", person.id, {}, None)
    return secret


def set_cookie(request: Request, response: Response, secret: str) -> None:
    """Give the browser a secret that no script sees and no other site can send."""
    settings = server_of(request).settings
    response.set_cookie(cookie_name(settings.secure), secret, max_age=int(settings.session_days * 86400), path="/",
                        secure=settings.secure, httponly=True, samesite="strict")  # fmt: skip


def _signed_in(request: Request, response: Response, person: Person) -> SignedIn:
    from web.access import Access, Actor

    session, server = request.state.session, server_of(request)
    secret = begin_session(session, person, server.settings.session_days, request.headers.get("user-agent", ""))
    set_cookie(request, response, secret)
    access = Access(Actor(f"person:{person.id}", person.name, person), "", frozenset(), session, server)
    return _shown(session, access, secret)


def _shown(session: Session, access: SignedInAs, secret: str) -> SignedIn:
    person = access.actor.person
    sites = [
        SiteAccess(site_id=site.id, name=site.name, time_zone=site.time_zone, roles=[Role(r) for r in roles],
                   capabilities=sorted(capabilities(roles, is_admin=person.is_admin)))
        for site, roles in sites_of(session, access.actor)
    ]  # fmt: skip
    out = PersonOut.model_validate({**person.model_dump(), "person_id": person.id})
    return SignedIn(person=out, sites=sites, csrf=csrf_of(secret))


def _used(session: Session, secret: str) -> Link:
    """The link of this secret, which is worth nothing from now on."""
    link = session.get(Link, digest(secret), with_for_update=True)
    if not link or link.expires_at <= now():
        raise _bad_link()
    session.delete(link)
    return link


def _count_failure(request: Request, session: Session, person: Person) -> None:
    """In a transaction of its own: the refusal rolls back everything else."""
    person.failed_sign_ins += 1
    if person.failed_sign_ins >= server_of(request).settings.sign_in_attempts:
        person.failed_sign_ins, person.locked_until = 0, now() + LOCKED_FOR
        record(session, "locked", "person", person.id, {}, None)
    session.commit()


def _slowly(request: Request) -> None:
    client = request.client.host if request.client else ""
    wait_s = server_of(request).sign_ins.wait_s(client)
    if wait_s:
        raise Problem(429, "too-many-sign-ins", "too many attempts to sign in; wait a minute",
                      "登录尝试过多；请稍候一分钟",
                      {"Retry-After": str(int(wait_s) + 1)})  # fmt: skip


def _wrong() -> Problem:
    return Problem(401, "wrong-credentials", "the e-mail address or the password is wrong", "邮箱或密码有误")


def _locked() -> Problem:
    minutes = int(LOCKED_FOR.total_seconds() // 60)
    return Problem(423, "locked", f"too many wrong passwords; the account is locked for {minutes} minutes",
                   f"密码错误次数过多；账户已锁定 {minutes} 分钟")  # fmt: skip


def _bad_link() -> Problem:
    return Problem(
        410,
        "link-used",
        "this link was used before or is too old; ask for a new one",
        "此链接已使用或已过期；请索取新链接",
    )
