"""A camera that does not show what is there now says so."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from site_safety.camera_health import CameraState, Watched, glance, health, likeness, seen
from site_safety.cameras import Trouble
from site_safety.detector_models import Picture

START = datetime(2026, 4, 30, 8, 0, tzinfo=UTC)
RNG = np.random.default_rng(3)


def boxes(seed: int) -> Picture:
    """A picture of boxes in front of a wall."""
    rng, picture = np.random.default_rng(seed), np.full((360, 640, 3), 120, dtype=np.uint8)
    for _ in range(25):
        x, y, w, h = rng.integers([0, 0, 20, 20], [600, 330, 150, 120])
        picture[y : y + h, x : x + w] = rng.integers(30, 220, 3)
    return picture


SITE = boxes(1)


def noisy(picture: Picture, light: float = 1.0) -> Picture:
    noise = RNG.normal(0.0, 2.0, picture.shape)
    return np.clip(light * picture.astype(np.float64) + noise, 0, 255).astype(np.uint8)


def state_after(frames: list[Picture], wait_s: float = 0.0, fps: float = 5.0) -> CameraState:
    reference = glance(SITE, START).edges
    watched, at = Watched(), START
    for i, frame in enumerate(frames):
        at = START + timedelta(seconds=i / fps)
        watched = seen(watched, glance(frame, at), reference)
    found = health(watched, "north", "Ground floor", START, at + timedelta(seconds=wait_s))
    assert "north" in found.reason.en
    assert "north" in found.reason.zh
    return found.state


FRAMES = 25


@pytest.mark.parametrize(
    ("frames", "wait_s", "state"),
    [
        ([noisy(SITE) for _ in range(FRAMES)], 0.0, "live"),
        ([noisy(SITE) for _ in range(FRAMES)], 0.9, "live"),
        ([noisy(SITE) for _ in range(FRAMES)], 1.5, "stale"),
        ([noisy(SITE) for _ in range(FRAMES)], 11.0, "lost"),
        ([SITE] * FRAMES, 0.0, "frozen"),
        ([noisy(np.zeros_like(SITE)) for _ in range(FRAMES)], 0.0, "dark"),
        ([noisy(np.full_like(SITE, 128)) for _ in range(FRAMES)], 0.0, "dark"),
        ([noisy(SITE[:, ::-1]) for _ in range(FRAMES)], 0.0, "moved"),
        ([noisy(SITE, 0.5) for _ in range(FRAMES)], 0.0, "live"),
        ([], 0.0, "stale"),
        ([], 20.0, "lost"),
    ],
)
def test_a_camera_is_live_only_when_it_shows_its_place_now(frames: list[Picture], wait_s: float, state: str) -> None:
    assert state_after(frames, wait_s) == state


@pytest.mark.parametrize("trouble", list(Trouble)[1:])
def test_what_hinders_a_camera_is_said_in_both_languages_and_nothing_of_one_that_is_live(trouble: Trouble) -> None:
    frame = seen(Watched(), glance(noisy(SITE), START), ())
    lost = health(frame, "north", None, START, START + timedelta(seconds=12), trouble)
    plain = health(frame, "north", None, START, START + timedelta(seconds=12))
    assert lost.reason.en.startswith(plain.reason.en)
    assert len(lost.reason.en) > len(plain.reason.en)
    assert len(lost.reason.zh) > len(plain.reason.zh)
    now = health(frame, "north", None, START, START, trouble)
    assert (now.state is CameraState.LIVE) == (trouble is not Trouble.UNJUDGED)


def test_something_passing_in_front_is_no_moved_camera() -> None:
    frames = [noisy(SITE) for _ in range(FRAMES)]
    for i in range(5, 12):
        frames[i] = noisy(SITE[:, ::-1])
    assert state_after(frames) == "live"


def test_a_clock_that_goes_back_does_not_make_a_picture_frozen() -> None:
    watched = Watched()
    for seconds in (0.0, 100.0, 5.0, 5.2):
        at = START + timedelta(seconds=seconds)
        watched = seen(watched, glance(noisy(SITE), at), ())
    assert health(watched, "n", None, START, at).state == "live"


def test_a_view_is_like_itself_in_other_light_and_unlike_another() -> None:
    view = glance(SITE, START).edges
    assert likeness(view, glance(noisy(SITE, 0.6), START).edges) > 0.9
    assert likeness(view, glance(noisy(SITE[::-1]), START).edges) < 0.3
