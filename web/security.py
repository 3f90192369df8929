"""Who may do what. Pure: roles, capabilities, passwords and tokens; `access.py` asks these of a request."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

LOCKED_FOR = timedelta(minutes=15)
LINK_LASTS = timedelta(days=3)
TOKEN_PREFIX = "swt"  # noqa: S105
MIN_PASSWORD = 10


class Capability(StrEnum):
    """Something that a route asks for."""

    READ = "read"
    SURVEY = "survey"
    """Bring scans and compare."""
    PLAN = "plan"
    """Bring models and schedules, draw zones."""
    ISSUE = "issue"
    """Raise issues, take photos, comment."""
    REPORT = "report"
    """Keep the diary and file reports."""
    ROBOTS = "robots"
    """Approve, pause and cancel robots' tasks."""
    SAFETY = "safety"
    """Work on hazards."""
    STOP = "stop"
    """Ask for a stop."""
    RELEASE = "release"
    """Release a stop: a person, never a program."""
    AUDIT = "audit"
    """Read the audit trail."""
    MANAGE = "manage"
    """People, webhooks, exports."""
    INGEST = "ingest"
    """Report as robots and cameras do: a program, never a person."""


class Role(StrEnum):
    """What a person is on a site."""

    MANAGER = "manager"
    SURVEYOR = "surveyor"
    ROBOT_OPERATOR = "robot_operator"
    SAFETY_OFFICER = "safety_officer"
    REGULATOR = "regulator"
    VIEWER = "viewer"


C = Capability
OF_ROLE: Mapping[Role, frozenset[Capability]] = MappingProxyType({
    Role.MANAGER: frozenset(Capability) - {C.INGEST},
    Role.SURVEYOR: frozenset({C.READ, C.SURVEY, C.PLAN, C.ISSUE, C.REPORT, C.STOP}),
    Role.ROBOT_OPERATOR: frozenset({C.READ, C.ISSUE, C.ROBOTS, C.STOP}),
    Role.SAFETY_OFFICER: frozenset({C.READ, C.ISSUE, C.REPORT, C.SAFETY, C.STOP, C.RELEASE, C.AUDIT}),
    Role.REGULATOR: frozenset({C.READ, C.AUDIT}),
    Role.VIEWER: frozenset({C.READ}),
})  # fmt: skip
FOR_TOKENS = frozenset(Capability) - {C.RELEASE, C.MANAGE}


def capabilities(roles: Iterable[str], *, is_admin: bool = False) -> frozenset[Capability]:
    """What a person may do with these roles; an administrator may do what a manager may, everywhere."""
    held = [Role.MANAGER] if is_admin else [Role(role) for role in roles]
    return frozenset().union(*(OF_ROLE[role] for role in held))


def of_token(scopes: Iterable[str], owner: frozenset[Capability]) -> frozenset[Capability]:
    """What a token may do: its scopes, of what its owner may still do. Reporting needs an owner who manages."""
    lent = owner | {C.INGEST} if C.MANAGE in owner else owner
    return frozenset(Capability(scope) for scope in scopes) & lent & FOR_TOKENS


# --- Passwords --------------------------------------------------------------------------------------------------------

_HASHER = PasswordHasher()
_NOBODY = _HASHER.hash("a password that nobody has")


def hashed(password: str) -> str:
    """The password by argon2id, with the parameters of RFC 9106 for low memory."""
    return _HASHER.hash(password)


def is_password(password: str, stored: str | None) -> bool:
    """Whether it is the password. Takes as long where nobody has one, so that the time tells nothing."""
    try:
        return _HASHER.verify(stored or _NOBODY, password) and stored is not None
    except (VerificationError, InvalidHashError):
        return False
