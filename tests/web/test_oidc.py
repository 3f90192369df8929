"""Signing in with the organisation's accounts, against a provider that runs."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from fastapi.testclient import TestClient
from joserfc.jwk import RSAKey
from pydantic import SecretStr, ValidationError

from tests.web.people import API, Crowd
from tests.web.provider import CLIENT, SECRET, Provider, provider
from web.server import create_app
from web.settings import ServerSettings


@pytest.fixture
def provided() -> Iterator[Provider]:
    with provider() as running:
        yield running


@pytest.fixture
def oidc(provided: Provider, tmp_path: Path) -> Iterator[Crowd]:
    settings = ServerSettings(data=tmp_path / "data", oidc_issuer=provided.issuer, oidc_client_id=CLIENT,
                              oidc_client_secret=SecretStr(SECRET))  # fmt: skip
    app = create_app(settings)
    with TestClient(app, follow_redirects=False) as client:
        yield Crowd(app, client)


def begin(crowd: Crowd) -> tuple[httpx.Response, str]:
    """The redirect to the provider, and the cookie that waits for the way back."""
    answer = crowd.as_("nobody")("GET", f"{API}/session/oidc")
    assert answer.status_code == 303, answer.text
    return answer, answer.headers["set-cookie"].partition(";")[0]


def come_back(crowd: Crowd) -> httpx.Response:
    """A browser's whole way: to the provider, and back with its code."""
    answer, cookie = begin(crowd)
    back = httpx.get(answer.headers["location"]).headers["location"]
    return crowd.as_("nobody")("GET", back.removeprefix("http://testserver"), {"Cookie": cookie})


def test_a_person_with_a_verified_address_is_signed_in_and_remembered(oidc: Crowd, provided: Provider) -> None:
    answer = come_back(oidc)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    session = next(each for each in answer.headers.get_list("set-cookie") if each.startswith("sitewright="))
    assert "httponly" in session.lower()
    shown = oidc.as_("nobody")("GET", f"{API}/session", {"Cookie": session.partition(";")[0]}).json()
    assert shown["person"]["person_id"] == "viewer"
    provided.claims |= {"email": "married@example.org"}
    assert come_back(oidc).headers["location"] == "/", "known by the account now, whatever its address"


def refusal(answer: httpx.Response) -> str:
    """Why a browser was led back to the sign-in page without being signed in."""
    assert answer.status_code == 303, answer.text
    assert not any(each.startswith("sitewright=") for each in answer.headers.get_list("set-cookie"))
    return answer.headers["location"].removeprefix("/?refused=")


@pytest.mark.parametrize("claims", [
    {"email_verified": False}, {"email_verified": "true"}, {"email": "stranger@example.org"}, {"email": None},
])  # fmt: skip
def test_nobody_is_taken_for_somebody(oidc: Crowd, provided: Provider, claims: dict[str, object]) -> None:
    provided.claims |= claims
    assert refusal(come_back(oidc)) == "oidc-unknown"


def test_an_address_of_one_account_does_not_open_another_account_s_person(oidc: Crowd, provided: Provider) -> None:
    assert come_back(oidc).headers["location"] == "/"
    provided.claims |= {"sub": "43"}
    assert refusal(come_back(oidc)) == "oidc-unknown"


@pytest.mark.parametrize("claims", [
    {"iss": "https://evil.example.org"}, {"aud": "another-server"}, {"nonce": "another"}, {"exp": 1},
    {"aud": [CLIENT, "another-server"]},
])  # fmt: skip
def test_a_token_that_is_not_for_this_sign_in_is_refused(
    oidc: Crowd, provided: Provider, claims: dict[str, object]
) -> None:
    provided.claims |= claims
    assert refusal(come_back(oidc)) == "oidc-refused"


def test_a_token_that_another_key_signed_is_refused(oidc: Crowd, provided: Provider) -> None:
    provided.signs_with = RSAKey.generate_key(2048, {"kid": "one"})
    assert refusal(come_back(oidc)) == "oidc-refused"


def test_an_answer_to_another_sign_in_is_refused_and_so_is_one_without_a_beginning(oidc: Crowd) -> None:
    (first, _), (_, cookie) = begin(oidc), begin(oidc)
    back = httpx.get(first.headers["location"]).headers["location"].removeprefix("http://testserver")
    for kept in (cookie, "sitewright-oidc=nonsense", ""):
        assert refusal(oidc.as_("nobody")("GET", back, {"Cookie": kept})) == "oidc-refused"


def test_a_code_works_once(oidc: Crowd) -> None:
    answer, cookie = begin(oidc)
    back = httpx.get(answer.headers["location"]).headers["location"].removeprefix("http://testserver")
    first, second = [oidc.as_("nobody")("GET", back, {"Cookie": cookie}) for _ in range(2)]
    assert first.headers["location"] == "/"
    assert refusal(second).startswith("oidc-")


def test_what_goes_to_the_provider_names_no_secret(oidc: Crowd) -> None:
    asked = parse_qs(urlsplit(begin(oidc)[0].headers["location"]).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert not {"code_verifier", "client_secret"} & asked.keys()
    assert SECRET not in str(oidc.server.settings)


def test_a_provider_that_is_away_is_said_and_the_server_goes_on(tmp_path: Path) -> None:
    with provider() as gone:
        issuer = gone.issuer
    settings = ServerSettings(data=tmp_path / "data", oidc_issuer=issuer, oidc_client_id=CLIENT)
    with TestClient(create_app(settings), follow_redirects=False) as client:
        assert refusal(client.get(f"{API}/session/oidc")) == "oidc-away"
        assert client.get(f"{API}/setup").json()["oidc"] is True


def test_without_a_provider_there_is_no_such_sign_in(one_crowd: Crowd) -> None:
    assert one_crowd.as_("nobody")("GET", f"{API}/session/oidc").status_code == 404
    assert one_crowd.as_("nobody")("GET", f"{API}/setup").json()["oidc"] is False


@pytest.mark.parametrize("wrong", [
    {"oidc_issuer": "http://login.example.org", "oidc_client_id": "x"}, {"oidc_issuer": "https://login.example.org"},
])  # fmt: skip
def test_a_provider_is_reached_by_tls_and_knows_this_server(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        ServerSettings.model_validate(wrong)
