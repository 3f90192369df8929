"""A day's work: in the field, without a network, and at the moment when it matters."""

import hashlib
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from sitewright.watch import calibration_of
from tests.e2e.conftest import ROBOT, SITE, Site, Watched
from tests.web import test_camera_calibration as gate_camera


def marked(outbox: Locator, state: str) -> Locator:
    return outbox.get_by_role("listitem").filter(has_text=state)


def test_work_goes_on_without_a_network_and_arrives_once(
    open_app: Callable[..., Page], console: Watched, lonely: Site, photo: Path
) -> None:
    console.expected += ["net::ERR_"]
    page = open_app(lonely)
    page.goto("/offline")
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    page.reload()
    page.get_by_role("button", name="Fetch", exact=True).first.click()
    expect(page.get_by_text("✓ here")).to_be_visible(timeout=20_000)
    page.goto("/safety")
    expect(page.get_by_text("Guard rail is missing")).to_be_visible()

    lonely.stop()
    page.goto("/issues")
    expect(page.get_by_role("banner")).to_contain_text("No network")
    expect(page.get_by_text("Formwork before the south wall is out of line")).to_be_visible()
    page.get_by_role("button", name="New issue").click()
    page.get_by_label("What is wrong").fill("Leak in the basement")
    page.get_by_label("Take a photo").set_input_files(photo)
    page.get_by_role("button", name="Set in the middle").click()
    page.get_by_role("button", name="Raise the issue").click()
    expect(page.get_by_text("Leak in the basement")).to_be_visible()
    page.goto("/safety")
    page.get_by_role("button", name="I have seen it").click()
    expect(marked(page.get_by_role("main"), "waiting")).to_have_count(1)
    page.goto("/model")
    plan = page.get_by_role("img", name="Plan of")
    expect(plan).to_be_visible(timeout=30_000)
    page.get_by_role("combobox", name="Show").select_option("list")
    page.get_by_role("button", name="Ground slab").click()
    expect(page.get_by_text("Without a network only its newest verdict is here.")).to_be_visible()
    page.goto("/offline")
    page.reload()
    outbox = page.get_by_role("region", name="On its way to the server")
    expect(marked(outbox, "waiting")).to_have_count(4)

    lonely.start()
    outbox.get_by_role("button", name="Send now").click()
    expect(marked(outbox, "✓sent")).to_have_count(4)
    raised = [each for each in lonely.get("/issues")["items"] if each["title"] == "Leak in the basement"]
    assert len(raised) == 1
    photos = lonely.get("/photos")["items"]
    assert [each["photo_id"] for each in photos] == raised[0]["photo_ids"]
    assert [mark["shape"] for mark in photos[0]["marks"]] == ["arrow"]
    assert "acknowledge" in json.dumps(lonely.get("/hazards/h1")["history"])


def test_an_issue_from_the_plan_knows_its_place_and_is_assigned(open_app: Callable[..., Page], site: Site) -> None:
    page = open_app(site)
    page.goto("/model?storey=01+First+floor")
    expect(page.get_by_label("Storey")).to_have_value(re.compile(".+"))
    page.get_by_role("img", name="Plan of 01 First floor").click()
    page.get_by_role("complementary", name="Element").get_by_role("link", name="Raise the issue").click()
    page.get_by_label("What is wrong").fill("Crack in the slab")
    page.get_by_role("button", name="Raise the issue").click()
    page.get_by_role("button", name="Crack in the slab").click()
    page.get_by_label("Who puts it right").select_option(label="Site manager")
    page.get_by_label("Due").fill("2030-01-31")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("button", name="Crack in the slab")).to_contain_text("due 31 Jan 2030")
    raised = next(each for each in site.get("/issues")["items"] if each["title"] == "Crack in the slab")
    assert (raised["assigned_to"], raised["due_date"]) == ("manager@demo.invalid", "2030-01-31")
    assert raised["storey"] == "01 First floor"
    assert len(raised["element_ids"]) == 1
    assert 3 < raised["place_m"][2] < 6


def test_the_code_of_an_element_is_shown_with_its_name_and_leads_back_to_it(
    open_app: Callable[..., Page], site: Site, tmp_path: Path
) -> None:
    slab = next(each for each in site.get("/elements?limit=1000")["items"] if each["name"] == "Ground slab 300")
    page = open_app(site)
    page.goto(f"/model?element={slab['global_id']}")
    page.get_by_role("button", name="QR code").click()
    shown = page.get_by_role("dialog", name="Ground slab")
    code = shown.get_by_role("img", name="QR code of Ground slab 300")
    expect(code).to_have_js_property("complete", True)
    code.screenshot(path=tmp_path / "code.png")
    picture = cv2.imread(str(tmp_path / "code.png"))
    assert picture is not None
    read, _, _ = cv2.QRCodeDetector().detectAndDecode(picture)
    assert read == f"{site.address}/model?site=demo&element={slab['global_id']}"
    with page.expect_download() as saved:
        shown.get_by_role("link", name="Get it").click()
    assert saved.value.suggested_filename == "Ground slab 300.svg"


