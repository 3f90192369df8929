"""One process a camera: it connects, decodes, keeps only the newest frame, and connects again when it must.

A broken stream, a codec bomb or a decoder that crashes ends in its own process; the others go on. The newest frame lies
in shared memory in two halves, written in turn, so that reading never waits for decoding. Times are when a frame
arrived, aware UTC.
"""

import contextlib
import ctypes
import os
import resource
import signal
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from multiprocessing import get_context
from multiprocessing.shared_memory import SharedMemory
from multiprocessing.synchronize import Semaphore as Signal
from types import TracebackType

import numpy as np

from bim.errors import BadInput
from site_safety.cameras import Source, Trouble
from site_safety.tracks import Picture

WIDEST_PX, LARGEST_BYTES = 1280, 1280 * 1280 * 3
"""Larger pictures are made smaller where they are decoded."""
MEMORY_BYTES = 3 * 1024**3
SILENT_S = 15.0
"""A process that neither gave a frame nor said that it tried for so long hangs, and is started again."""
WAITS_S = (0.5, 1.0, 2.0, 5.0)
"""Before the first, second, … try to connect again."""
_ABOUT = struct.Struct("<ddqq")
"""At the head of a half: time of its frame, seconds into a file, width, height."""
_COUNTS, _HALF = 64, 64 + LARGEST_BYTES
_OPTIONS = {
    "OPENCV_FFMPEG_CAPTURE_OPTIONS": "rtsp_transport;tcp|timeout;5000000|stimeout;5000000|threads;1"
    "|protocol_whitelist;file,rtp,udp,tcp,rtsp,rtsps,tls,crypto,srtp",
    # What the decoder says may hold the address with its password.
    "OPENCV_LOG_LEVEL": "OFF",
    "OPENCV_FFMPEG_LOGLEVEL": "-8",
}


_SPAWN = get_context("spawn")


def new_signal() -> Signal:
    """What frames of one or several streams are waited for with."""
    return _SPAWN.Semaphore(0)


class _Board:
    """What the two processes of a stream share: counts, and two halves that frames are written into in turn.

    A count is stored as one aligned word, so that nobody reads half of one (`struct.pack_into` clears what it writes to
    first). A half is whole once `written` says so, and until the frame after the next is begun.
    """

    def __init__(self, memory: SharedMemory) -> None:
        if memory.buf is None:
            raise RuntimeError("shared memory that was closed")
        self._memory, self._buffer = memory, memory.buf
        self._counts, self._times = memory.buf[:24].cast("q"), memory.buf[24:32].cast("d")

    @property
    def written(self) -> int:
        """Frames so far."""
        return int(self._counts[0])

    @property
    def tries(self) -> int:
        """How often the camera was tried."""
        return int(self._counts[1])

    @property
    def life(self) -> float:
        """When the process last gave a sign of life, by the clock that never jumps and that all processes share."""
        return float(self._times[0])

    @property
    def trouble(self) -> Trouble:
        """Why the last try ended; none while frames come."""
        return Trouble(self._counts[2])

    @trouble.setter
    def trouble(self, found: Trouble) -> None:
        self._counts[2] = found

    def alive(self, tries: int) -> None:
        """A sign of life."""
        self._counts[1], self._times[0] = tries, time.monotonic()

    def write(self, picture: Picture, second: float) -> None:
        """The next frame."""
        height, width = picture.shape[:2]
        number = self.written + 1
        start = self._half(number)
        _ABOUT.pack_into(self._buffer, start, time.time(), second, width, height)
        np.ndarray(picture.shape, np.uint8, self._buffer, start + _ABOUT.size)[:] = picture
        self._counts[0] = number

    def read(self, number: int) -> "Frame | None":
        """A frame by its number; None where a later one may have been begun in its place."""
        start = self._half(number)
        at, second, width, height = _ABOUT.unpack_from(self._buffer, start)
        fits = 0 < width * height * 3 <= LARGEST_BYTES
        shape = (height, width, 3) if fits else (0, 0, 3)
        pixels = np.ndarray(shape, np.uint8, self._buffer, start + _ABOUT.size).copy()
        whole = fits and self.written == number
        return Frame(pixels, datetime.fromtimestamp(at, UTC), number, second) if whole else None

    def close(self) -> None:
        """Let go of the memory."""
        for view in (self._counts, self._times):
            view.release()
        del self._buffer
        self._memory.close()

    @staticmethod
    def _half(number: int) -> int:
        return _COUNTS + number % 2 * _HALF


