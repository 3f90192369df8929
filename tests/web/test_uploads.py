"""Files arrive whole or can be gone on with; what leaves again is never a page."""

import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.web.people import API, HERE, OFFSET, Crowd
from web.files import Files, safe_name
from web.routes.uploads import finish_interrupted
from web.server import create_app


def begin(crowd: Crowd, length: int, metadata: str = "") -> str:
    answer = crowd.as_("surveyor")("POST", "uploads", {"Upload-Length": str(length), "Upload-Metadata": metadata})
    assert answer.status_code == 201, answer.text
    return str(answer.headers["location"])


def send(crowd: Crowd, address: str, offset: int, content: bytes) -> int:
    return crowd.as_("surveyor")("PATCH", address, OFFSET | {"Upload-Offset": str(offset)}, content=content).status_code


def offset(crowd: Crowd, address: str) -> int:
    return int(crowd.as_("surveyor")("HEAD", address).headers["upload-offset"])


@given(st.binary(max_size=300), st.data())
@settings(max_examples=30, deadline=None)
def test_parts_of_any_size_make_the_whole(one_crowd: Crowd, content: bytes, data: st.DataObject) -> None:
    address, sent = begin(one_crowd, len(content)), 0
    while sent < len(content):
        step = data.draw(st.integers(1, len(content) - sent))
        assert send(one_crowd, address, sent, content[sent : sent + step]) == 204
        sent += step
        assert offset(one_crowd, address) == sent
    upload = one_crowd.as_("surveyor")("GET", address).json()
    assert one_crowd.server.files.read(upload["sha256"]) == content


def test_a_part_from_the_wrong_place_is_refused_and_the_right_place_named(one_crowd: Crowd) -> None:
    address = begin(one_crowd, 10)
    assert send(one_crowd, address, 0, b"12345") == 204
    for wrong in (0, 4, 6, 10):
        assert send(one_crowd, address, wrong, b"x") == 409
    assert offset(one_crowd, address) == 5


def test_more_than_was_announced_does_not_arrive(one_crowd: Crowd) -> None:
    address = begin(one_crowd, 3)
    assert send(one_crowd, address, 0, b"123456") == 204
    assert one_crowd.server.files.read(one_crowd.as_("surveyor")("GET", address).json()["sha256"]) == b"123"


def test_an_upload_goes_on_after_the_server_died_at_its_last_byte(crowd: Crowd) -> None:
    address = begin(crowd, 5)
    part = crowd.server.uploads / f"{address.rpartition('/')[2]}.part"
    part.write_bytes(b"whole")  # the bytes had come, their hash was not taken yet
    app = create_app(crowd.server.settings)
    finish_interrupted(app.state.server)
    assert crowd.as_("surveyor")("GET", address).json()["sha256"] is not None


def test_an_incomplete_file_is_nothing_yet(one_crowd: Crowd) -> None:
    address = begin(one_crowd, 5)
    wanted = {"name": "Model", "upload_id": address.rpartition("/")[2]}
    assert one_crowd.as_("surveyor")("POST", "models", json=wanted).status_code == 409


def test_a_file_that_the_disk_cannot_hold_is_refused_before_it_is_sent(one_crowd: Crowd) -> None:
    length = str(2**46)
    assert one_crowd.as_("surveyor")("POST", "uploads", {"Upload-Length": length}).status_code == 413
    one_crowd.server.settings.__dict__["upload_gib"] = 2**30
    try:
        answer = one_crowd.as_("surveyor")("POST", "uploads", {"Upload-Length": str(2**56)})
        assert (answer.status_code, answer.json()["type"]) == (507, "urn:sitewright:problem:disk-full")
    finally:
        one_crowd.server.settings.__dict__["upload_gib"] = 64.0


@given(st.text(max_size=200))
def test_no_name_leads_anywhere(name: str) -> None:
    safe = safe_name(name)
    assert safe
    assert safe not in (".", "..")
    assert not set(safe) & set('/\\\0\n\r"')
    assert Path(safe).name == safe


def test_what_is_kept_is_kept_once_and_cannot_be_changed(tmp_path: Path) -> None:
    files = Files(str(tmp_path))
    one, two = files.keep_bytes(b"content"), files.keep_bytes(b"content")
    assert one == two
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(kept) == 1
    assert kept[0].stat().st_mode & 0o222 == 0


@pytest.mark.parametrize(("asked", "status", "content"), [
    (None, 200, b"0123456789"), ("bytes=2-4", 206, b"234"), ("bytes=7-", 206, b"789"), ("bytes=-3", 206, b"789"),
    ("bytes=0-0", 206, b"0"), ("bytes=5-99", 206, b"56789"), ("bytes=10-", 416, None), ("bytes=4-2", 416, None),
    ("bytes=0-1,3-4", 200, b"0123456789"), ("lines=1-2", 200, b"0123456789"), ("bytes=x-1", 200, b"0123456789"),
])  # fmt: skip
def test_ranges_of_a_file(one_crowd: Crowd, asked: str | None, status: int, content: bytes | None) -> None:
    surveyor = one_crowd.as_("surveyor")
    upload = surveyor.upload(b"0123456789", "scan<script>.laz")
    scan = surveyor("POST", "scans", json={"name": "S", "upload_id": upload, "taken_at": "2026-01-01T00:00:00Z"}).json()
    answer = surveyor("GET", f"scans/{scan['scan_id']}/file", {"Range": asked} if asked else {})
    assert answer.status_code == status
    if content is not None:
        assert answer.content == content
    if status == 200:
        assert answer.headers["content-disposition"].startswith("attachment")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in answer.headers["content-security-policy"]


def picture(kind: str, **what: object) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (40, 30), (200, 30, 30)).save(out, kind, **what)
    return out.getvalue()


def test_a_photo_loses_what_it_carries_besides(one_crowd: Crowd) -> None:
    exif = Image.Exif()
    exif[0x010F] = "The Camera of Somebody"
    content = picture("JPEG", exif=exif)
    assert b"Somebody" in content
    surveyor = one_crowd.as_("surveyor")
    photo = surveyor("POST", "photos?photo_id=offline-1", {"Content-Type": "image/jpeg"}, content=content)
    assert photo.status_code == 201, photo.text
    shown = surveyor("GET", "photos/offline-1/file")
    assert shown.headers["content-type"] == "image/jpeg"
    assert b"Somebody" not in shown.content
    assert Image.open(io.BytesIO(shown.content)).size == (40, 30)


@pytest.mark.parametrize("content", [b"", b"<svg onload=alert(1)>", b"\xff\xd8\xff\xe0 broken", b"GIF89a", b"PK\3\4"])
def test_what_is_no_photo_is_refused(one_crowd: Crowd, content: bytes) -> None:
    answer = one_crowd.as_("surveyor")("POST", "photos", {"Content-Type": "image/jpeg"}, content=content)
    assert answer.status_code in (413, 422)


def test_a_request_that_is_too_large_ends_early(one_crowd: Crowd) -> None:
    answer = one_crowd.as_("surveyor")("POST", "issues", content=b"[" * (9 * 1024**2))
    assert answer.status_code == 413
    assert one_crowd.as_("surveyor")("GET", f"{API}/sites/{HERE}").status_code == 200
