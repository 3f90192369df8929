"""The viewer as a person meets it: what is tapped, cut, hidden and found, in 3D, on the plan and in the list."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from bim.mesh import Mesh
from bim.model import Building, Element, Source, Storey
from bim.verdict import Deviation, Evidence, Reason, State, Verdict
from scan_to_bim.clouds import write_las
from scan_to_bim.copc import write_copc
from tests.web.viewer_page import APP, WATCHED, build_page, chromium, served, write_site

Open = Callable[..., Page]
CORNERS = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 1], [1, 0, 1], [1, 1, 1], [0, 1, 1]], float)
FACES = np.array(
    [[0, 2, 1], [0, 3, 2], [4, 5, 6], [4, 6, 7], [0, 1, 5], [0, 5, 4], [1, 2, 6], [1, 6, 5], [2, 3, 7], [2, 7, 6],
     [3, 0, 4], [3, 4, 7]]
)  # fmt: skip
SIDE_M = 4.0
BLOCKS = {
    "left": (State.BUILT, "IfcWall", (-1.5, -0.5, 0.0)),
    "middle": (State.DISPLACED, "IfcWall", (-0.5, -0.5, 0.0)),
    "right": (State.ABSENT, "IfcPipeSegment", (0.5, -0.5, 0.0)),
    "above": (State.UNSEEN, "IfcSlab", (0.5, -0.5, 1.0)),
}
"""Name, state, class, and low corner in sides, of cubes in a row and one on top; 4 m each, far from the origin."""
USUAL = re.compile("GPU stall|Context (Lost|Restored)")
"""What the software renderer and three.js say of their own accord."""
FAR_M = np.array([500_000.0, 5_800_000.0, 60.0])


def cubes() -> Building:
    lows = [np.array(low) for _, _, low in BLOCKS.values()]
    vertices = np.concatenate([(CORNERS + low) * SIDE_M + FAR_M for low in lows])
    triangles = np.concatenate([FACES + 8 * i for i in range(len(lows))]).astype(np.int32)
    elements = tuple(
        Element(name, ifc_class, f"Block {name}", "Upper" if name == "above" else "Ground", None, 0, 1.0, 1.0)
        for name, (_, ifc_class, _) in BLOCKS.items()
    )
    storeys = (Storey("g", "Ground", FAR_M[2]), Storey("u", "Upper", FAR_M[2] + SIDE_M))
    mesh = Mesh(vertices, triangles, np.repeat(np.arange(len(lows), dtype=np.int32), len(FACES)))
    return Building(elements, storeys, mesh, (Source("a.ifc", "0" * 64, "IFC4", len(elements)),))


def verdict(name: str, state: State) -> Verdict:
    shift = Deviation((0.05, 0.0, 0.0), (0.0, 0.0, 0.0), 0.001, 0.0, 0.0, False) if state is State.DISPLACED else None
    reason = Reason("It is so.", "就是这样。")
    return Verdict(name, state, None, 0.0, 1.0, 1.0, 0.95, Evidence(1, 1, 1, 1), shift, reason)


def scan_of_the_ground(folder: Path) -> None:
    xy = np.random.default_rng(1).uniform(-10, 10, (60_000, 2))
    write_las(folder / "scan.laz", np.column_stack([xy, np.zeros(len(xy))]), np.ones(len(xy), np.int32))
    write_copc(folder / "scan.laz", folder / "scan.copc.laz")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if not (APP / "node_modules").is_dir():
        pytest.skip("needs the app's packages: npm ci in web/app")
    folder = tmp_path_factory.mktemp("page")
    build_page(folder)
    to_site = np.eye(4)
    to_site[:3, 3] = FAR_M
    x, y, z = FAR_M
    write_site(
        folder / "cubes",
        cubes(),
        [verdict(name, state) for name, (state, _, _) in BLOCKS.items()],
        dates={"left": {"start": "2026-01-05", "finish": "2026-02-05", "built": None}},
        scans=[{"id": "s", "name": "May", "url": "/cubes/scan.copc.laz", "T_site_scan": to_site.tolist()}],
        pins=[{"id": "crack", "kind": "issue", "label": "A crack", "place_m": [x - 4, y, z + 2]}],
        robots=[{"robot_id": "r", "name": "Drill", "mode": "busy", "position_m": [x, y - 5, z], "heading_rad": 0.5}],
        zones=[{"zone_id": "z", "name": "Crane", "kind": "crane", "low_m": z, "high_m": z + 9,
                "polygon_m": [[x - 8, y + 4], [x + 8, y + 4], [x, y + 8]]}],
    )  # fmt: skip
    scan_of_the_ground(folder / "cubes")
    with served(folder) as url:
        yield url


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture
def open_page(address: str, browser: Browser) -> Iterator[Open]:
    """Opens the viewer; the test fails on anything that the page writes to the console."""
    said: list[str] = []
    context = browser.new_context(viewport={"width": 1180, "height": 820})
    context.route("**/favicon.ico", lambda route: route.fulfill(status=204))

    def opened(before: str = "", site: str = "cubes", language: str = "en") -> Page:
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.add_init_script(WATCHED + before)
        page.goto(f"{address}/?site=/{site}/site.json&lang={language}")
        return page

    yield opened
    context.close()
    assert [text for text in said if not USUAL.search(text)] == []


@pytest.fixture
def page(open_page: Open) -> Page:
    """The viewer with all surfaces fetched, looking from above."""
    page = open_page()
    from_above(page)
    return page


def from_above(page: Page) -> None:
    page.emulate_media(reduced_motion="reduce")
    expect(page.get_by_role("button", name="From above").first).to_be_visible()
    expect(page.get_by_text("Storey 1 of 2")).to_have_count(0)
    page.get_by_role("button", name="From above").click()
    two_frames(page)


def two_frames(page: Page) -> None:
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done())))")


def tap(page: Page, right_m: float = 0.0) -> None:
    """Tap the model beside its middle. From above, the building's sphere fits the canvas."""
    box = page.locator("canvas").bounding_box()
    assert box
    metres = page.evaluate(METRES_PER_PIXEL)
    page.mouse.click(box["x"] + box["width"] / 2 + right_m / metres, box["y"] + box["height"] / 2)


