"""Who may do what: every route, every role, the other site, and nobody at all."""

import re
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from tests.web.people import API, HERE, THERE, Crowd
from web.openapi import api_routes, requirement
from web.routes.routers import API as PREFIX
from web.server import create_app
from web.settings import ServerSettings
from web.tables import Person, now

SITE = f"{PREFIX}/sites/{{site_id}}"
OPEN = {
    ("GET", "/api/v1/setup"),
    ("POST", "/api/v1/setup"),
    ("POST", "/api/v1/session"),
    ("POST", "/api/v1/session/link"),
    ("GET", "/api/v1/session/oidc"),
    ("GET", "/api/v1/session/oidc/callback"),
}
BY_HAND = {(f"{SITE}/events", "GET"): "read", (f"{SITE}/uploads/{{upload_id}}", "PATCH"): "issue"}
MAY = {
    "manager": "read survey plan issue report robots safety stop release audit manage",
    "surveyor": "read survey plan issue report stop",
    "robot_operator": "read issue robots stop",
    "safety_officer": "read issue report safety stop release audit",
    "regulator": "read audit",
    "viewer": "read",
    "program": "read survey plan issue report robots safety stop audit ingest",
}  # fmt: skip


def operations() -> Iterator[tuple[str, str, str | None]]:
    """Method, path and what it asks for, of every route of the API."""
    for route in api_routes():
        for method in sorted(route.methods or ()):
            yield method, route.path_format, BY_HAND.get((route.path_format, method)) or requirement(route)


WITHIN = [each for each in operations() if each[1].startswith(SITE)]
OUTSIDE = [each for each in operations() if not each[1].startswith(SITE)]


def filled(path: str, site_id: str) -> str:
    """The path with a site, and for the rest something that does not exist."""
    return re.sub(r"\{\w+\}", "2026-01-01", path.replace("{site_id}", site_id))


def ask(crowd: Crowd, who: str, method: str, path: str) -> int:
    """The status of a request that has nothing in it but who asks."""
    caller = crowd.program() if who == "program" else crowd.as_(who)
    headers = {"Upload-Offset": "0", "Upload-Length": "1"}
    if path.endswith("/events"):  # a stream that may be listened to does not end
        headers["Authorization"] = "none" if who == "nobody" else caller.headers.get("Authorization", "")
        method = "HEAD"
    return caller(method, path, headers).status_code


def test_every_route_but_those_of_signing_in_asks_who_it_is() -> None:
    assert {(method, path) for method, path, needed in operations() if needed is None} == OPEN


@pytest.mark.parametrize(("method", "path", "needed"), [each for each in WITHIN if not each[1].endswith("/events")])
def test_a_role_may_what_it_may_and_nothing_else(one_crowd: Crowd, method: str, path: str, needed: str) -> None:
    for who, may in MAY.items():
        status = ask(one_crowd, who, method, filled(path, HERE))
        assert (status == 403) == (needed not in may.split()), f"{who} {method} {path}: {status}"
        assert status not in (401, 500)


@pytest.mark.parametrize(("method", "path", "needed"), [each for each in WITHIN if not each[1].endswith("/events")])
def test_another_site_does_not_exist(one_crowd: Crowd, method: str, path: str, needed: str) -> None:
    for who in MAY:
        assert ask(one_crowd, who, method, filled(path, THERE)) == 404
    assert ask(one_crowd, "zoe", method, filled(path, HERE)) == 404
    assert ask(one_crowd, "nobody", method, filled(path, HERE)) == 401


@pytest.mark.parametrize(("method", "path", "needed"), OUTSIDE)
def test_outside_of_sites_only_administrators_manage(
    one_crowd: Crowd, method: str, path: str, needed: str | None
) -> None:
    if needed is None or path == f"{API}/session":
        return
    assert ask(one_crowd, "nobody", method, filled(path, HERE)) == 401
    for who in ("manager", "viewer", "zoe"):
        assert (ask(one_crowd, who, method, filled(path, HERE)) == 403) == (needed == "Administrator")
    if method != "GET":
        assert ask(one_crowd, "program", method, filled(path, HERE)) == 403


def test_the_stream_is_for_who_may_read(one_crowd: Crowd) -> None:
    for who, site_id, status in (("nobody", HERE, 401), ("zoe", HERE, 404), ("viewer", THERE, 404)):
        assert one_crowd.as_(who)("GET", f"{API}/sites/{site_id}/events").status_code == status


# --- Signing in -------------------------------------------------------------------------------------------------------


def test_a_cookie_without_its_header_changes_nothing(one_crowd: Crowd) -> None:
    manager = one_crowd.as_("manager")
    for wrong in ("", "0" * 64):
        answer = manager("POST", "issues", {"X-CSRF-Token": wrong}, json={"title": "Crack"})
        assert (answer.status_code, answer.json()["type"]) == (403, "urn:sitewright:problem:csrf")


def test_the_first_administrator_is_made_once_by_the_printed_link(crowd: Crowd) -> None:
    from web.first_run import link_for_first_administrator

    assert link_for_first_administrator(crowd.server.engine) is None
    nobody = crowd.as_("nobody")
    wanted = {"secret": "guessed", "name": "Eve", "email": "eve@example.org", "password": "correct horse battery"}
    assert nobody("POST", f"{API}/setup", json=wanted).status_code == 410


