"""Is a camera live, or stale, frozen, dark, moved or lost? Pure, from small summaries of its frames.

Never silence that reads as safe: whatever is not live is told with its reason, and becomes a hazard in the rules.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

import cv2
import numpy as np
import numpy.typing as npt

from bim.verdict import Reason
from site_safety.cameras import Trouble
from site_safety.detector_models import Picture

STALE_S, LOST_S = 1.0, 10.0
"""A newest frame older than the first is stale; older than the second, the camera is lost."""
FROZEN_S = 3.0
"""The same picture to the last bit for as long: sensors have noise, a frozen encoder has none."""
DARK_LEVEL, DARK_CONTRAST = 16.0, 4.0
"""Mean brightness and its deviation, of 255: at night or under a cover nothing is seen."""
MOVED_S = 3.0
MOVED_LIKENESS = 0.35
"""Correlation of edges with those of the calibrated view below which the camera looks elsewhere."""
VIEW = (48, 27)
GLANCED_PX = 320
"""Of a wider picture every second, third, … pixel is enough to judge its camera by."""


class CameraState(StrEnum):
    """What a camera is worth now."""

    LIVE = "live"
    STALE = "stale"
    FROZEN = "frozen"
    DARK = "dark"
    MOVED = "moved"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class CameraHealth:
    """The state of a camera at one moment, and why."""

    camera_id: str
    storey: str | None
    state: CameraState
    frame_age_s: float
    at: datetime
    reason: Reason
    trouble: Trouble = Trouble.NONE


@dataclass(frozen=True, slots=True)
class Glance:
    """What is kept of a frame to judge its camera: no picture can be made of it."""

    at: datetime
    fingerprint: int
    """Of the pixels that were looked at."""
    level: float
    contrast: float
    edges: tuple[float, ...]
    """Strength of edges on a 48 x 27 grid, normalised; empty where there are none."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What is remembered of a camera from one frame to the next."""

    newest: Glance | None = None
    changed: datetime | None = None
    """When the picture changed last."""
    away: datetime | None = None
    """Since when it has looked elsewhere."""


def glance(picture: Picture, at: datetime) -> Glance:
    """The summary of a frame."""
    every = max(1, picture.shape[1] // GLANCED_PX)
    few = np.ascontiguousarray(picture[::every, ::every])
    small = cv2.resize(few, (192, 108), interpolation=cv2.INTER_AREA)
    grey = np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), dtype=np.uint8)
    return Glance(at, hash(few.tobytes()), float(grey.mean()), float(grey.std()), _edges(grey))


def _edges(grey: npt.NDArray[np.uint8]) -> tuple[float, ...]:
    slopes = [cv2.Sobel(grey, cv2.CV_32F, *order) for order in ((1, 0), (0, 1))]
    strength = np.minimum(np.hypot(*slopes), 200.0)
    small = cv2.resize(cv2.GaussianBlur(strength, (9, 9), 0), VIEW, interpolation=cv2.INTER_AREA).ravel()
    small -= small.mean()
    norm = float(np.linalg.norm(small))
    return tuple((small / norm).tolist()) if norm > 1.0 else ()


def likeness(first: Sequence[float], second: Sequence[float]) -> float:
    """Correlation of two views' edges, 1 for the same view; 1 too where one has none to compare."""
    return float(np.dot(first, second)) if first and second else 1.0


def seen(watched: Watched, frame: Glance, reference: Sequence[float]) -> Watched:
    """What is remembered after a frame. `reference` are the edges of the view that was calibrated."""
    before = watched.newest
    backwards = before is not None and frame.at < before.at
    same = before is not None and before.fingerprint == frame.fingerprint and not backwards
    elsewhere = likeness(frame.edges, reference) < MOVED_LIKENESS
    return replace(
        watched,
        newest=frame,
        changed=watched.changed if same else frame.at,
        away=(watched.away or frame.at) if elsewhere else None,
    )


