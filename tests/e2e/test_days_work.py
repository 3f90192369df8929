"""A day's work: with the keyboard alone, without a network, and at the moment when it matters."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.e2e.conftest import SITE, Site, Watched

CALLED = """(() => {
  const e = document.activeElement
  return e === document.body ? '' : `${e.ariaLabel} ${e.innerText} ${e.labels?.[0]?.innerText}`
})()"""


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def tab_to(page: Page, name: str) -> None:
    """Tab until what has the focus is called so: what cannot be reached fails."""
    for _ in range(60):
        press(page, "Tab")
        if name in page.evaluate(CALLED):
            return
    pytest.fail(f"{name} is not reached by the keyboard")


def marked(outbox: Locator, state: str) -> Locator:
    return outbox.get_by_role("listitem").filter(has_text=state)


def test_an_issue_is_raised_and_settled_by_the_keyboard_alone(open_app: Callable[..., Page], site: Site) -> None:
    page = open_app(site)
    page.goto("/")
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    tab_to(page, "Issues")
    press(page, "Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Issues")
    tab_to(page, "New issue")
    press(page, "Enter")
    expect(page.get_by_label("What is wrong")).to_be_focused()
    page.keyboard.type("Plaster cracks at the lintel")
    press(page, "Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("button", name="Plaster cracks")).to_be_visible()
    tab_to(page, "Plaster cracks")
    press(page, "Enter")
    expect(page.get_by_role("dialog")).to_contain_text("Plaster cracks at the lintel")
    tab_to(page, "State")
    page.keyboard.type("closed")
    tab_to(page, "Save")
    press(page, "Enter")
    expect(page.get_by_text("Plaster cracks at the lintel")).to_have_count(0)
    settled = next(each for each in site.get("/issues")["items"] if each["title"].startswith("Plaster"))
    assert settled["state"] == "closed"


@pytest.fixture
def lonely(new_site: Callable[[], Site]) -> Iterator[Site]:
    """A server that may be stopped."""
    site = new_site()
    yield site
    site.stop()


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    Image.new("RGB", (640, 480), "#997755").save(path)
    return path


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
    expect(page.get_by_role("banner")).to_contain_text("No network", timeout=20_000)
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
    expect(page.get_by_role("img", name="Plan of")).to_be_visible(timeout=30_000)
    page.goto("/offline")
    page.reload()
    outbox = page.get_by_role("region", name="On its way to the server")
    expect(marked(outbox, "waiting")).to_have_count(4)

    lonely.start()
    outbox.get_by_role("button", name="Send now").click()
    expect(marked(outbox, "✓sent")).to_have_count(4, timeout=20_000)
    raised = [each for each in lonely.get("/issues")["items"] if each["title"] == "Leak in the basement"]
    assert len(raised) == 1
    photos = lonely.get("/photos")["items"]
    assert [each["photo_id"] for each in photos] == raised[0]["photo_ids"]
    assert [mark["shape"] for mark in photos[0]["marks"]] == ["arrow"]
    assert "acknowledge" in json.dumps(lonely.get("/hazards/h1")["history"])


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
    expect(held).to_contain_text("no robot has confirmed yet")
    stop = site.get("/stop?active=true")["items"][0]
    assert stop["scope"] == "site"
    held.get_by_role("button", name="Release this stop").click()
    assert site.get("/stop?active=true")["items"] != []
    held.get_by_role("button", name="Yes, release").click()
    expect(held).to_have_count(0)
    assert site.get("/stop?active=true")["items"] == []


def test_a_link_signs_in_once(open_app: Callable[..., Page], console: Watched, site: Site) -> None:
    console.expected += ["401"]
    link = site.client.post("/api/v1/people/demo-manager/link").json()["path"]
    page = open_app(site, signed_in=False)
    page.goto(link)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("navigation", name="Screens")).to_be_visible()
    assert "#" not in page.url