def test_a_link_signs_in_once_and_sets_a_password(crowd: Crowd) -> None:
    path = crowd.as_("admin")("POST", f"{API}/people/viewer/link").json()["path"]
    nobody, secret = crowd.as_("nobody"), path.partition("#")[2]
    given = {"secret": secret, "password": "correct horse battery"}
    answer = nobody("POST", f"{API}/session/link", json=given)
    assert answer.status_code == 201
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert nobody("POST", f"{API}/session/link", json=given).status_code == 410
    credentials = {"email": "Viewer@example.org", "password": "correct horse battery"}
    assert nobody("POST", f"{API}/session", json=credentials).status_code == 201


def test_wrong_passwords_lock_the_account_and_say_no_more_than_that(crowd: Crowd) -> None:
    from web.database import writing
    from web.security import hashed

    with writing(crowd.server.engine) as session:
        person = session.get(Person, "viewer")
        assert person
        person.password_hash = hashed("correct horse battery")
        session.commit()
    nobody = crowd.as_("nobody")
    wrong = {"email": "viewer@example.org", "password": "wrong"}
    unknown = {"email": "who@example.org", "password": "wrong"}
    first = nobody("POST", f"{API}/session", json=wrong)
    assert first.json() == nobody("POST", f"{API}/session", json=unknown).json()
    for _ in range(7):
        assert nobody("POST", f"{API}/session", json=wrong).status_code == 401
    right = wrong | {"password": "correct horse battery"}
    assert nobody("POST", f"{API}/session", json=right).status_code == 423
    with writing(crowd.server.engine) as session:
        person = session.get(Person, "viewer")
        assert person
        assert person.locked_until
        assert person.locked_until > now()


def test_many_attempts_to_sign_in_are_slowed_down(crowd: Crowd) -> None:
    nobody, wrong = crowd.as_("nobody"), {"secret": "guess"}
    statuses = [nobody("POST", f"{API}/session/link", json=wrong).status_code for _ in range(30)]
    assert statuses[0] == 410
    assert statuses[-1] == 429


def test_made_up_names_give_an_address_no_more_requests(settings: ServerSettings) -> None:
    with TestClient(create_app(settings.model_copy(update={"requests_per_s": 0.5}))) as client:
        names = [{"Authorization": f"Bearer swt_{n}_x"} for n in range(40)]
        answers = [client.get(f"{API}/session", headers=name) for name in names]
    assert answers[0].status_code == 401
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"]) >= 1


def test_who_is_put_out_is_out_at_once(crowd: Crowd) -> None:
    admin = crowd.as_("admin")
    assert admin("PATCH", f"{API}/people/viewer", json={"is_active": False}).status_code == 200
    assert crowd.as_("viewer")("GET", "").status_code == 401
    assert admin("PATCH", f"{API}/people/admin", json={"is_admin": False}).status_code == 409
    assert crowd.as_("manager")("DELETE", "people/surveyor").status_code == 204
    assert crowd.as_("surveyor")("GET", "").status_code == 404


def test_a_token_does_what_its_scopes_say_while_its_owner_may(crowd: Crowd) -> None:
    manager = crowd.as_("manager")
    made = manager("POST", f"{API}/tokens", json={"name": "reader", "scopes": ["read"], "site_id": HERE}).json()
    bearer = {"Authorization": f"Bearer {made['token']}"}
    nobody = crowd.as_("nobody")
    assert nobody("GET", "issues", bearer).status_code == 200
    assert nobody("POST", "issues", bearer, json={"title": "Crack"}).status_code == 403
    assert nobody("GET", "issues", {"Authorization": f"Bearer {made['token']}x"}).status_code == 401
    assert "token" not in manager("GET", f"{API}/tokens").text.replace("token_id", "")
    assert manager("DELETE", f"{API}/tokens/{made['token_id']}").status_code == 204
    assert nobody("GET", "issues", bearer).status_code == 401


def test_a_regulator_pulls_reports_with_a_token_that_may_nothing_else(crowd: Crowd) -> None:
    about = {"kind": "safety_week", "title_en": "Week 9", "title_zh": "第九周"}
    pack = {"Content-Type": "application/zip"}
    filed = crowd.program()("POST", "reports", pack, params=about, content=b"PK a signed pack").json()
    wanted = {"name": "authority", "scopes": ["read"], "site_id": HERE}
    token = crowd.as_("regulator")("POST", f"{API}/tokens", json=wanted).json()["token"]
    bearer, nobody = {"Authorization": f"Bearer {token}"}, crowd.as_("nobody")
    listed = nobody("GET", "reports", bearer).json()["items"]
    assert [(each["report_id"], each["sha256"]) for each in listed] == [(filed["report_id"], filed["sha256"])]
    pulled = nobody("GET", f"reports/{filed['report_id']}/file", bearer)
    assert (pulled.content, pulled.headers["content-type"]) == (b"PK a signed pack", "application/zip")
    assert pulled.headers["content-disposition"].startswith("attachment")
    assert nobody("POST", "reports", bearer | pack, params=about, content=b"PK another").status_code == 403
    assert nobody("GET", f"{API}/sites/{THERE}/reports", bearer).status_code == 404


def test_no_token_releases_a_stop_or_manages(crowd: Crowd) -> None:
    for scope in ("release", "manage"):
        answer = crowd.as_("manager")("POST", f"{API}/tokens", json={"name": "robots", "scopes": [scope]})
        assert answer.status_code == 403