METRES_PER_PIXEL = f"""(() => {{
  const canvas = document.querySelector('canvas')
  const radius = Math.hypot({3 * SIDE_M}, {SIDE_M}, {2 * SIDE_M}) / 2
  const half = Math.tan(25 * Math.PI / 180)
  const fit = Math.min(half, half * canvas.clientWidth / canvas.clientHeight)
  const distance = radius / Math.sin(Math.atan(fit))
  return 2 * (distance - {SIDE_M}) * half / canvas.clientHeight
}})()"""
"""At half the height of the cubes, for a camera of 50 degrees that sees all of them."""


def said(page: Page) -> str:
    return page.locator("#said").inner_text().strip()


# --- 3D ---


def test_a_tap_finds_the_element_under_it(page: Page) -> None:
    for right_m, name in ((-4.0, "left"), (0.0, "middle"), (4.0, "above")):
        tap(page, right_m)
        expect(page.locator("#said")).to_contain_text(name)


def test_a_tap_beside_everything_chooses_nothing(page: Page) -> None:
    tap(page)
    expect(page.locator("#said")).to_contain_text("middle")
    tap(page, right_m=7.5)
    expect(page.locator("#said")).not_to_contain_text("middle")


def test_what_is_chosen_in_3d_is_marked_on_the_plan(page: Page) -> None:
    tap(page, right_m=-4.0)
    d = page.locator(".vw-plan path[data-element='0']").get_attribute("d")
    expect(page.locator(".vw-chosen")).to_have_attribute("d", str(d))


def test_what_is_chosen_on_the_plan_is_marked_in_3d(page: Page) -> None:
    before = page.locator("canvas").screenshot()
    page.locator(".vw-plan path[data-element='1']").click()
    expect(page.locator("#said")).to_contain_text("middle")
    expect(page.get_by_role("button", name="Go to the selected element")).to_be_visible()
    two_frames(page)
    assert page.locator("canvas").screenshot() != before


def test_what_the_legend_hides_is_neither_seen_nor_hit(page: Page) -> None:
    page.get_by_role("button", name="displaced").click()
    tap(page)
    assert said(page) == ""