def test_a_zone_is_drawn_corner_by_corner(open_app: Callable[..., Page], site: Site) -> None:
    page = open_app(site)
    page.goto("/safety?tab=zones")
    page.get_by_role("button", name="Draw a zone").click()
    page.get_by_label("Name of the zone").fill("Trench")
    page.get_by_label("Kind").select_option("excavation")
    plan = page.get_by_role("img", name="Plan of 00 Ground floor")
    box = plan.bounding_box()
    assert box
    for across, down in ((0.4, 0.4), (0.6, 0.4), (0.6, 0.6)):
        plan.click(position={"x": across * box["width"], "y": down * box["height"]})
    page.get_by_label("x, m").fill("4.5")
    page.get_by_label("y, m").fill("-2")
    page.get_by_role("button", name="Add this corner").click()
    expect(page.get_by_text("4 corners")).to_be_visible()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_text("Trench")).to_be_visible()
    drawn = next(each for each in site.get("/zones")["items"] if each["name"] == "Trench")
    assert drawn["storey"] == "00 Ground floor"
    assert drawn["polygon_m"][3] == [4.5, -2.0]
    (x0, y0), (x1, y1), (x2, y2) = drawn["polygon_m"][:3]
    assert x0 < x1 == pytest.approx(x2)
    assert y0 == pytest.approx(y1)
    assert y1 > y2


def test_a_cameras_alarm_is_judged_with_one_look_and_one_press(open_app: Callable[..., Page], site: Site) -> None:
    now = datetime.now(UTC).isoformat()
    alarm = {"rule": "no_helmet", "level": "warning", "text": {"en": "No helmet", "zh": "未戴安全帽"},
             "camera_id": "c1", "source": "camera", "opened_at": now, "seen_at": now, "due_at": now}  # fmt: skip
    with site.program() as program:
        for name in ("a1", "a2"):
            program.put(f"{SITE}/hazards/{name}", json=alarm).raise_for_status()
    page = open_app(site)
    page.goto("/safety")
    queue = page.get_by_role("region", name="to judge")
    expect(queue).to_contain_text("2 alarms to judge")
    queue.get_by_role("button", name="False alarm").click()
    expect(queue).to_contain_text("1 alarm to judge")
    queue.get_by_role("button", name="Cannot tell").click()
    expect(queue).to_have_count(0)
    expect(page.get_by_role("list", name="Alerts").get_by_text("No helmet")).to_have_count(1)
    judged = [site.get(f"/hazards/{name}") for name in ("a1", "a2")]
    assert {each["review"]: each["state"] for each in judged} == {"false": "closed", "cannot_tell": "registered"}


def test_a_clip_of_an_alarm_is_played(open_app: Callable[..., Page], site: Site, tmp_path: Path) -> None:
    film = cv2.VideoWriter(str(tmp_path / "clip.webm"), cv2.VideoWriter.fourcc(*"VP80"), 5.0, (320, 180))
    for shade in range(0, 250, 25):
        film.write(np.full((180, 320, 3), shade, dtype=np.uint8))
    film.release()
    clip, now = (tmp_path / "clip.webm").read_bytes(), datetime.now(UTC).isoformat()
    evidence = {"kind": "clip", "sha256": hashlib.sha256(clip).hexdigest(), "file": "clip.webm"}
    alarm = {"rule": "no_vest", "level": "notice", "text": {"en": "No vest", "zh": "未穿反光衣"}, "camera_id": "c1",
             "source": "camera", "opened_at": now, "seen_at": now, "due_at": now, "evidence": [evidence]}  # fmt: skip
    with site.program() as program:
        program.put(f"{SITE}/hazards/a3", json=alarm).raise_for_status()
        headers = {"Content-Type": "video/webm"}
        program.post(f"{SITE}/hazards/a3/clips", content=clip, headers=headers).raise_for_status()
    page = open_app(site)
    page.goto("/safety?open=a3")
    shown = page.get_by_role("dialog").get_by_label("Clip of the moment, faces blurred")
    expect(shown).to_be_visible()
    expect(shown).to_have_js_property("videoWidth", 320)