def health(
    watched: Watched,
    camera_id: str,
    storey: str | None,
    started: datetime,
    now: datetime,
    trouble: Trouble = Trouble.NONE,
) -> CameraHealth:
    """The camera's state now. One that never gave a frame is as old as its start; what nobody judges is not live."""
    newest = watched.newest
    age_s = max(0.0, (now - (newest.at if newest else started)).total_seconds())
    state = _state(watched, age_s, now)
    if state is CameraState.LIVE and trouble is Trouble.UNJUDGED:
        state = CameraState.STALE
    trouble = Trouble.NONE if state is CameraState.LIVE else trouble
    return CameraHealth(camera_id, storey, state, age_s, now, _reason(state, camera_id, age_s, trouble), trouble)


def _state(watched: Watched, age_s: float, now: datetime) -> CameraState:
    newest = watched.newest
    if age_s > LOST_S:
        return CameraState.LOST
    if newest is None or age_s > STALE_S:
        return CameraState.STALE
    if _longer(newest.at, watched.changed, FROZEN_S):
        return CameraState.FROZEN
    if newest.level < DARK_LEVEL or newest.contrast < DARK_CONTRAST:
        return CameraState.DARK
    if _longer(now, watched.away, MOVED_S):
        return CameraState.MOVED
    return CameraState.LIVE


def _longer(now: datetime, since: datetime | None, seconds: float) -> bool:
    return since is not None and now - since >= timedelta(seconds=seconds)


_WORDS = {
    CameraState.LIVE: ("Camera {id} is live.", "摄像机 {id} 正常。"),
    CameraState.STALE: (
        "Camera {id} has sent nothing for {age:.1f} s.",
        "摄像机 {id} 已有 {age:.1f} 秒没有新画面。",
    ),
    CameraState.FROZEN: (
        "Camera {id} repeats one picture: what it shows is not now.",
        "摄像机 {id} 画面冻结：所显示的不是当前情况。",
    ),
    CameraState.DARK: (
        "Camera {id} is dark or covered: nobody could be seen.",
        "摄像机 {id} 过暗或被遮挡：无法看到人员。",
    ),
    CameraState.MOVED: (
        "Camera {id} looks elsewhere than where it was calibrated: its places are wrong.",
        "摄像机 {id} 的朝向与标定时不同：其位置不可信。",
    ),
    CameraState.LOST: ("Camera {id} is lost since {age:.0f} s.", "摄像机 {id} 已失联 {age:.0f} 秒。"),
}


_TROUBLE = {
    Trouble.NONE: ("", ""),
    Trouble.UNOPENED: (
        " It cannot be opened: no connection, a wrong path or password, or no video in it.",
        "无法打开：没有连接、路径或密码错误，或其中没有视频。",
    ),
    Trouble.REFUSED: (
        " It refuses, or answers what no camera answers: check its address and password.",
        "摄像机拒绝访问或回答异常：请检查地址和密码。",
    ),
    Trouble.UNREADABLE: (
        " It answers, but no picture of it can be decoded: set its stream to H.264 or MJPEG.",
        "有应答，但画面无法解码：请将码流设为 H.264 或 MJPEG。",
    ),
    Trouble.ENDED: (" Its stream ended and is opened again.", "码流已中断，正在重新打开。"),
    Trouble.BROKEN: (" What reads it failed and was started again.", "读取程序出错，已重新启动。"),
    Trouble.UNJUDGED: (
        " Its pictures cannot be judged: the watcher's log says why.",
        "画面无法分析：原因见监视程序日志。",
    ),
}


def _reason(state: CameraState, camera_id: str, age_s: float, trouble: Trouble) -> Reason:
    (en, zh), (why_en, why_zh) = _WORDS[state], _TROUBLE[trouble]
    return Reason(en.format(id=camera_id, age=age_s) + why_en, zh.format(id=camera_id, age=age_s) + why_zh)