def test_a_storey_alone_can_be_looked_at(page: Page) -> None:
    page.get_by_role("combobox", name="Storey").select_option("Ground")
    from_above(page)
    page.get_by_role("combobox", name="Show").select_option("list")
    expect(page.get_by_role("button", name="Block")).to_have_count(3)


def test_a_cut_opens_the_building(page: Page) -> None:
    tap(page, right_m=4.0)
    expect(page.locator("#said")).to_contain_text("above")
    page.get_by_role("slider", name="Cut at").fill(str(FAR_M[2] + SIDE_M - 1.0))
    tap(page, right_m=4.0)
    expect(page.locator("#said")).to_contain_text("right")


def test_a_plan_that_is_zoomed_in_moves_by_buttons_as_it_does_by_a_drag(page: Page) -> None:
    plan = page.locator(".vw-plan > svg")
    expect(page.get_by_role("button", name="Move right")).to_have_count(0)
    page.locator(".vw-plan").get_by_role("button", name="Nearer").click()
    x, y, width, _ = (float(each) for each in str(plan.get_attribute("viewBox")).split())
    page.get_by_role("button", name="Move right").click()
    moved_x, moved_y, moved_width, _ = (float(each) for each in str(plan.get_attribute("viewBox")).split())
    assert x < moved_x < x + width
    assert (moved_y, moved_width) == (y, width)


def test_a_pin_answers_to_a_tap_on_the_plan(page: Page) -> None:
    page.locator("[data-pin='crack']").click()
    expect(page.locator("#said")).to_contain_text("crack")


def test_the_whole_building_costs_few_draw_calls(page: Page) -> None:
    assert 1 <= page.evaluate("window.most") <= 20


def test_keys_turn_the_model(page: Page) -> None:
    before = page.locator("canvas").screenshot()
    page.locator("canvas").focus()
    for key in ("ArrowLeft", "ArrowDown", "+"):
        page.keyboard.press(key)
    two_frames(page)
    assert page.locator("canvas").screenshot() != before


# --- Colours ---

LEGENDS = {
    "state": {"built": 1, "displaced": 1, "absent": 1, "unseen": 1},
    "deviation": {"30 to 60 mm": 1, "not measured": 3},
    "trade": {"structure": 1, "walls": 2, "services": 1},
    "confidence": {"90 to 99 %": 3, "unseen": 1},
    "date": {"due, not absent": 1, "no date": 3},
}


def test_each_colour_has_a_word_a_pattern_and_a_count(page: Page) -> None:
    for mode, legend in LEGENDS.items():
        page.get_by_role("combobox", name="Colour by").select_option(mode)
        entries = page.locator(".vw-legend button")
        expect(entries).to_have_count(len(legend))
        for entry, (word, count) in zip(entries.all(), legend.items(), strict=True):
            expect(entry).to_contain_text(re.compile(rf"{re.escape(word)}\s*{count}"))
        looks = page.evaluate("(mode) => parts.legend(mode).map((e) => [e.pattern, e.mark])", mode)
        assert len(set(map(tuple, looks))) == len(looks)


DAYS = [
    # day, state, dates, class
    ("2026-01-04", "absent", ("2026-01-05", "2026-02-05", None), "future"),
    ("2026-01-05", "absent", ("2026-01-05", "2026-02-05", None), "running"),
    ("2026-02-05", "absent", ("2026-01-05", "2026-02-05", None), "running"),
    ("2026-02-06", "absent", ("2026-01-05", "2026-02-05", None), "late"),
    ("2026-02-06", "unseen", ("2026-01-05", "2026-02-05", None), "done"),
    ("2026-01-20", "built", ("2026-01-05", "2026-02-05", "2026-01-19T12:00:00Z"), "done"),
    ("2026-01-18", "built", ("2026-01-05", "2026-02-05", "2026-01-19T12:00:00Z"), "running"),
    ("2026-01-18", "built", (None, None, None), "undated"),
]


