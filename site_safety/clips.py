"""A clip of about ten seconds around an alarm, faces blurred before it is written.

The last seconds wait in memory as small JPEGs with the boxes of the people in them; nothing is on disk until a clip is
asked for, and what is written then is blurred frame by frame.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import cv2
import numpy as np

from bim.errors import BadInput
from site_safety.detector_models import Picture
from site_safety.faces import FaceFinder, blurred
from site_safety.tracks import Box

BEFORE_S, AFTER_S = 5.0, 5.0
WIDEST_PX = 640
JPEG_QUALITY = 80
MOST_KEPT = 300
"""Frames in memory: 30 a second for as long as a clip lasts, whatever the clock does."""
SUFFIX = ".webm"
"""VP8: free, and every browser plays it."""
MATROSKA, WEBM = b"\x42\x82\x88matroska", b"\x42\x82\x84webm\xec\x82\x00\x00"
"""The element that says what kind of Matroska a file is (RFC 9559, 5.1), and WebM's, with a void one of 4 bytes."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A frame in memory."""

    at: datetime
    jpeg: bytes
    people: tuple[Box, ...]


class ClipBuffer:
    """The last moments of one camera."""

    def __init__(self) -> None:
        self._kept: deque[Kept] = deque(maxlen=MOST_KEPT)

    def keep(self, picture: Picture, people: Sequence[Box], at: datetime) -> None:
        """Take a frame; forget what is too old for any clip, and everything where the clock went back."""
        scale = min(1.0, WIDEST_PX / picture.shape[1])
        small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else picture
        jpeg = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()
        boxes = tuple((x1 * scale, y1 * scale, x2 * scale, y2 * scale) for x1, y1, x2, y2 in people)
        if self._kept and at < self._kept[-1].at:
            self._kept.clear()
        self._kept.append(Kept(at, jpeg, boxes))
        while at - self._kept[0].at > timedelta(seconds=BEFORE_S + AFTER_S):
            self._kept.popleft()

    def __len__(self) -> int:
        """Frames that wait in memory."""
        return len(self._kept)

    def around(self, at: datetime) -> tuple[Kept, ...]:
        """The frames of a clip about a moment."""
        return tuple(each for each in self._kept if -BEFORE_S <= (each.at - at).total_seconds() <= AFTER_S)


def write_clip(path: Path, frames: Sequence[Kept], finder: FaceFinder) -> None:
    """A film of the frames at the speed that they came, blurred. Raises BadInput where there are none."""
    if not frames:
        raise BadInput("no frame for a clip", "a camera that was live", "look at its state")
    first = picture_of(frames[0])
    size = (first.shape[1], first.shape[0])
    lasted_s = (frames[-1].at - frames[0].at).total_seconds()
    fps = max((len(frames) - 1) / lasted_s, 0.2) if lasted_s > 0 else 1.0
    # OpenCV writes the same film as WebM too, but complains on the terminal each time.
    matroska = path.with_suffix(".mkv")
    film = cv2.VideoWriter(str(matroska), cv2.VideoWriter.fourcc(*"VP80"), fps, size)
    try:
        for frame in frames:
            safe = blurred(picture_of(frame), frame.people, finder)
            # A camera may change its resolution in the middle; a film may not.
            film.write(cv2.resize(safe, size) if safe.shape != first.shape else safe)
    finally:
        film.release()
    path.write_bytes(matroska.read_bytes().replace(MATROSKA, WEBM, 1))
    matroska.unlink()


def picture_of(frame: Kept) -> Picture:
    """The pixels of a frame in memory, not blurred."""
    picture = cv2.imdecode(np.frombuffer(frame.jpeg, np.uint8), cv2.IMREAD_COLOR)
    return np.asarray(picture, dtype=np.uint8)
