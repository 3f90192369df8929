"""The API as a whole: its description is true, its requests never break it, its stream resumes."""

import json
import os
from pathlib import Path

import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, settings

from tests.web.people import HERE, Crowd
from web import openapi
from web.server import create_app
from web.settings import ServerSettings

DOCUMENT = json.loads(openapi.PATH.read_text(encoding="utf-8"))


def test_the_description_is_what_the_code_says() -> None:
    assert openapi.PATH.read_text(encoding="utf-8") == openapi.text(), "run python -m web.openapi"
    assert DOCUMENT["openapi"].startswith("3.1")


def test_operations_have_names_of_their_own_and_say_what_they_do() -> None:
    operations = [each for path in DOCUMENT["paths"].values() for each in path.values()]
    names = [each["operationId"] for each in operations]
    assert len(names) == len(set(names))
    assert all(each.get("description") or each.get("summary") for each in operations)


def test_head_is_answered_where_get_is(one_crowd: Crowd) -> None:
    manager = one_crowd.as_("manager")
    for path, operations in DOCUMENT["paths"].items():
        if "get" in operations and path.count("{") == 1 and not path.endswith("/events"):
            address = path.replace("{site_id}", HERE)
            got, head = manager("GET", address), manager("HEAD", address)
            assert (head.status_code, head.content) == (got.status_code, b""), path


def test_the_app_is_served_strictly_and_its_screens_are_addresses(tmp_path: Path) -> None:
    dist = tmp_path / "dist"
    (dist / "assets").mkdir(parents=True)
    (dist / "index.html").write_text("<!doctype html><title>App</title>")
    (dist / "assets" / "app-1a2b.js").write_text("export {}")
    (tmp_path / "secret.txt").write_text("secret")
    (dist / "link.txt").symlink_to(tmp_path / "secret.txt")
    client = TestClient(create_app(ServerSettings(data=tmp_path / "data"), dist))
    for address in ("/", "/issues", "/cockpit"):
        page = client.get(address)
        assert (page.status_code, page.headers["cache-control"]) == (200, "no-cache")
        assert "unsafe-inline" not in page.headers["content-security-policy"]
        assert "script-src 'self'" in page.headers["content-security-policy"]
    script = client.get("/assets/app-1a2b.js", headers={"Accept-Encoding": "gzip"})
    assert (script.headers["content-encoding"], "immutable" in script.headers["cache-control"]) == ("gzip", True)
    for address in ("/link.txt", "/../secret.txt", "/%2e%2e/secret.txt", "/assets/..%2f..%2fsecret.txt", "/missing.js"):
        assert client.get(address).status_code == 404, address
    assert client.get("/api/v1/nothing").headers["content-type"] == "application/problem+json"


# --- Requests made up by machine --------------------------------------------------------------------------------------

REQUESTS = int(os.environ.get("SITEWRIGHT_TEST_REQUESTS", "10000"))
"""About so many drawn at random over all operations, besides the cases that schemathesis lists; raise it for more."""
KINDS = (
    "application/zip", "application/pdf", "image/jpeg", "text/csv", "video/webm", "application/offset+octet-stream",
)  # fmt: skip
for kind in KINDS:
    schemathesis.serializer(kind)(lambda _, value: value if isinstance(value, bytes) else str(value).encode())
API = schemathesis.openapi.from_dict(DOCUMENT)
STRANGE = API.exclude(path_regex="/events$").exclude(path="/api/v1/session", method="DELETE")
EACH = max(1, REQUESTS // sum(len(path) for path in DOCUMENT["paths"].values()))


@STRANGE.parametrize()
@settings(max_examples=EACH, deadline=None, suppress_health_check=list(HealthCheck), database=None)
def test_no_request_breaks_the_server(case: schemathesis.Case, one_crowd: Crowd) -> None:
    """Whatever is sent is answered; a refusal is a problem with words in both languages."""
    if "site_id" in (case.path_parameters or {}):
        case.path_parameters["site_id"] = HERE
    request = case.as_transport_kwargs(base_url="http://testserver")
    request.pop("cookies", None)
    request["headers"] = {**request["headers"], **one_crowd.as_("admin").headers}
    answer = one_crowd.send(**request)
    assert answer.status_code < 500 or answer.status_code == 507, answer.text
    if answer.status_code >= 400 and case.method.upper() != "HEAD":
        assert answer.headers["content-type"] == "application/problem+json"
        assert set(answer.json()) >= {"type", "title", "status", "detail", "detail_zh"}
