"""How packs and scans are fetched: whole, by ranges, again, and by whom."""

import gzip
import hashlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient

from bim.ifc import read_building
from bim.ifc_authoring import Author
from scan_to_bim.clouds import SCAN_LIMITS, write_las
from web.database import writing
from web.identifiers import digest
from web.jobs import claim, enqueue
from web.server import create_app
from web.server_state import Server
from web.settings import ServerSettings
from web.tables import Current, ElementVerdict, Membership, Model, ModelVersion, Person, Scan, SignIn, Site, now
from web.work import do

SITE, OTHER = "/api/v1/sites/here", "/api/v1/sites/there"


@pytest.fixture(scope="module")
def walls(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """Two models of one building, as one file each, and the GUIDs of their walls."""
    folder, guids = tmp_path_factory.mktemp("models"), []
    for name, y in (("a", 0.0), ("b", 5.0)):
        model = Author(name)
        level = model.storey("Ground", 0.0)
        guids.append(model.wall(level, f"Wall {name}", (0.0, y), (6.0, y), 3.0, 0.2).wall)
        model.write(folder / f"{name}.ifc")
    return folder, guids


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory, walls: tuple[Path, list[str]]) -> Iterator[TestClient]:
    """Someone who may look at one site, where a worker made a pack and a COPC; and the other site exists too."""
    folder = tmp_path_factory.mktemp("server")
    app = create_app(ServerSettings(data=folder))
    server: Server = app.state.server
    with writing(server.engine) as session:
        session.add_all([Site(id="here", name="Here"), Site(id="there", name="There")])
        session.add(Person(id="eve", name="Eve", email="eve@example.org"))
        session.flush()
        session.add(Membership(site_id="here", person_id="eve", roles=["viewer"]))
        session.add(SignIn(id=digest("secret"), person_id="eve", expires_at=now() + timedelta(days=1)))
        session.commit()
    work_through(server, walls, folder)
    with TestClient(app, cookies={"sitewright": "secret"}) as found:
        yield found


def work_through(server: Server, walls: tuple[Path, list[str]], folder: Path) -> None:
    """Models and a scan as people add them, and a worker that does what there is to do."""
    write_las(folder / "scan.laz", np.random.default_rng(1).uniform(0, 9, (5000, 3)), np.ones(5000, np.int32))
    kept = {
        path.name: server.files.keep_bytes(path.read_bytes()) for path in (*walls[0].iterdir(), folder / "scan.laz")
    }
    with writing(server.engine) as session:
        for name in ("a", "b"):
            file = f"{name}.ifc"
            version = ModelVersion(id=f"{name}1", site_id="here", model_id=name, number=1, filename=file, size=1,
                                   sha256=kept[file])  # fmt: skip
            session.add_all([Model(id=name, site_id="here", name=name), version])
            enqueue(session, "here", "read_model", {"version_id": version.id})
        session.add(Scan(id="may", site_id="here", name="May", filename="scan.laz", size=1, taken_at=now(),
                         sha256=kept["scan.laz"]))  # fmt: skip
        enqueue(session, "here", "copc", {"scan_id": "may"})
        deviation = {"translation_m": [0.03, 0.04, 0.0], "within_tolerance": False}
        for comparison, state in (("first", "unseen"), ("second", "displaced")):
            session.add(ElementVerdict(
                site_id="here", comparison_id=comparison, global_id=walls[1][0], state=state, completion_low=0.0,
                completion_high=1.0, confidence=0.9, observable=1.0, evidence={}, reason={"en": "So.", "zh": "是。"},
                deviation=deviation if state == "displaced" else None,
            ))  # fmt: skip
        session.add(Current(site_id="here", comparison_id="second", global_id=walls[1][0], state="displaced",
                            completion_low=0.0, completion_high=1.0, confidence=0.99))  # fmt: skip
        session.commit()
    while job := claim(server.engine, "worker", timedelta(minutes=1), attempts=1):
        do(job, server.engine, server.settings, SCAN_LIMITS, folder / "cache")


