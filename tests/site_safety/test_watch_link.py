"""The watcher tells a real server; what people do there reaches the watcher."""

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pytest

from bim.verdict import Reason
from site_safety.hazards import Deed, Event, Level, Source, Subject
from site_safety.register import HazardRegister
from site_safety.rules_policy import default_policy
from site_safety.watch import Watch
from sitewright.cli import run
from sitewright.watch_link import WatchLink
from tests.site_safety.test_watch import Recorder
from tests.web.test_serve import PASSWORD, Running, running

NOW = datetime(2026, 5, 4, 9, tzinfo=UTC)
BLIND = Subject("camera_blind", Source.CAMERA, Level.DANGER, Reason("Blind", "失明"), camera_id="north", key="blind|n")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("server")) as one:
        one.sign_in("/setup", secret=one.first_link(), name="Li", email="li@example.org", password=PASSWORD)
        yield one


@pytest.fixture
def site(server: Running, monkeypatch: pytest.MonkeyPatch) -> str:
    """Its id; the watcher's token is in the environment."""
    site = server.client.post("/sites", json={"name": "Site"}).json()["site_id"]
    wanted = {"name": "watch", "scopes": ["read", "ingest"], "site_id": site}
    monkeypatch.setenv("SITEWRIGHT_TOKEN", server.client.post("/tokens", json=wanted).json()["token"])
    return str(site)


