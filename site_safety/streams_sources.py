"""What a camera's process reads: RTSP and files by FFmpeg, MJPEG over HTTP, ONVIF by asking for its RTSP address.

Imported in the camera's own process only. Iterators of (picture, seconds into a file); they end when the source does.
They raise ConnectionError for what cannot be opened and BadInput for what answers as no camera does.
"""

import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import cv2
import numpy as np

from bim.errors import BadInput
from site_safety.cameras import NoHost, Source
from site_safety.streams import LARGEST_BYTES, WIDEST_PX
from site_safety.tracks import Picture

Alive = Callable[[], None]
Pictures = Iterator[tuple[Picture, float]]
LARGEST_JPEG = 8 * 1024**2


def opened(source: Source, fps: float, live: bool, alive: Alive) -> Pictures:
    """The pictures of a source, at most `fps` a second, and a sign of life at every frame that is read."""
    try:
        source = source.checked()
    except NoHost:
        raise ConnectionError("no such host now") from None
    scheme = urlsplit(source.address).scheme if "://" in source.address else "file"
    if scheme in ("http", "https"):
        yield from _paced(_mjpeg(source, alive), fps)
    elif scheme == "onvif":
        from site_safety.camera_onvif import stream_of

        yield from opened(stream_of(source), fps, live, alive)
    else:
        yield from _video(source, fps, live and scheme == "file", scheme == "file", alive)


def _video(source: Source, fps: float, at_own_speed: bool, is_file: bool, alive: Alive) -> Pictures:
    """Frames are grabbed as they come and only those that are due are converted."""
    # Each thread more of a decoder is a frame more that it holds back.
    video = cv2.VideoCapture(source.full, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    if not video.isOpened():
        raise ConnectionError("not opened")
    began, due = time.monotonic(), 0.0
    while video.grab():
        alive()
        second = video.get(cv2.CAP_PROP_POS_MSEC) / 1000.0 if is_file else 0.0
        clock = second if is_file else time.monotonic() - began
        if at_own_speed:
            time.sleep(max(0.0, second - (time.monotonic() - began)))
        if clock + 1e-3 < due:
            continue
        due = max(due + 1.0 / fps, clock)
        read, picture = video.retrieve()
        if read:
            yield _sized(np.asarray(picture, dtype=np.uint8)), second
    video.release()


def _mjpeg(source: Source, alive: Alive) -> Pictures:
    """JPEG pictures one after another in an answer without end; no redirect is followed."""
    import httpx  # Most cameras speak RTSP, and each has a process of its own.

    login = httpx.DigestAuth(source.user, source.password) if source.user else None
    try:
        with httpx.stream("GET", source.address, auth=login, timeout=5.0, follow_redirects=False) as answer:
            if answer.status_code != httpx.codes.OK:
                raise BadInput(f"status {answer.status_code}", "200", "check the camera's address and password")
            pending = b""
            for block in answer.iter_bytes():
                alive()
                pending += block
                *whole, pending = _jpegs(pending)
                if len(pending) > LARGEST_JPEG:
                    raise BadInput("no JPEG pictures one after another", "MJPEG", "choose the camera's MJPEG stream")
                yield from ((_sized(picture), 0.0) for picture in map(_decoded, whole) if picture is not None)
    except httpx.HTTPError:
        raise ConnectionError("not opened, or cut off") from None


def _jpegs(data: bytes) -> list[bytes]:
    """Whole JPEGs, and last what begins after them."""
    found = []
    while (start := data.find(b"\xff\xd8")) >= 0 and (end := data.find(b"\xff\xd9", start)) >= 0:
        found.append(data[start : end + 2])
        data = data[end + 2 :]
    return [*found, data]


def _decoded(jpeg: bytes) -> Picture | None:
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    return None if picture is None else np.asarray(picture, dtype=np.uint8)


def _paced(pictures: Pictures, fps: float) -> Pictures:
    due = 0.0
    for picture, second in pictures:
        now = time.monotonic()
        if now >= due:
            due = max(due + 1.0 / fps, now)
            yield picture, second


def _sized(picture: Picture) -> Picture:
    height, width = picture.shape[:2]
    scale = min(1.0, WIDEST_PX / width, (LARGEST_BYTES / 3 / (width * height)) ** 0.5)
    if scale == 1.0:
        return picture
    size = (int(width * scale), int(height * scale))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