def test_the_day_decides_what_is_due(page: Page) -> None:
    asked = [[day, {"state": s}, dict(zip(("start", "finish", "built"), d, strict=True))] for day, s, d, _ in DAYS]
    found = page.evaluate(
        "(rows) => rows.map(([day, verdict, dates]) => parts.classOf('date', { element: {}, verdict, dates }, day))",
        asked,
    )
    assert found == [wanted for *_, wanted in DAYS]


# --- Without pointing, without WebGL ---


def test_every_element_is_reached_by_keys_alone(page: Page) -> None:
    page.get_by_role("combobox", name="Show").select_option("list")
    page.get_by_role("searchbox").focus()
    page.keyboard.type("pipe")
    expect(page.get_by_text("1 elements")).to_be_visible()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#said")).to_contain_text("right")


def test_a_lost_context_is_said_and_comes_back(page: Page) -> None:
    page.evaluate(
        "window.loss = document.querySelector('canvas').getContext('webgl2').getExtension('WEBGL_lose_context');"
        "loss.loseContext()"
    )
    expect(page.get_by_role("alert")).to_contain_text("stopped the 3D view")
    page.locator(".vw-plan path[data-element='1']").click()
    expect(page.locator("#said")).to_contain_text("middle")
    page.evaluate("loss.restoreContext()")
    expect(page.get_by_role("alert")).to_have_count(0)
    two_frames(page)
    tap(page, right_m=-4.0)
    expect(page.locator("#said")).to_contain_text("left")


def test_without_webgl_the_plan_and_the_list_work(open_page: Open) -> None:
    page = open_page("HTMLCanvasElement.prototype.getContext = () => null")
    expect(page.get_by_role("alert")).to_contain_text("WebGL 2 is off or missing")
    page.locator(".vw-plan path[data-element='1']").click()
    expect(page.locator("#said")).to_contain_text("middle")


def test_chinese_is_spoken_throughout(open_page: Open) -> None:
    page = open_page(language="zh")
    expect(page.get_by_role("combobox", name="着色方式")).to_be_visible()
    expect(page.get_by_role("button", name="已建成")).to_be_visible()
    latin = re.findall(r"[A-Za-z]{4,}", page.locator(".vw-bar, .vw-legend").first.inner_text())
    assert set(latin) <= {"Ground", "Upper"}


# --- Points ---


def test_a_scan_is_fetched_by_ranges_and_decoded_in_workers(page: Page) -> None:
    ranges: list[Any] = []
    page.context.on("request", lambda r: "copc" in r.url and ranges.append(r.headers.get("range")))
    page.get_by_label("Scan: May").check()
    expect(page.get_by_text(re.compile(r"\d\d,\d\d\d of 60,000 points"))).to_be_visible()
    assert ranges
    assert all(ranges)
    with page.workers[0].expect_event("close"):
        page.get_by_label("Scan: May").uncheck()
    expect(page.get_by_text("60,000 points")).to_have_count(0)


def test_points_are_chosen_parents_first_within_the_budget(page: Page) -> None:
    script = """() => {
      const count = { '0-0-0-0': 100, '1-0-0-0': 100, '1-1-1-1': 100, '2-0-0-0': 100, '2-3-3-3': 100 }
      const known = (key) => (key in count ? { key, count: count[key] } : undefined)
      const cube = { centre: [0, 0, 0], half_m: 8 }
      const from = (eye, points, visible = () => true) =>
        parts.wanted(known, cube, { eye, visible }, { points, nodes: 99, least: 0 })
      return [from([-9, -9, -9], 300), from([9, 9, 9], 300), from([9, 9, 9], 99),
              from([9, 9, 9], 1e9, ({ centre }) => centre[0] < 0)]
    }"""
    near_low, near_high, none, seen = page.evaluate(script)
    assert near_low == ["0-0-0-0", "1-0-0-0", "2-0-0-0"]
    assert near_high == ["0-0-0-0", "1-1-1-1", "2-3-3-3"]
    assert none == []
    assert seen == ["0-0-0-0", "1-0-0-0", "2-0-0-0"]


def test_news_from_the_site_fetch_verdicts_again_but_not_the_model(page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.rpartition("/")[2]))
    page.evaluate("client.invalidateQueries()")
    tap(page, right_m=-4.0)
    expect(page.locator("#said")).to_contain_text("left")
    assert asked == ["verdicts.json"]
