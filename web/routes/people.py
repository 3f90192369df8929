"""Sites, people, and who is what on which site."""

from datetime import timedelta

from fastapi import Request, Response
from sqlmodel import col, select

from web.access import Administers, Audits, Manages, Reads, SignedInAs, sites_of
from web.identifiers import digest, new_secret
from web.problems import Problem, not_found, stale
from web.routes.routers import Cursor, Limit, Ref, routes, site_routes
from web.schemas.people import (
    AuditOut,
    LinkOut,
    MemberIn,
    MemberOut,
    PersonChange,
    PersonIn,
    PersonOut,
    SiteChange,
    SiteIn,
    SiteOut,
)
from web.schemas.wire import Page
from web.security import LINK_LASTS
from web.store import cursor_of, cursor_read
from web.tables import Audit, Link, Membership, Person, Site, now

server_routes = routes("people")
router = site_routes("people")


@server_routes.get("/sites")
def list_sites(access: SignedInAs) -> list[SiteOut]:
    """One's own sites."""
    return [_site(site) for site, _ in sites_of(access.session, access.actor)]


@server_routes.post("/sites", status_code=201)
def make_site(access: Administers, wanted: SiteIn) -> SiteOut:
    """Make a site."""
    site = Site(**wanted.model_dump())
    access.session.add(site)
    return _site(site)


@router.get("")
def get_site(access: Reads) -> SiteOut:
    """A site."""
    site = access.session.get(Site, access.site_id)
    assert site
    return _site(site)


@router.patch("")
def change_site(request: Request, access: Manages, change: SiteChange) -> SiteOut:
    """Change a site's name, address or time zone, or put it away."""
    site = access.session.get(Site, access.site_id)
    assert site
    wanted = request.headers.get("if-match", "*").strip('"')
    if wanted not in ("*", str(site.version)):
        raise stale(site.version)
    site.sqlmodel_update(change.model_dump(exclude_none=True))
    site.version, site.updated_at = site.version + 1, now()
    return _site(site)


def _site(site: Site) -> SiteOut:
    return SiteOut.model_validate({**site.model_dump(), "site_id": site.id})


# --- People of the server ---------------------------------------------------------------------------------------------


@server_routes.get("/people")
def list_people(access: Administers, cursor: Cursor = None, limit: Limit = 100) -> Page[PersonOut]:
    """Everybody who may sign in."""
    query = select(Person).order_by(col(Person.id)).limit(limit + 1)
    people = access.session.exec(query.where(col(Person.id) > cursor_read(cursor)) if cursor else query).all()
    after = cursor_of(people[limit - 1].id) if len(people) > limit else None
    return Page(items=[_person(person) for person in people[:limit]], next=after)


@server_routes.post("/people", status_code=201)
def add_person(access: Administers, wanted: PersonIn) -> PersonOut:
    """Add a person. They sign in by a link, and set their password."""
    person = Person(**wanted.model_dump())
    access.session.add(person)
    return _person(person)


@server_routes.patch("/people/{person_id}")
def change_person(access: Administers, person_id: Ref, change: PersonChange) -> PersonOut:
    """Change a person. Who is not active cannot sign in any more, and is signed out."""
    person = _known(access, person_id)
    if person.id == access.actor.person.id and (change.is_admin is False or change.is_active is False):
        raise Problem(409, "last-administrator", "nobody takes their own rights away; ask another administrator",
                      "不能取消自己的管理权限；请由其他管理员操作")  # fmt: skip
    person.sqlmodel_update(change.model_dump(exclude_none=True))
    return _person(person)


@server_routes.post("/people/{person_id}/link", status_code=201)
def make_link(access: Administers, person_id: Ref) -> LinkOut:
    """A link that signs this person in, once: to invite them, or when they forgot their password."""
    link, path = new_link(_known(access, person_id).id)
    access.session.add(link)
    return LinkOut(path=path, expires_at=link.expires_at)


def new_link(person_id: str | None, lasts: timedelta = LINK_LASTS) -> tuple[Link, str]:
    """A link and its path. The secret is in the fragment, which browsers send to nobody."""
    secret = new_secret()
    page = "welcome" if person_id is None else "sign-in"
    return Link(id=digest(secret), person_id=person_id, expires_at=now() + lasts), f"/{page}#{secret}"


def _known(access: Administers, person_id: str) -> Person:
    person = access.session.get(Person, person_id)
    if person is None:
        raise not_found(f"person {person_id}")
    return person


def _person(person: Person) -> PersonOut:
    return PersonOut.model_validate({**person.model_dump(), "person_id": person.id})


# --- People of a site -------------------------------------------------------------------------------------------------


@router.get("/people")
def list_members(access: Reads) -> list[MemberOut]:
    """Who is on the site, as what."""
    query = select(Membership, Person).join(Person).where(Membership.site_id == access.site_id)
    return [_member(each, person) for each, person in access.session.exec(query.order_by(col(Person.name)))]


@router.put("/people/{email}")
def set_member(access: Manages, email: str, member: MemberIn) -> MemberOut:
    """Say what a person of the server, named by e-mail address, is on the site."""
    person = access.session.exec(select(Person).where(Person.email == email.lower().replace("\0", ""))).first()
    if person is None:
        raise not_found("a person with that address")
    found = access.session.get(Membership, (access.site_id, person.id))
    roles = sorted({role.value for role in member.roles})
    if found is None:
        found = Membership(site_id=access.site_id, person_id=person.id, roles=roles)
        access.session.add(found)
    found.roles = roles
    return _member(found, person)


@router.delete("/people/{person_id}", status_code=204)
def remove_member(access: Manages, person_id: Ref) -> Response:
    """Take a person off the site."""
    found = access.session.get(Membership, (access.site_id, person_id))
    if found is None:
        raise not_found(f"person {person_id}")
    access.session.delete(found)
    return Response(status_code=204)


def _member(membership: Membership, person: Person) -> MemberOut:
    return MemberOut.model_validate({**person.model_dump(), "person_id": person.id, "roles": membership.roles})


@router.get("/audit")
def list_audit(access: Audits, cursor: Cursor = None, limit: Limit = 100) -> Page[AuditOut]:
    """Every change on the site, newest first."""
    query = select(Audit).where(Audit.site_id == access.site_id)
    if cursor:
        place = cursor_read(cursor)
        query = query.where(
            col(Audit.id) < (int(place) if place.isascii() and place.isdigit() and len(place) < 19 else 0)
        )
    rows = access.session.exec(query.order_by(col(Audit.id).desc()).limit(limit + 1)).all()
    after = cursor_of(str(rows[limit - 1].id)) if len(rows) > limit else None
    shown = [
        AuditOut.model_validate({**row.model_dump(), "audit_id": row.id, "kind": row.kind_}) for row in rows[:limit]
    ]
    return Page(items=shown, next=after)
