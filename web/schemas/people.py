"""People, signing in, sites and the audit trail."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, Field, StringConstraints

from web.schemas.wire import STORABLE, Email, Id, Language, Name, Out, Password, Text, Wire
from web.security import Capability, Role


class PersonOut(Out):
    """A person."""

    person_id: str
    name: str
    email: str
    language: Language
    is_admin: bool
    is_active: bool


class SiteAccess(Out):
    """A site and what the caller may do there."""

    site_id: str
    name: str
    time_zone: str
    roles: list[Role]
    capabilities: list[Capability]


class SignedIn(Out):
    """Who is signed in. `csrf` goes into the header X-CSRF-Token of every request that changes something."""

    person: PersonOut
    sites: list[SiteAccess]
    csrf: str


class Setup(Out):
    """How one can sign in here."""

    needs_administrator: bool
    oidc: bool


class FirstRun(Wire):
    """The first administrator, by the secret of the link that the server printed."""

    secret: Annotated[str, StringConstraints(max_length=200), STORABLE]
    name: Name
    email: Email
    password: Password
    language: Language = "en"


class Credentials(Wire):
    """A password sign-in."""

    email: Email
    password: Annotated[str, StringConstraints(min_length=1, max_length=200), STORABLE]


class LinkIn(Wire):
    """A one-time link; with a password where one is to be set."""

    secret: Annotated[str, StringConstraints(max_length=200), STORABLE]
    password: Password | None = None


class PasswordChange(Wire):
    """A new password; the old one proves who asks."""

    old: Annotated[str, StringConstraints(max_length=200), STORABLE]
    new: Password


class PersonIn(Wire):
    """A new person."""

    name: Name
    email: Email
    language: Language = "en"
    is_admin: bool = False


class PersonChange(Wire):
    """What may change of a person; what is left out stays."""

    name: Name | None = None
    language: Language | None = None
    is_admin: bool | None = None
    is_active: bool | None = None


class LinkOut(Out):
    """A one-time link to give to its person. It is shown once."""

    path: str
    expires_at: datetime


class MemberIn(Wire):
    """Roles of a person on a site."""

    roles: Annotated[list[Role], Field(min_length=1, max_length=6)]


class MemberOut(Out):
    """A person on a site."""

    person_id: str
    name: str
    email: str
    roles: list[Role]


class TokenIn(Wire):
    """A new API token."""

    name: Name
    site_id: Id | None = None
    scopes: Annotated[list[Capability], Field(min_length=1, max_length=20)]
    expires_at: AwareDatetime | None = None


class TokenOut(Out):
    """An API token, without its secret."""

    token_id: str
    name: str
    site_id: str | None
    scopes: list[Capability]
    created_at: datetime
    expires_at: datetime | None


class NewToken(TokenOut):
    """A token with its secret, which is shown once."""

    token: str


class SiteIn(Wire):
    """A new site."""

    name: Name
    address: Text = ""
    time_zone: Name = "UTC"


class SiteChange(Wire):
    """What may change of a site."""

    name: Name | None = None
    address: Text | None = None
    time_zone: Name | None = None
    is_archived: bool | None = None


class SiteOut(Out):
    """A site."""

    site_id: str
    name: str
    address: str
    time_zone: str
    is_archived: bool
    version: int
    created_at: datetime


class AuditOut(Out):
    """One change."""

    audit_id: int
    at: datetime
    actor: str
    actor_name: str
    verb: str
    kind: str
    ref: str
    changes: dict[str, Any]
