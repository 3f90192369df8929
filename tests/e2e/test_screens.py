"""Every screen, in both languages, on tablet and phone: without an error, and for everybody."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import PHONE, ROOT, TABLET, Site

AXE = (ROOT / "web/app/node_modules/axe-core/axe.min.js").as_posix()
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
SCREENS = {
    "/": ("Today", "今日"),
    "/model": ("Model", "模型"),
    "/progress": ("Progress", "进度"),
    "/issues": ("Issues", "问题"),
    "/safety": ("Safety", "安全"),
    "/reports": ("Reports", "报告"),
    "/uploads": ("Uploads", "上传"),
    "/offline": ("Offline", "离线"),
    "/settings": ("Settings", "设置"),
}
TABS = {"/progress": 4, "/safety": 6, "/settings": 4}
OPENED = ["/issues?new=1", "/issues?open={issue}", "/safety?open=h1", "/calibrate?camera=c1"]
"""What stands before a screen: forms and details."""


def violations(page: Page) -> list[str]:
    """What axe finds against WCAG 2.2 A and AA."""
    if not Path(AXE).is_file():
        pytest.skip("axe-core is not there; `npm ci` in web/app brings it")
    page.evaluate(Path(AXE).read_text(encoding="utf-8"))
    found: dict[str, Any] = page.evaluate("tags => axe.run(document, {runOnly: tags})", WCAG)
    return [f"{page.url} {each['id']}: {each['nodes'][0]['html'][:200]}" for each in found["violations"]]


def settled(page: Page) -> None:
    expect(page.get_by_label("Loading").or_(page.get_by_label("加载中"))).to_have_count(0, timeout=20_000)


@pytest.mark.parametrize(("language", "size"), [("en", TABLET), ("zh", PHONE)], ids=["en-tablet", "zh-phone"])
def test_every_screen_shows_without_an_error_and_for_everybody(
    open_app: Callable[..., Page], site: Site, language: str, size: dict[str, int]
) -> None:
    page, found = open_app(site, language, size), []
    for path in OPENED:
        page.goto(path.format(issue=site.get("/issues")["items"][0]["issue_id"]))
        expect(page.get_by_role("dialog").or_(page.get_by_role("main"))).not_to_have_count(0)
        settled(page)
        found += violations(page)
    for path, names in SCREENS.items():
        page.goto(path)
        expect(page.get_by_role("heading", level=1)).to_contain_text(names[language == "zh"], timeout=20_000)
        settled(page)
        found += violations(page)
        for n in range(TABS.get(path, 0)):
            page.get_by_role("tab").nth(n).click()
            settled(page)
            found += violations(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{path} scrolls sideways"
    assert found == []


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_cockpit_fits_a_big_screen(open_app: Callable[..., Page], site: Site, language: str) -> None:
    page = open_app(site, language, {"width": 1920, "height": 1080})
    page.goto("/cockpit")
    expect(page.get_by_role("heading", level=1)).to_have_text("Riverside Office")
    settled(page)
    assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")
    assert violations(page) == []


def views(page: Page) -> Iterator[str]:
    """Every screen and tab, settled."""
    for path in SCREENS:
        page.goto(path)
        settled(page)
        yield path
        for n in range(1, TABS.get(path, 0)):
            page.get_by_role("tab").nth(n).click()
            settled(page)
            yield f"{path} tab {n}"


def test_what_is_pressed_is_56_px_high_and_states_have_a_contrast_of_seven(
    open_app: Callable[..., Page], site: Site
) -> None:
    page, small, faint = open_app(site), [], []
    for view in views(page):
        boxes = page.eval_on_selector_all(
            "main :is(button, select), main input:not([type=checkbox], [type=file]), header button, nav a",
            "all => all.map(e => [e.ariaLabel || e.innerText || e.name, e.getBoundingClientRect().height])",
        )
        small += [(view, *box) for box in boxes if 0 < box[1] < 56]
        faint += [(view, *pair) for pair in page.evaluate(CONTRASTS) if pair[1] < 7]
    assert small == []
    assert faint == []


CONTRASTS = """() => {
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
  })
}"""
"""Text that tells a state, and its contrast by WCAG 2.2."""


def test_the_language_changes_without_a_reload(open_app: Callable[..., Page], site: Site) -> None:
    page = open_app(site)
    page.goto("/issues")
    page.get_by_role("button", name="中文").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("问题")
    assert page.get_attribute("html", "lang") == "zh-CN"
