"""The whole day's work by the keyboard alone: everything is reached by Tab, and whatever has the focus shows it."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import ROBOT, SITE, Site, Watched

FOCUSED = """(() => {
  const e = document.activeElement
  if (e === document.body) return { name: '', trouble: '' }
  const name = `${e.ariaLabel ?? ''} ${e.innerText ?? ''} ${e.labels?.[0]?.innerText ?? ''}`
  const { outlineStyle, outlineWidth } = getComputedStyle(e)
  const box = e.getBoundingClientRect()
  const within = ([x, y]) => {
    const top = document.elementFromPoint(box.left + x * box.width, box.top + y * box.height)
    return top && (e.contains(top) || top.contains(e) || e.labels?.[0]?.contains(top))
  }
  const seen = [[0.5, 0.5], [0.5, 0.1], [0.5, 0.9]].some(within)
  const ringed = outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2
  return { name, trouble: (ringed ? '' : 'without a ring ') + (seen ? '' : 'covered or out of sight') }
})()"""
"""What has the focus is called, and what keeps an eye from finding it."""
FAR = 150


class Keyboard:
    """Hands on the keys, eyes on the focus."""

    def __init__(self, page: Page) -> None:
        self._page = page

    def press(self, *keys: str) -> None:
        for key in keys:
            self._page.keyboard.press(key)

    def write(self, text: str) -> None:
        self._page.keyboard.type(text)

    def reach(self, name: str) -> None:
        """Tab until what has the focus is called so: what cannot be reached, or seen on the way, fails."""
        expect(self._page.get_by_text(name).or_(self._page.get_by_label(name))).not_to_have_count(0)
        for _ in range(FAR):
            self.press("Tab")
            focused = self._page.evaluate(FOCUSED)
            assert focused["trouble"] == "", f"{focused} on the way to {name}"
            if name in focused["name"]:
                return
        pytest.fail(f"{name} is not reached by the keyboard")

    def do(self, name: str) -> None:
        self.reach(name)
        self.press("Enter")

    def go(self, screen: str) -> None:
        """To a screen: its heading has the focus then."""
        self.do(screen)
        heading = self._page.get_by_role("heading", level=1)
        expect(heading).to_contain_text(screen)
        expect(heading).to_be_focused()


def test_the_whole_day_is_worked_by_the_keyboard_alone(
    open_app: Callable[..., Page], console: Watched, lonely: Site
) -> None:
    console.expected += ["401"]
    site = lonely
    now = datetime.now(UTC).isoformat()
    alarm = {"rule": "no_helmet", "level": "warning", "text": {"en": "No helmet", "zh": "未戴安全帽"},
             "camera_id": "c1", "source": "camera", "opened_at": now, "seen_at": now, "due_at": now}  # fmt: skip
    with site.program() as program:
        for name in ("a1", "a2"):
            program.put(f"{SITE}/hazards/{name}", json=alarm).raise_for_status()
    page = open_app(site, signed_in=False)
    keys, heading, dialog = Keyboard(page), page.get_by_role("heading", level=1), page.get_by_role("dialog")

    # Signs in by the link of the day, and reads how the site stands.
    page.goto(site.client.post("/api/v1/people/demo-manager/link").json()["path"])
    keys.do("Sign in")
    expect(heading).to_contain_text("Today")
    expect(heading).to_be_focused()

    # Writes the diary.
    keys.do("Change")
    expect(dialog.get_by_role("button", name="Close")).to_be_focused()
    keys.reach("Temperature")
    keys.press("ControlOrMeta+a")
    keys.write("21.5")
    keys.press("Enter")
    expect(dialog).to_have_count(0)
    expect(page.get_by_text("21.5 °C")).to_be_visible()
    expect(page.get_by_role("button", name="Change")).to_be_focused()

    # Looks at the programme, then at an element in the model and its verdict, and raises an issue about it.
    keys.go("Progress")
    keys.reach("S-curve")
    keys.press("ArrowRight")
    expect(page.get_by_role("tab", name="Gantt")).to_have_attribute("aria-selected", "true")
    keys.go("Model")
    keys.reach("Show")
    keys.write("List")
    keys.do("Ground slab")
    element = page.get_by_role("complementary", name="Element")
    expect(element).to_contain_text("Evidence")
    expect(element.get_by_role("heading", level=2)).to_be_focused()
    keys.do("Raise the issue")
    expect(page.get_by_label("What is wrong")).to_be_focused()
    keys.write("Plaster cracks at the lintel")
    keys.press("Enter")
    expect(dialog).to_have_count(0)
    expect(heading).to_be_focused()
    expect(page.get_by_role("button", name="Plaster cracks")).to_be_visible()
    raised = next(each for each in site.get("/issues")["items"] if each["title"].startswith("Plaster"))
    assert len(raised["element_ids"]) == 1

    # Settles it.
    keys.do("Plaster cracks")
    expect(dialog).to_contain_text("Plaster cracks at the lintel")
    keys.reach("State")
    keys.write("closed")
    keys.do("Save")
    expect(page.get_by_text("Plaster cracks at the lintel")).to_have_count(0)
    assert site.get(f"/issues/{raised['issue_id']}")["state"] == "closed"

    # Judges the cameras' alarms and says which alert is seen.
    keys.go("Safety")
    queue = page.get_by_role("region", name="to judge")
    keys.do("False alarm")
    expect(queue).to_contain_text("1 alarm to judge")
    expect(queue.get_by_role("button", name="False alarm")).to_be_focused()
    keys.press("Enter")
    expect(queue).to_have_count(0)
    expect(page.get_by_role("list", name="Alerts").get_by_text("No helmet")).to_have_count(0)
    assert {site.get(f"/hazards/{name}")["review"] for name in ("a1", "a2")} == {"false"}
    keys.do("I have seen it")
    expect(page.get_by_role("button", name="I have seen it")).to_have_count(0)
    keys.do("Open")
    expect(dialog).to_contain_text("Guard rail is missing")
    keys.press("Escape")
    expect(page.get_by_role("button", name="Open")).to_be_focused()

    # Approves a task of the robots.
    keys.reach("Alerts")
    keys.press("ArrowRight", "ArrowRight", "ArrowRight")
    keys.do("Approve")
    expect(page.get_by_text("Asked for; the robots have not answered yet.")).to_be_visible()
    assert site.get("/robot-tasks/t1")["asked"] == "approved"

    # Stops the robots, sees that they stand, and lets them go again.
    keys.do("STOP robots")
    expect(page.get_by_role("button", name="STOP NOW")).to_be_focused()
    keys.press("Enter")
    held = dialog.get_by_role("region", name="A stop holds")
    expect(held).to_contain_text("1 robot has not confirmed")
    with site.program() as program:
        standing = ROBOT | {"mode": "stopped", "stop_confirmed": True, "at": datetime.now(UTC).isoformat()}
        program.post(f"{SITE}/robots/states", json=[standing]).raise_for_status()
    expect(held).to_contain_text("all confirmed: they stand")
    keys.do("Release this stop")
    expect(held.get_by_text("Is everybody clear of the robots?")).to_be_focused()
    assert site.get("/stop?active=true")["items"] != []
    keys.do("Yes, release")
    expect(held).to_have_count(0)
    assert site.get("/stop?active=true")["items"] == []
    keys.press("Escape")
    expect(page.get_by_role("button", name="STOP robots")).to_be_focused()

    # Pulls a report, and signs out.
    keys.go("Reports")
    with page.expect_download() as report:
        keys.do("Web page")
    assert report.value.suggested_filename.endswith(".html")
    keys.go("Settings")
    keys.do("Sign out")
    expect(page.get_by_label("E-mail")).to_be_visible()