def test_one_pack_holds_all_models_of_the_building(client: TestClient, walls: tuple[Path, list[str]]) -> None:
    manifest = client.get(f"{SITE}/packs/current/manifest.json").json()
    assert manifest["elements"] == len(read_building([walls[0] / "a.ifc", walls[0] / "b.ifc"]).elements)
    found = [
        guid
        for storey in manifest["storeys"]
        for guid in client.get(f"{SITE}/packs/current/{storey['files']['elements']['file']}").json()["global_id"]
    ]
    assert sorted(found) == sorted(walls[1])


def test_the_list_says_what_fetching_a_pack_costs(client: TestClient) -> None:
    listed = client.get(f"{SITE}/packs").json()[0]
    folder = f"{SITE}/packs/{listed['pack_id']}"
    sizes = [len(gzip.compress(client.get(f"{folder}/{file}").content, mtime=0)) for file in listed["files"]]
    assert listed["version_ids"] == ["a1", "b1"]
    assert sum(sizes) == listed["size"]


def test_a_file_comes_compressed_or_plain_and_is_what_the_manifest_says(client: TestClient) -> None:
    part = client.get(f"{SITE}/packs/current/manifest.json").json()["storeys"][0]["files"]["glb"]
    packed = client.get(f"{SITE}/packs/current/{part['file']}", headers={"Accept-Encoding": "gzip"})
    plain = client.get(f"{SITE}/packs/current/{part['file']}", headers={"Accept-Encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.content == plain.content
    assert hashlib.sha256(plain.content).hexdigest() == part["sha256"]
    assert packed.headers["content-type"] == "model/gltf-binary"


def test_what_is_there_already_is_not_sent_again(client: TestClient) -> None:
    first = client.get(f"{SITE}/packs/current/manifest.json")
    again = client.get(f"{SITE}/packs/current/manifest.json", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert "no-cache" in first.headers["cache-control"]
    part = first.json()["storeys"][0]["files"]["glb"]["file"]
    assert "immutable" in client.get(f"{SITE}/packs/current/{part}").headers["cache-control"]


def test_head_tells_without_sending(client: TestClient) -> None:
    answer = client.head(f"{SITE}/scans/may/copc")
    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["content-length"]) > 1000


def test_all_comparisons_together_or_one_of_them_give_verdicts(
    client: TestClient, walls: tuple[Path, list[str]]
) -> None:
    now_known = client.get(f"{SITE}/packs/current/verdicts.json").json()
    first = client.get(f"{SITE}/packs/current/verdicts.json", params={"comparison_id": "first"}).json()
    assert (now_known["global_id"], now_known["state"], now_known["confidence"]) == (
        [walls[1][0]],
        ["displaced"],
        [0.99],
    )
    assert now_known["deviation_m"] == [0.05]
    assert (first["state"], first["deviation_m"]) == (["unseen"], [None])


def test_a_scan_is_read_by_ranges(client: TestClient) -> None:
    whole = client.get(f"{SITE}/scans/may/copc").content
    part = client.get(f"{SITE}/scans/may/copc", headers={"Range": "bytes=100-299"})
    assert part.status_code == 206
    assert part.content == whole[100:300]
    assert part.headers["content-range"] == f"bytes 100-299/{len(whole)}"
    assert whole[:4] == b"LASF"


@pytest.mark.parametrize("path", ["packs/current/manifest.json", "scans/may/copc", "packs"])
def test_another_site_and_who_is_not_signed_in_see_nothing(client: TestClient, path: str) -> None:
    assert client.get(f"{OTHER}/{path}").status_code == 404
    client_out = TestClient(client.app)
    assert client_out.get(f"{SITE}/{path}").status_code == 401


@pytest.mark.parametrize(
    "path", ["packs/none/manifest.json", "packs/current/0-feed.glb", "packs/may/manifest.json", "scans/june/copc"]
)
def test_what_is_not_there_is_said_so(client: TestClient, path: str) -> None:
    answer = client.get(f"{SITE}/{path}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("file", ["..%2f..%2fsitewright.sqlite", "manifest.json%00", "a.html"])
def test_names_that_climb_are_refused(client: TestClient, file: str) -> None:
    assert client.get(f"{SITE}/packs/current/{file}").status_code in (404, 422)
