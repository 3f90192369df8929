"""Every screen and dialog, in both languages, on tablet and phone: without an error, and for everybody."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import PHONE, ROOT, TABLET, Site
from tests.e2e.test_words import EN, ZH

AXE = (ROOT / "web/app/node_modules/axe-core/axe.min.js").as_posix()
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
SCREENS = {"/": "today", "/model": "model", "/progress": "progress", "/issues": "issues", "/safety": "safety",
           "/reports": "reports", "/uploads": "uploads", "/offline": "offline", "/settings": "settings"}  # fmt: skip
TABS = {"/progress": 4, "/safety": 6, "/settings": 4}
OPENED = {"/issues?open={issue}": None, "/safety?open=h1": None, "/safety": "safety.report",
          "/safety?tab=zones": "safety.draw", "/reports": "stop.button", "/": "edit"}  # fmt: skip
"""What stands before a screen: by its address, or by what is pressed there."""


def violations(page: Page) -> list[str]:
    """What axe finds against WCAG 2.2 A and AA."""
    if not Path(AXE).is_file():
        pytest.skip("axe-core is not there; `npm ci` in web/app brings it")
    if not page.evaluate("'axe' in window"):
        page.evaluate(Path(AXE).read_text(encoding="utf-8"))
    found: dict[str, Any] = page.evaluate("o => axe.run(document, o)", {"runOnly": WCAG, "resultTypes": ["violations"]})
    return [f"{page.url} {each['id']}: {each['nodes'][0]['html'][:200]}" for each in found["violations"]]


def settled(page: Page) -> None:
    expect(page.get_by_label("Loading").or_(page.get_by_label("加载中"))).to_have_count(0)


def views(page: Page, said: dict[str, str], site: Site, photo: Path) -> Iterator[str]:
    """Every screen, tab and dialog, settled."""
    page.goto("/")
    screens = page.get_by_role("navigation", name=said["nav.label"])
    for path, name in SCREENS.items():
        screens.get_by_role("link", name=said[f"nav.{name}"]).click()
        expect(page.get_by_role("heading", level=1)).to_contain_text(said[f"nav.{name}"])
        settled(page)
        yield path
        for n in range(1, TABS.get(path, 0)):
            page.get_by_role("tab").nth(n).click()
            settled(page)
            yield f"{path} tab {n}"
    dialog = page.get_by_role("dialog")
    for path, pressed in OPENED.items():
        page.goto(path.format(issue=site.get("/issues")["items"][0]["issue_id"]))
        if pressed:
            page.get_by_role("button", name=said[pressed]).click()
        expect(dialog).to_be_visible()
        settled(page)
        yield f"{path} {pressed}"
    page.goto("/issues?new=1")
    dialog.get_by_label(said["photo.take"]).set_input_files(photo)
    dialog.get_by_role("button", name=said["photo.add"]).click()
    dialog.get_by_role("button", name=said["issues.pick"]).click()
    expect(dialog.get_by_role("img").last).to_be_visible()
    settled(page)
    yield "a photo that is marked, a place that is picked"
    page.goto("/model")
    page.locator(".vw-bar select").first.select_option("list")
    page.locator(".vw-list li button").first.click()
    settled(page)
    yield "an element beside the list"
    page.goto("/settings")
    page.get_by_role("tab").nth(1).click()
    page.get_by_role("button", name=said["settings.remove"]).first.click()
    yield "a question before somebody is removed"
    page.goto("/calibrate?camera=c1")
    settled(page)
    yield "a camera that is placed"


SMALL = """() => {
  const pressed = 'button, select, textarea, a.item, a.mantine-Button-root, input:not([type=checkbox], [type=file])'
  return [...document.querySelectorAll(`:is(main, header, nav, [role=dialog]) :is(${pressed})`)]
    .map(e => [e.ariaLabel || e.innerText || e.name, e.getBoundingClientRect()])
    .filter(([, box]) => box.height > 0 && (box.height < 56 || box.width < 56))
    .map(([name, box]) => `${name} ${box.width} x ${box.height}`)
}"""
"""What is pressed and too small for a glove."""

FAINT = """() => {
  const part = c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4
  const light = rgb => rgb.match(/[\\d.]+/g).map(Number).map(c => part(c / 255))
    .slice(0, 3).reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0)
  const ground = e => {
    const colour = getComputedStyle(e).backgroundColor
    return colour === 'rgba(0, 0, 0, 0)' && e.parentElement ? ground(e.parentElement) : colour
  }
  return [...document.querySelectorAll('.state, .danger, .figure')].map(e => {
    const [a, b] = [light(getComputedStyle(e).color), light(ground(e))].sort((a, b) => b - a)
    return [e.innerText, (a + 0.05) / (b + 0.05)]
  }).filter(([, contrast]) => contrast < 7)
}"""
"""Text that tells a state, where its contrast by WCAG 2.2 is below 7:1."""

WIDE = "document.documentElement.scrollWidth > innerWidth"


@pytest.mark.parametrize(("language", "said"), [("en", EN), ("zh", ZH)], ids=["en", "zh"])
def test_every_view_is_for_gloves_sun_and_everybody(
    open_app: Callable[..., Page], peopled: Site, photo: Path, language: str, said: dict[str, str]
) -> None:
    page, found = open_app(peopled, language), []
    for view in views(page, said, peopled, photo):
        for size in (PHONE, TABLET):
            page.set_viewport_size(size)  # type: ignore[arg-type]
            here = f"{view} at {size['width']}:"
            found += [f"{here} {each} px" for each in page.evaluate(SMALL)]
            found += [f"{here} {each}" for each in page.evaluate(FAINT)]
            found += [f"{here} scrolls sideways"] if page.evaluate(WIDE) else []
            found += [f"{here} {each}" for each in violations(page)]
    assert found == []


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_cockpit_fits_a_big_screen(open_app: Callable[..., Page], site: Site, language: str) -> None:
    page = open_app(site, language, {"width": 1920, "height": 1080})
    page.goto("/cockpit")
    expect(page.get_by_role("heading", level=1)).to_have_text("Riverside Office")
    settled(page)
    assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")
    assert violations(page) == []


def test_the_language_changes_without_a_reload(open_app: Callable[..., Page], site: Site) -> None:
    page = open_app(site)
    page.goto("/issues")
    page.get_by_role("button", name="中文").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("问题")
    assert page.get_attribute("html", "lang") == "zh-CN"
