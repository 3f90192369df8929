"""Two sites and somebody of every role on the first, signed in; nobody but Zoe is on the other."""

import base64
from datetime import timedelta

import httpx
from fastapi import FastAPI
from fastapi.testclient import TestClient

from web.access import csrf_of
from web.database import writing
from web.identifiers import digest, new_secret
from web.security import Capability, Role
from web.server_state import Server
from web.tables import ApiToken, Membership, Person, SignIn, Site, now

HERE, THERE = "here", "there"
API = "/api/v1"


class Crowd:
    """Who is there. `as_(role)` sends requests as somebody of a role."""

    def __init__(self, app: FastAPI, client: TestClient) -> None:
        self.app, self._client = app, client
        self.server: Server = app.state.server
        self._headers: dict[str, dict[str, str]] = {"nobody": {}}
        with writing(self.server.engine) as session:
            session.add_all([Site(id=HERE, name="Here"), Site(id=THERE, name="There")])
            session.commit()
        for role in Role:
            self._add(role.value, HERE, role)
        self._add("zoe", THERE, Role.MANAGER)
        self._add("admin", None, None, is_admin=True)
        self.tokens = {each: self._token(each) for each in (HERE, THERE)}

    def as_(self, who: str) -> "Caller":
        """Somebody: a role, `zoe` (manager of the other site), `admin`, `nobody`."""
        return Caller(self._client, self._headers[who])

    def program(self, site_id: str = HERE) -> "Caller":
        """A program that may do everything that programs may, on one site."""
        return Caller(self._client, {"Authorization": f"Bearer {self.tokens[site_id]}"})

    def send(self, **request: object) -> httpx.Response:
        """A request as it stands."""
        self._client.cookies.clear()
        return self._client.request(**request)  # type: ignore[arg-type]

    def _add(self, who: str, site_id: str | None, role: Role | None, *, is_admin: bool = False) -> None:
        secret = new_secret()
        with writing(self.server.engine) as session:
            session.add(Person(id=who, name=who.title(), email=f"{who}@example.org", is_admin=is_admin))
            session.flush()
            if site_id and role:
                session.add(Membership(site_id=site_id, person_id=who, roles=[role.value]))
            session.add(SignIn(id=digest(secret), person_id=who, expires_at=now() + timedelta(days=1)))
            session.commit()
        self._headers[who] = {"Cookie": f"sitewright={secret}", "X-CSRF-Token": csrf_of(secret)}

    def _token(self, site_id: str) -> str:
        secret, owner = "a-secret", Role.MANAGER.value if site_id == HERE else "zoe"
        scopes = [each.value for each in Capability]
        token = ApiToken(secret_hash=digest(secret), name="robots", person_id=owner, site_id=site_id, scopes=scopes)
        with writing(self.server.engine) as session:
            session.add(token)
            session.commit()
        return f"swt_{token.id}_{secret}"


class Caller:
    """Sends requests as somebody. A path that begins with / is of the API, others are of the site `here`."""

    def __init__(self, client: TestClient, headers: dict[str, str]) -> None:
        self._client, self.headers = client, headers

    def __call__(self, method: str, path: str, headers: dict[str, str] | None = None, **what: object) -> httpx.Response:
        address = path if path.startswith("/") else f"{API}/sites/{HERE}/{path}".rstrip("/")
        self._client.cookies.clear()
        return self._client.request(method, address, headers={**self.headers, **(headers or {})}, **what)  # type: ignore[arg-type]

    def upload(self, content: bytes, filename: str = "file.ifc", site_id: str = HERE) -> str:
        """Upload a file; returns the upload's id."""
        name = base64.b64encode(filename.encode()).decode()
        begun = self("POST", f"{API}/sites/{site_id}/uploads",
                     {"Upload-Length": str(len(content)), "Upload-Metadata": f"filename {name}"})  # fmt: skip
        sent = self("PATCH", begun.headers["location"], OFFSET | {"Upload-Offset": "0"}, content=content)
        assert sent.status_code == 204, sent.text
        return str(begun.json()["upload_id"])


OFFSET = {"Content-Type": "application/offset+octet-stream", "Tus-Resumable": "1.0.0"}