def hazards(server: Running, site: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = server.client.get(f"/sites/{site}/hazards").json()["items"]
    return found


def test_a_covered_camera_is_a_hazard_in_the_app(server: Running, site: str, tmp_path: Path) -> None:
    film = cv2.VideoWriter(str(tmp_path / "dark.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 5.0, (320, 180))
    for i in range(40):
        film.write(np.full((180, 320, 3), i % 5 * 3, dtype=np.uint8))
    film.release()
    cameras = tmp_path / "cameras.toml"
    cameras.write_text("[[camera]]\ncamera_id = 'north'\nname = 'North gate'\naddress = 'dark.mp4'\n")
    arguments = ["watch", str(cameras), "--data", str(tmp_path / "data"), "--seconds", "12", "--quiet"]
    assert run([*arguments, "--server", server.address, "--site", site]) == 0
    (hazard,) = hazards(server, site)
    assert (hazard["rule"], hazard["camera_id"], hazard["state"]) == ("camera_blind", "north", "registered")
    (camera,) = server.client.get(f"/sites/{site}/cameras").json()["items"]
    assert camera["name"] == "North gate"
    assert camera["state"] != "live"
    assert "north" in camera["reason"]["zh"]


def test_what_was_closed_in_the_app_is_a_new_hazard_when_it_is_seen_again(
    server: Running, site: str, tmp_path: Path
) -> None:
    register = HazardRegister(tmp_path)
    first = register.register(BLIND, NOW, "watch")
    with WatchLink(server.address, site, os.environ["SITEWRIGHT_TOKEN"], {}) as link:
        link.tell(register.hazards.values(), (), NOW)
    server.client.post(f"/sites/{site}/hazards/{first.hazard_id}/deeds", json={"deed": "review", "review": "false"})
    again = register.register(BLIND, datetime.now(UTC), "watch")
    assert again.hazard_id == first.hazard_id
    with WatchLink(server.address, site, os.environ["SITEWRIGHT_TOKEN"], {}) as link:
        link.tell(register.hazards.values(), (), NOW)
    (answer,) = link.answers()
    assert (answer.hazard_id, answer.review, answer.closed) == (first.hazard_id, "false", True)
    register.heard(answer.hazard_id, datetime.now(UTC), answer.review, answer.closed)
    assert register.register(BLIND, datetime.now(UTC), "watch").hazard_id != first.hazard_id


def test_false_alarms_reviewed_in_the_app_teach_the_watchers_rules_and_are_closed_there_too(
    server: Running, site: str, tmp_path: Path
) -> None:
    """The alarms are over when they are reviewed: nothing about them is told any more, and the answers are heard."""
    watch = Watch([], {}, (), default_policy(), Recorder(), tmp_path, NOW)
    subjects = [replace(BLIND, rule="in_closed_area", level=Level.WARNING, key=f"area|{n}") for n in range(12)]
    for number, subject in enumerate(subjects):
        watch.register.register(subject, NOW + timedelta(minutes=number), "watch")
    with WatchLink(server.address, site, os.environ["SITEWRIGHT_TOKEN"], {}) as link:
        link.tell(watch.register.hazards.values(), (), NOW)
    ids = list(watch.register.hazards)
    for name in ids:
        server.client.post(f"/sites/{site}/hazards/{name}/deeds", json={"deed": "review", "review": "false"})
    with WatchLink(server.address, site, os.environ["SITEWRIGHT_TOKEN"], {}) as link:
        pass
    later = NOW + timedelta(hours=1)
    for each in link.answers():
        watch.heard(each.hazard_id, later, acknowledged_at=each.acknowledged_at, review=each.review, closed=each.closed)
    watch.tick(lambda: later)
    assert [(each.rule, each.deed) for each in watch.news] == [("in_closed_area", "learnt")]
    found = HazardRegister(tmp_path).hazards
    assert {found[name].review for name in ids} == {"false"}
    assert not any(found[name].open for name in ids)


def test_only_what_changed_is_heard_again(server: Running, site: str, tmp_path: Path) -> None:
    register = HazardRegister(tmp_path)
    first = register.register(BLIND, NOW, "watch")
    with WatchLink(server.address, site, os.environ["SITEWRIGHT_TOKEN"], {}) as link:
        link.tell(register.hazards.values(), (), NOW)
    kept = server.client.get(f"/sites/{site}/hazards/{first.hazard_id}").json()

    def changed_after(at: datetime) -> list[dict[str, Any]]:
        query = {"changed_after": at.isoformat()}
        found: list[dict[str, Any]] = server.client.get(f"/sites/{site}/hazards", params=query).json()["items"]
        return found

    changed = datetime.fromisoformat(kept["updated_at"])
    assert changed_after(changed) == []
    assert [each["hazard_id"] for each in changed_after(changed - timedelta(microseconds=1))] == [first.hazard_id]


def test_a_clip_reaches_the_app_and_nothing_else_in_its_place(server: Running, site: str, tmp_path: Path) -> None:
    register = HazardRegister(tmp_path / "data")
    first = register.register(BLIND, NOW, "watch")
    (tmp_path / "clip.webm").write_bytes(b"\x1a\x45\xdf\xa3" + bytes(1000))
    clip = register.evidence.add(tmp_path / "clip.webm", "clip", purpose="hazard", at=NOW, camera_id="north")
    register.record(Event(first.hazard_id, Deed.ADD_EVIDENCE, NOW, "watch", evidence=(clip,)))
    with WatchLink(server.address, site, os.environ["SITEWRIGHT_TOKEN"], {}, register.evidence.file) as link:
        link.tell(register.hazards.values(), (), NOW)
    clips = f"/sites/{site}/hazards/{first.hazard_id}/clips"
    shown = server.client.get(f"{clips}/{clip.sha256}")
    assert shown.content == (tmp_path / "clip.webm").read_bytes()
    assert (shown.headers["content-type"], shown.headers["x-content-type-options"]) == ("video/webm", "nosniff")
    assert server.client.get(f"{clips}/{'0' * 64}").status_code == 404
    program = {"Authorization": f"Bearer {os.environ['SITEWRIGHT_TOKEN']}", "Content-Type": "video/webm"}
    with httpx.Client(base_url=f"{server.address}/api/v1", headers=program) as watch:
        assert watch.post(clips, content=b"<script>alert(1)</script>").status_code == 415
        assert watch.post(clips, content=b"\x1a\x45\xdf\xa3 another").status_code == 404


def test_what_no_server_takes_is_told_when_one_does(server: Running, site: str, tmp_path: Path) -> None:
    register = HazardRegister(tmp_path)
    register.register(BLIND, NOW, "watch")
    with WatchLink("http://127.0.0.1:9", site, os.environ["SITEWRIGHT_TOKEN"], {}) as away:
        away.tell(register.hazards.values(), (), NOW)
    assert away.answers() == []
    with WatchLink(server.address, site, os.environ["SITEWRIGHT_TOKEN"], {}) as link:
        link.tell(HazardRegister(tmp_path).hazards.values(), (), NOW)
    assert [each["rule"] for each in hazards(server, site)] == ["camera_blind"]


def test_a_server_without_site_or_token_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("SITEWRIGHT_TOKEN", raising=False)
    assert run(["watch", "cameras.toml", "--data", str(tmp_path), "--server", "http://127.0.0.1:9"]) == 2
    assert "SITEWRIGHT_TOKEN" in capsys.readouterr().err
