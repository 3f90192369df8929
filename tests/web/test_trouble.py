"""A full disk, a database that goes away: said clearly, nothing lost that was acknowledged, and the server goes on."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from tests.web.conftest import Cluster
from tests.web.people import API, HERE, OFFSET, Crowd
from web.database import writing
from web.server import create_app
from web.settings import ServerSettings

MIB = 1 << 20
DISK = 8 * MIB


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real disk of a few MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode:
        pytest.skip("needs the right to mount a small disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(path: Path) -> None:
    """Take all the room that there is."""
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return


def test_a_full_disk_loses_nothing_and_goes_on_when_there_is_room_again(small_disk: Path) -> None:
    app = create_app(ServerSettings(data=small_disk / "data", requests_per_s=100_000.0))
    with TestClient(app) as client:
        crowd = Crowd(app, client)
        surveyor, content, ballast = crowd.as_("surveyor"), bytes(range(256)) * 8192, small_disk / "ballast"
        begun = surveyor("POST", "uploads", {"Upload-Length": str(len(content))})
        address = begun.headers["location"]
        fill(ballast)

        refused = surveyor("PATCH", address, OFFSET | {"Upload-Offset": "0"}, content=content)
        assert (refused.status_code, refused.json()["type"]) == (507, "urn:sitewright:problem:disk-full")
        sent = [(f"Issue {n}", surveyor("POST", "issues", json={"title": f"Issue {n}"})) for n in range(200)]
        assert {answer.status_code for _, answer in sent} <= {201, 507}
        assert sent[-1][1].status_code == 507
        photo = surveyor("POST", "photos", {"Content-Type": "image/png"}, content=_noise())
        assert photo.status_code == 507
        assert client.get("/healthz").status_code == 200
        acknowledged = {title for title, answer in sent if answer.status_code == 201}
        assert {each["title"] for each in surveyor("GET", "issues?limit=1000").json()["items"]} == acknowledged

        ballast.unlink()
        kept = [each for each in (small_disk / "data" / "files").rglob("*") if each.is_file()]
        assert kept == [], "no half of a photo"
        arrived = int(surveyor("HEAD", address).headers["upload-offset"])
        rest = surveyor("PATCH", address, OFFSET | {"Upload-Offset": str(arrived)}, content=content[arrived:])
        assert rest.status_code == 204, rest.text
        assert app.state.server.files.read(surveyor("GET", address).json()["sha256"]) == content
        assert surveyor("POST", "issues", json={"title": "after"}).status_code == 201


def _noise() -> bytes:
    import io

    import numpy as np
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (300, 300, 3), np.uint8)).save(out, "PNG")
    return out.getvalue()


def test_a_database_that_goes_away_is_said_and_nothing_acknowledged_is_lost(
    own_postgresql: Cluster, tmp_path: Path
) -> None:
    url = f"{own_postgresql.url}/postgres"
    app = create_app(ServerSettings(data=tmp_path / "data", database_url=url, requests_per_s=100_000.0))
    with TestClient(app) as client:
        crowd = Crowd(app, client)
        manager, key = crowd.as_("manager"), {"Idempotency-Key": "while-away"}
        assert manager("POST", "issues", json={"title": "before"}).status_code == 201
        own_postgresql.stop()
        try:
            assert client.get("/healthz").status_code == 503
            for answer in (manager("POST", "issues", key, json={"title": "while away"}), manager("GET", "issues")):
                assert (answer.status_code, answer.json()["type"]) == (503, "urn:sitewright:problem:database-away")
                assert int(answer.headers["retry-after"]) > 0
            assert client.get(f"{API}/sites/{HERE}/events", headers=manager.headers).status_code == 503
        finally:
            own_postgresql.start()
        assert client.get("/healthz").status_code == 200
        assert manager("POST", "issues", key, json={"title": "while away"}).status_code == 201
        titles = [each["title"] for each in manager("GET", "issues").json()["items"]]
        assert titles == ["while away", "before"]


def test_a_fault_of_ours_is_told_as_every_other_problem_is(crowd: Crowd) -> None:
    zone = {"name": "Edge", "kind": "edge", "polygon_m": [[0, 0], [1, 0], [0, 1]]}
    assert crowd.as_("manager")("PUT", "zones/z", json=zone).status_code == 200
    with writing(crowd.server.engine) as session:
        session.execute(text("UPDATE zone SET body = '[]'"))  # what no route writes
        session.commit()
    client = TestClient(crowd.app, raise_server_exceptions=False)
    answer = client.get(f"{API}/sites/{HERE}/zones", headers=crowd.as_("viewer").headers)
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert set(answer.json()) >= {"type", "title", "status", "detail", "detail_zh"}
