"""Files behind an fsspec URL: what was kept comes back, and a server works on them as on a disk."""

import os
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from moto.server import ThreadedMotoServer

from bim.errors import BadInput
from bim.ifc_authoring import Author
from bim.isolation import Limits
from tests.web.people import Crowd
from web import jobs
from web.files import Files
from web.server import create_app
from web.settings import ServerSettings
from web.work import do


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """The URL of a bucket of a real S3 server."""
    import boto3

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    address = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
    }
    before = {name: os.environ.get(name) for name in address}
    os.environ |= address
    try:
        boto3.client("s3").create_bucket(Bucket="site", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        yield "s3://site"
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
        server.stop()


@pytest.fixture(params=["disk", "memory", "s3"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A place of its own for files, of each kind."""
    name = uuid.uuid4().hex
    if request.param == "s3":
        return f"{request.getfixturevalue('bucket')}/{name}"
    return f"memory://{name}" if request.param == "memory" else str(tmp_path / name)


def test_what_is_kept_comes_back_whole_and_in_parts(url: str, tmp_path: Path) -> None:
    files, content = Files(url), os.urandom(3 * 1024**2)
    (tmp_path / "given").write_bytes(content)
    sha256 = files.keep(tmp_path / "given")
    assert not (tmp_path / "given").exists(), "it was taken over"
    assert (files.has(sha256), files.size(sha256), files.read(sha256)) == (True, len(content), content)
    assert b"".join(files.blocks(sha256, 5, 2 * 1024**2)) == content[5 : 5 + 2 * 1024**2]
    assert files.named(sha256, "../scan.laz", tmp_path / "at-hand").read_bytes() == content
    assert files.keep_bytes(content) == sha256, "the same once more is the same"
    files.drop(sha256)
    assert not files.has(sha256)
    files.drop(sha256)


def test_what_was_never_kept_is_not_there(url: str) -> None:
    files = Files(url)
    assert not files.has("0" * 64)
    with pytest.raises(FileNotFoundError):
        files.read("0" * 64)
    with pytest.raises(BadInput):
        files.has("../" + "0" * 61)


def test_a_server_and_its_worker_keep_everything_in_a_bucket(bucket: str, tmp_path: Path) -> None:
    settings = ServerSettings(data=tmp_path / "data", files_url=f"{bucket}/server", requests_per_s=100_000.0)
    app = create_app(settings)
    model = Author("Shed")
    model.wall(model.storey("Ground", 0.0), "Wall", (0.0, 0.0), (6.0, 0.0), 3.0, 0.2)
    model.write(tmp_path / "shed.ifc")
    content = (tmp_path / "shed.ifc").read_bytes()
    with TestClient(app) as client:
        surveyor = Crowd(app, client).as_("surveyor")
        added = surveyor("POST", "models", json={"name": "Shed", "upload_id": surveyor.upload(content, "shed.ifc")})
        assert added.status_code in (201, 202), added.text
        job = jobs.claim(app.state.server.engine, "worker", timedelta(minutes=5), attempts=1)
        assert job
        do(job, app.state.server.engine, settings, Limits(), tmp_path / "cache")
        (element,) = surveyor("GET", "elements").json()["items"]
        assert element["name"] == "Wall"
        version = surveyor("GET", f"models/{added.json()['model_id']}/versions").json()["items"][0]
        way = f"models/{added.json()['model_id']}/versions/{version['version_id']}/file"
        assert surveyor("GET", way, {"Range": "bytes=0-8"}).content == content[:9]
    assert not list((tmp_path / "data").rglob("*.ifc"))
    kept = {each.name for each in (tmp_path / "data").iterdir()}
    assert "files" not in kept
