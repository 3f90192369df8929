"""Goods in a way that must stay free are told; light, darkness, noise and people are not."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from site_safety.background import LEARNING_FRAMES, VIEW, Background, Mask, blocked, learnt, ways_seen
from site_safety.detector_models import Picture
from site_safety.zones import Zone, ZoneKind
from tests.site_safety.test_calibration import camera
from tests.site_safety.test_camera_health import SITE, noisy
from tests.site_safety.test_watch import STOREY, Site

LANE = Zone("lane", "Fire lane", ZoneKind.FIRE_LANE, STOREY, ((8.0, -2.0), (16.0, -2.0), (16.0, 4.0), (8.0, 4.0)))
WAY: dict[str, Mask] = {"lane": np.zeros(VIEW[::-1], dtype=bool)}
WAY["lane"][30:70, 40:100] = True
PALLET = (220.0, 160.0, 330.0, 240.0)
"""Within the way, in pixels of the picture."""


def with_goods(picture: Picture) -> Picture:
    x1, y1, x2, y2 = map(int, PALLET)
    goods = picture.copy()
    goods[y1:y2, x1:x2] = 235
    for x in range(x1, x2, 16):
        cv2.line(goods, (x, y1), (x, y2), (20, 20, 20), 3)
    return goods


@pytest.fixture(scope="module")
def free() -> Background:
    background = Background()
    for _ in range(LEARNING_FRAMES):
        background = learnt(background, noisy(SITE), [])
    return background


def test_goods_that_were_not_there_block_the_way(free: Background) -> None:
    assert blocked(free, noisy(with_goods(SITE)), [], WAY) == ["lane"]


@pytest.mark.parametrize("light", [0.0, 0.2, 0.4, 0.8, 1.0, 1.2, 1.6])
def test_noise_light_and_darkness_block_nothing(free: Background, light: float) -> None:
    assert blocked(free, noisy(SITE, light), [], WAY) == []


def test_who_is_followed_blocks_nothing(free: Background) -> None:
    assert blocked(free, noisy(with_goods(SITE)), [PALLET], WAY) == []


def test_nothing_is_said_while_the_way_is_being_learnt() -> None:
    assert blocked(learnt(Background(), noisy(SITE), []), noisy(with_goods(SITE)), [], WAY) == []


def test_who_stands_there_while_it_is_learnt_is_not_taken_for_the_ground() -> None:
    background = learnt(Background(), noisy(SITE), [])
    for _ in range(LEARNING_FRAMES):
        background = learnt(background, noisy(with_goods(SITE)), [PALLET])
    assert blocked(background, noisy(with_goods(SITE)), [], WAY) == ["lane"]


def test_the_ground_of_a_way_is_found_where_the_camera_sees_it() -> None:
    truth = camera()
    (mask,) = ways_seen([LANE], truth, STOREY).values()
    inside, outside = truth.project(np.array([[12.0, 1.0, 0.0], [20.0, 8.0, 0.0]])) * np.array(VIEW) / [1280, 720]
    assert mask[int(inside[1]), int(inside[0])]
    assert not mask[int(outside[1]), int(outside[0])]
    assert ways_seen([replace(LANE, storey="Another storey")], truth, STOREY) == {}


def test_a_watcher_hands_what_blocks_a_way_to_the_rules(tmp_path: Path) -> None:
    site = Site(tmp_path, (LANE,))
    site.tick(12.0)
    at = site.truth.project(np.array([[12.0, 1.0, 0.0]]))[0].astype(int)
    for x in range(-180, 180, 24):
        cv2.line(site.view, (at[0] + x, at[1] - 90), (at[0] + x, at[1] + 90), (255, 255, 255), 8)
    alarms = site.tick(310.0)
    assert "goods_block_way" in {alarm.rule for alarm in alarms}
