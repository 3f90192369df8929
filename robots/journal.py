"""An append-only log that survives kill -9 and power loss at any moment; what is promised is on disk before it is done.

One line a record: a checksum in hex, a space, JSON. Each checksum continues that of the line before, so a line that is
lost, doubled or changed is noticed. A last line that was not written whole never counted, and is cut off at opening;
damage anywhere else is refused.
"""

import asyncio
import fcntl
import json
import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bim.errors import BadInput

Record = Mapping[str, Any]
"""JSON values by name."""
_DIGITS = 8


class Journal:
    """A log with one writer. `write` then `sync` (or `await synced()`); a record counts once it is synced.

    `records` holds what the file held when it was opened. Raises BadInput for a file that is damaged or in use.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        _own(self._file, path)
        self.records, self._checksum, end = read(path)
        os.ftruncate(self._file, end)
        os.lseek(self._file, end, os.SEEK_SET)
        _sync_folder(path.parent)
        self._pending: list[bytes] = []
        self._written = self._on_disk = 0
        self._flushing: asyncio.Future[None] | None = None

    def write(self, record: Record) -> None:
        """Add a record; it is on disk after the next sync."""
        text = json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()
        self._checksum = zlib.crc32(text, self._checksum)
        self._pending.append(b"%08x %s\n" % (self._checksum, text))
        self._written += 1

    def sync(self) -> None:
        """Return when all that was written is on disk. Raises OSError when the disk refuses."""
        self._flush(*self._take())

    async def synced(self) -> None:
        """As `sync`, without holding up the loop; all that wait at the same time share one write."""
        wanted = self._written
        while self._on_disk < wanted:
            if self._flushing is None or self._flushing.done():
                self._flushing = asyncio.get_running_loop().run_in_executor(None, self._flush, *self._take())
            await asyncio.shield(self._flushing)

    def _take(self) -> tuple[list[bytes], int]:
        lines, self._pending = self._pending, []
        return lines, self._written

    def _flush(self, lines: list[bytes], count: int) -> None:
        if lines:
            _write_all(self._file, b"".join(lines))
            os.fdatasync(self._file)
        self._on_disk = count

    def close(self) -> None:
        """Sync, and let go of the file."""
        self.sync()
        os.close(self._file)


def _own(file: int, path: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        raise BadInput(f"{path} is in use", "one process a journal", "end the other process, or wait for it") from None


def read(path: Path) -> tuple[list[Record], int, int]:
    """The records, the last one's checksum, and where the file's sound part ends, in bytes. Raises BadInput."""
    records: list[Record] = []
    checksum = end = 0
    *lines, torn = path.read_bytes().split(b"\n")
    for number, line in enumerate(lines, start=1):
        text = line[_DIGITS + 1 :]
        following = zlib.crc32(text, checksum)
        if line[: _DIGITS + 1] != b"%08x " % following:
            if number == len(lines) and not torn:
                break
            raise BadInput(
                f"line {number} of {path} is damaged", "a journal as it was written", "restore it from a copy"
            )
        records.append(json.loads(text))
        checksum, end = following, end + len(line) + 1
    return records, checksum, end


def _write_all(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def _sync_folder(folder: Path) -> None:
    """A new file's name is on disk too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