@dataclass(frozen=True)
class Frame:
    """A picture and when it was taken."""

    picture: Picture
    at: datetime
    number: int
    """Counted by the stream; what lies between two numbers was dropped."""
    second: float
    """Into the file, for files; else 0."""


class Stream:
    """The newest frame of a camera. Use as a context manager: leaving it ends the process."""

    def __init__(self, source: Source, fps: float, *, live: bool = True, fresh: Signal | None = None) -> None:
        """`live`: a file is played at its own speed, again and again, as a camera would; else once, frame by frame.

        `fresh`, of `new_signal()`, is released at every frame; several streams may share it.
        """
        self._memory = SharedMemory(create=True, size=_COUNTS + 2 * _HALF)
        self._board = _Board(self._memory)
        self._fresh = fresh or new_signal()
        self._taken = new_signal()
        self._arguments = (source, fps, live, self._memory.name, self._taken, self._fresh)
        self._seen = 0
        self._start()

    def newest(self) -> Frame | None:
        """The newest frame that was not handed out yet."""
        for _ in range(3):
            written = self._board.written
            if written == self._seen:
                return None
            if frame := self._board.read(written):
                self._seen = written
                self._taken.release()
                return frame
        return None

    def frames(self) -> Iterator[Frame]:
        """Every frame of a file that is not live, until it ends."""
        while True:
            ended = not self._process.is_alive()
            if frame := self.wait(0.0 if ended else 1.0):
                yield frame
            elif ended:
                return

    def wait(self, seconds: float) -> Frame | None:
        """The next frame, waited for; None when none comes in time or the process has ended."""
        until = time.monotonic() + seconds
        while (frame := self.newest()) is None and self._process.is_alive() and time.monotonic() < until:
            self._fresh.acquire(timeout=0.05)
        return frame or self.newest()

    @property
    def process_id(self) -> int:
        """Of the camera's process."""
        return self._process.pid or 0

    @property
    def number(self) -> int:
        """Of the frame that was handed out last; 0 where there was none."""
        return self._seen

    @property
    def tries(self) -> int:
        """How often it has connected or tried to."""
        return self._board.tries

    @property
    def trouble(self) -> Trouble:
        """What hinders it now, as far as is known."""
        return self._board.trouble

    def keep_alive(self) -> bool:
        """Start the process again where it died or hangs; says whether it had to."""
        silent_s = time.monotonic() - max(self._board.life, self._started)
        if self._process.is_alive() and silent_s < SILENT_S:
            return False
        self._end()
        self._board.trouble = Trouble.BROKEN
        self._start()
        return True

    def _start(self) -> None:
        self._started = time.monotonic()
        self._process = _SPAWN.Process(target=_read_for_ever, args=self._arguments, daemon=True)
        self._process.start()

    def _end(self) -> None:
        self._process.kill()
        self._process.join()

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._end()
        self._board.close()
        self._memory.unlink()


# --- In the camera's process ----------------------------------------------------------------------------------------


def _read_for_ever(source: Source, fps: float, live: bool, memory: str, taken: Signal, fresh: Signal) -> None:
    _confine()
    os.environ.update(_OPTIONS)
    from site_safety.streams_sources import opened

    board, failed = _Board(SharedMemory(name=memory)), 0
    tries = board.tries
    while True:
        tries += 1
        board.alive(tries)
        before = board.written
        with _told(board):
            for picture, second in opened(source, fps, live, partial(board.alive, tries)):
                board.write(picture, second)
                board.alive(tries)
                board.trouble = Trouble.NONE
                fresh.release()
                if not live:
                    taken.acquire()
            board.trouble = Trouble.ENDED if board.written > before else Trouble.UNREADABLE
        if not live:
            board.close()
            return
        failed = 0 if board.written > before else failed + 1
        time.sleep(WAITS_S[min(failed, len(WAITS_S) - 1)])


@contextlib.contextmanager
def _told(board: _Board) -> Iterator[None]:
    """Whatever a source does ends its try and no more, and is told as a kind of trouble: its words may hold secrets."""
    try:
        yield
    except BadInput:
        board.trouble = Trouble.REFUSED
    except ConnectionError:
        board.trouble = Trouble.UNOPENED
    except Exception:  # A decoder may raise anything at all for what a camera sends.
        board.trouble = Trouble.BROKEN


def _confine() -> None:
    """Ends with its parent, ignores the terminal's Ctrl-C (the parent ends it), and may not take all memory."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, hard))
