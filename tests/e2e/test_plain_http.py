"""A site without TLS yet: browsers withhold the service worker, caches and locks, and the app says what that costs."""

import json
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.e2e.conftest import NAME_WITHOUT_TLS, Site, Watched


def test_the_app_works_without_tls_and_says_that_nothing_is_kept(
    open_app: Callable[..., Page], console: Watched, lonely: Site, photo: Path
) -> None:
    console.expected += ["net::ERR_", "Cross-Origin-Opener-Policy header has been ignored"]
    page = open_app(lonely, host=NAME_WITHOUT_TLS)
    page.goto("/offline")
    assert page.evaluate("[isSecureContext, 'caches' in window, 'locks' in navigator]") == [False, False, False]
    expect(page.get_by_text("This address cannot keep anything for offline use")).to_be_visible()
    expect(page.get_by_role("button", name="Fetch")).to_have_count(0)

    screens = page.get_by_role("navigation", name="Screens")
    screens.get_by_role("link", name="Safety").click()
    page.get_by_role("button", name="I have seen it").click()
    expect(page.get_by_role("button", name="I have seen it")).to_have_count(0)
    screens.get_by_role("link", name="Issues").click()
    raise_issue(page, "Leak in the basement", photo)
    expect(page.get_by_role("button", name="Leak in the basement")).to_be_visible()

    lonely.stop()
    raise_issue(page, "Door was delivered broken", photo)
    expect(page.get_by_role("listitem").filter(has_text="Door was delivered broken")).to_contain_text("waiting")
    lonely.start()
    screens.get_by_role("link", name="Offline").click()
    page.get_by_role("button", name="Send now").click()
    expect(page.get_by_role("button", name="Send now")).to_have_count(0)
    raised = {each["title"]: each["photo_ids"] for each in lonely.get("/issues")["items"]}
    assert [len(raised[title]) for title in ("Leak in the basement", "Door was delivered broken")] == [1, 1]
    assert len(lonely.get("/photos")["items"]) == 2
    assert "acknowledge" in json.dumps(lonely.get("/hazards/h1")["history"])


def raise_issue(page: Page, title: str, photo: Path) -> None:
    page.get_by_role("button", name="New issue").click()
    page.get_by_label("What is wrong").fill(title)
    page.get_by_label("Take a photo").set_input_files(photo)
    page.get_by_role("button", name="Raise the issue").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
