"""Signing in with an organisation's own accounts: OpenID Connect by authorization code and PKCE; Authlib speaks it.

browser ─▶ begin: the provider's page ─▶ a code comes back ─▶ identity: who it is, signed by the provider
"""

from dataclasses import dataclass
from typing import Any

from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from requests import RequestException

from web.identifiers import new_secret
from web.problems import Problem
from web.settings import ServerSettings

SIGNED_BY = ["RS256", "PS256", "ES256", "ES384", "EdDSA"]
"""Signatures of a provider's own key; never `none`, never a secret that both know."""
WAIT_S, LEEWAY_S = 10, 60


@dataclass(frozen=True)
class Visit:
    """What the browser keeps while it is at the provider, and brings back."""

    state: str
    nonce: str
    verifier: str

    @classmethod
    def read(cls, cookie: str) -> "Visit":
        """The visit of a cookie. Raises Problem where there was none, or too long ago."""
        parts = cookie.split(".")
        if len(parts) != 3 or not all(parts):
            raise refused("the sign-in was begun too long ago, or in another browser")
        return cls(*parts)

    @property
    def cookie(self) -> str:
        """The visit as a cookie's value."""
        return f"{self.state}.{self.nonce}.{self.verifier}"


@dataclass(frozen=True)
class Identity:
    """Who the provider says it is. `email` is in lower case, None where the provider has not verified it."""

    subject: str
    email: str | None


def begin(settings: ServerSettings, callback: str) -> tuple[str, Visit]:
    """The address of the provider's page, and what is kept until the browser comes back. Raises Problem."""
    visit = Visit(new_secret(), new_secret(), new_secret())
    try:
        with _session(settings, callback) as session:
            url, _ = session.create_authorization_url(
                _provider(session, settings)["authorization_endpoint"],
                state=visit.state, nonce=visit.nonce, code_verifier=visit.verifier,
            )  # fmt: skip
    except (RequestException, ValueError, KeyError) as error:
        raise _away(error) from error
    return str(url), visit


def identity(settings: ServerSettings, callback: str, visit: Visit, state: str, code: str) -> Identity:
    """Who has come back with a code. Raises Problem for what is not from this visit, or not the provider's."""
    if state != visit.state:
        raise refused("the answer belongs to another sign-in")
    try:
        with _session(settings, callback) as session:
            provider = _provider(session, settings)
            token = session.fetch_token(provider["token_endpoint"], code=code, code_verifier=visit.verifier,
                                        timeout=WAIT_S)  # fmt: skip
            keys = session.get(provider["jwks_uri"], withhold_token=True, timeout=WAIT_S).json()
            claims = _checked(settings, token, keys, visit.nonce)
    except (AuthlibBaseError, JoseError) as error:
        raise refused(f"the provider's answer does not hold ({type(error).__name__})") from error
    except (RequestException, ValueError, KeyError) as error:
        raise _away(error) from error
    email = str(claims.get("email", "")).lower() if claims.get("email_verified") is True else None
    return Identity(f"{settings.oidc_issuer} {claims['sub']}", email or None)


def _session(settings: ServerSettings, callback: str) -> OAuth2Session:
    secret = settings.oidc_client_secret
    return OAuth2Session(
        settings.oidc_client_id, secret.get_secret_value() if secret else None, scope="openid email profile",
        redirect_uri=callback, code_challenge_method="S256",
        token_endpoint_auth_method="client_secret_basic" if secret else "none",
    )  # fmt: skip


def _provider(session: OAuth2Session, settings: ServerSettings) -> dict[str, Any]:
    """The provider's own description. One that names another issuer is none."""
    address = f"{(settings.oidc_issuer or '').rstrip('/')}/.well-known/openid-configuration"
    found: dict[str, Any] = session.get(address, withhold_token=True, timeout=WAIT_S).json()
    if found["issuer"] != settings.oidc_issuer:
        raise ValueError("another issuer")
    return found


def _checked(settings: ServerSettings, token: dict[str, Any], keys: Any, nonce: str) -> dict[str, Any]:
    signed = jwt.decode(token["id_token"], KeySet.import_key_set(keys), algorithms=SIGNED_BY)
    wanted = {
        "iss": {"essential": True, "value": settings.oidc_issuer},
        "aud": {"essential": True, "value": settings.oidc_client_id},
    }
    about = {"nonce": nonce, "client_id": settings.oidc_client_id, "access_token": token.get("access_token")}
    claims = CodeIDToken(signed.claims, signed.header, wanted, about)
    claims.validate(leeway=LEEWAY_S)
    return dict(claims)


def refused(why: str) -> Problem:
    """What came back is not to be believed."""
    return Problem(403, "oidc-refused", f"{why}; sign in again", "单位账号登录未通过验证；请重新登录")


def _away(error: Exception) -> Problem:
    found = f"the organisation's sign-in does not answer as it should ({type(error).__name__})"
    return Problem(502, "oidc-away", f"{found}; try again, or sign in by password",
                   "单位登录服务无法正常响应；请重试或使用密码登录")  # fmt: skip
