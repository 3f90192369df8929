"""Every screen, in both languages, on tablet and phone: without an error, and for everybody."""

from collections.abc import Callable
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
TABS = {"/progress": 3, "/safety": 6, "/settings": 4}


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


def test_what_is_pressed_in_the_days_work_is_56_px_high(open_app: Callable[..., Page], site: Site) -> None:
    page, small = open_app(site), []
    for path in SCREENS:
        page.goto(path)
        settled(page)
        boxes = page.eval_on_selector_all(
            "main button:not([class*=vw-] *, .vw *), header button, nav a",
            "all => all.map(e => [e.innerText, e.getBoundingClientRect().height]).filter(([, h]) => h > 0)",
        )
        small += [(path, *box) for box in boxes if box[1] < 44]
        small += [(path, *box) for box in boxes if box[1] < 56 and "Tab" not in box[0] and path in ("/", "/issues")]
    assert small == []


def test_the_language_changes_without_a_reload(open_app: Callable[..., Page], site: Site) -> None:
    page = open_app(site)
    page.goto("/issues")
    page.get_by_role("button", name="中文").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("问题")
    assert page.get_attribute("html", "lang") == "zh-CN"