def test_a_camera_is_placed_by_marks_in_its_picture_and_in_the_model(
    open_app: Callable[..., Page], site: Site, tmp_path: Path
) -> None:
    picture = tmp_path / "gate.png"
    Image.new("RGB", (1280, 720), "#557799").save(picture)
    page = open_app(site)
    page.goto("/calibrate?camera=gate")
    page.get_by_label("Choose the picture").set_input_files(picture)
    page.get_by_alt_text("Picture of the camera").click(position={"x": 40, "y": 30})
    expect(page.get_by_role("status").filter(has_text="Now tap the same point in the model.")).to_be_visible()
    page.get_by_role("button", name="Remove mark 1").click()
    expect(page.get_by_role("button", name="Find where it stands")).to_be_disabled()
    for n, mark in enumerate(gate_camera.marked(gate_camera.PLACES)["marks"], start=1):
        page.get_by_role("button", name="Add a mark by numbers").click()
        row = page.get_by_role("listitem", name=f"Mark {n}", exact=True)
        names = ("across, px", "down, px", "x, m", "y, m", "z, m")
        for name, value in zip(names, [*mark["picture_px"], *mark["site_m"]], strict=True):
            row.get_by_label(name).fill(f"{value:.2f}")
    page.get_by_role("button", name="Find where it stands").click()
    found = page.get_by_role("region", name="Found")
    expect(found).to_contain_text("x 1.00 · y -6.00 · z 6.00 m")
    expect(found).to_contain_text("Error on the ground, up to 10 m away")
    found.get_by_role("button", name="Keep it at the server").click()
    expect(found.get_by_role("status")).to_contain_text("The server keeps it")
    assert len(site.get("/cameras/gate/calibration")["marks"]) == len(gate_camera.PLACES)
    with page.expect_download() as saved:
        found.get_by_role("link", name="Save the calibration").click()
    saved.value.save_as(tmp_path / "gate.json")
    calibration = calibration_of(tmp_path / "gate.json")
    assert calibration
    assert calibration.camera_id == "gate"
    assert calibration.residual_px < 0.1


def test_what_comes_first_leads_to_where_it_is_dealt_with(open_app: Callable[..., Page], site: Site) -> None:
    page = open_app(site)
    page.goto("/")
    first = page.get_by_role("region", name="First things first").get_by_role("link")
    expect(first).not_to_have_count(0)
    for n in range(first.count()):
        first.nth(n).click()
        expect(page).not_to_have_url(f"{site.address}/")
        expect(page.get_by_label("Loading")).to_have_count(0)
        expect(page.get_by_role("dialog").or_(page.get_by_role("tab", selected=True))).not_to_have_count(0)
        expect(page.get_by_role("alert")).to_have_count(0)
        page.goto("/")


def test_a_conflict_is_shown_and_settled_by_a_person(
    open_app: Callable[..., Page], console: Watched, site: Site
) -> None:
    console.expected += ["412"]
    issue = site.client.post(f"{SITE}/issues", json={"title": "Door opens the wrong way"}).json()
    page = open_app(site)
    page.goto(f"/issues?open={issue['issue_id']}")
    page.get_by_label("State").select_option("resolved")
    site.client.patch(f"{SITE}/issues/{issue['issue_id']}", json={"state": "closed"}).raise_for_status()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.goto("/offline")
    outbox = page.get_by_role("region", name="On its way to the server")
    expect(marked(outbox, "conflict")).to_be_visible()
    assert site.get(f"/issues/{issue['issue_id']}")["state"] == "closed"
    outbox.get_by_role("button", name="Mine counts").click()
    expect(marked(outbox, "✓sent")).to_be_visible()
    assert site.get(f"/issues/{issue['issue_id']}")["state"] == "resolved"


def test_a_stop_says_who_stands_and_is_released_by_two_presses(open_app: Callable[..., Page], site: Site) -> None:
    page = open_app(site)
    page.goto("/")
    page.get_by_role("button", name="STOP robots").click()
    page.get_by_role("button", name="STOP NOW").click()
    held = page.get_by_role("region", name="A stop holds")
    expect(held).to_contain_text("1 robot has not confirmed")
    expect(held).to_contain_text("not confirmed: go and look")
    stop = site.get("/stop?active=true")["items"][0]
    assert stop["scope"] == "site"
    with site.program() as program:
        standing = ROBOT | {"mode": "stopped", "stop_confirmed": True, "at": datetime.now(UTC).isoformat()}
        program.post(f"{SITE}/robots/states", json=[standing]).raise_for_status()
    expect(held).to_contain_text("all confirmed: they stand")
    held.get_by_role("button", name="Release this stop").click()
    assert site.get("/stop?active=true")["items"] != []
    held.get_by_role("button", name="Yes, release").click()
    expect(held).to_have_count(0)
    assert site.get("/stop?active=true")["items"] == []
