"""A zip archive from outside as names and bytes, in memory. Nothing is unpacked to the disk."""

import posixpath
import re
import stat
import zipfile
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bim.errors import BadInput

MAX_ENTRIES = 50_000
MAX_UNPACKED_BYTES = 1024**3
MAX_RATIO = 200
"""XML compresses about tenfold; a bomb a thousandfold. Counted from `SMALL_BYTES` on."""
SMALL_BYTES = 1024**2


@dataclass(frozen=True)
class Archive:
    """The files of an archive by their path inside it, with "/" between folders, and when each was written."""

    name: str
    files: dict[str, bytes]
    written: dict[str, datetime]


def open_archive(path: Path) -> Archive:
    """Every file of a zip archive. Raises BadInput for one that is broken or means harm."""
    try:
        with zipfile.ZipFile(path) as opened:
            entries = [entry for entry in opened.infolist() if not entry.is_dir()]
            _check(path, entries)
            files = {_safe_name(path, entry): _content(opened, entry) for entry in entries}
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, ValueError, zlib.error) as error:
        raise _refused(path, f"is a broken archive ({error})") from error
    if len(files) != len(entries):
        raise _refused(path, "holds two entries of one name")
    return Archive(path.name, files, {_safe_name(path, entry): _written(entry) for entry in entries})


def _check(path: Path, entries: list[zipfile.ZipInfo]) -> None:
    """What the directory of the archive claims, before anything is unpacked."""
    total, packed = sum(entry.file_size for entry in entries), sum(entry.compress_size for entry in entries)
    if len(entries) > MAX_ENTRIES:
        raise _refused(path, f"holds {len(entries)} files, more than {MAX_ENTRIES}")
    if total > MAX_UNPACKED_BYTES or any(
        entry.file_size > max(SMALL_BYTES, MAX_RATIO * entry.compress_size) for entry in entries
    ):
        raise _refused(path, f"would unpack to {total} bytes")
    if packed > path.stat().st_size:
        raise _refused(path, "has entries that overlap")
    for entry in entries:
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise _refused(path, f"holds a link, {entry.filename!r}")
        if entry.flag_bits & 1:
            raise _refused(path, "is encrypted")


def _safe_name(path: Path, entry: zipfile.ZipInfo) -> str:
    """The entry's path with "/", as some Windows tools write "\\"."""
    name = entry.filename.replace("\\", "/")
    if name.startswith("/") or re.match("[A-Za-z]:", name) or ".." in name.split("/") or not name.isprintable():
        raise _refused(path, f"holds an entry that leads elsewhere, {entry.filename!r}")
    return posixpath.normpath(name)


def _content(opened: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    with opened.open(entry) as member:
        return member.read(entry.file_size)


def _written(entry: zipfile.ZipInfo) -> datetime:
    try:
        return datetime(*entry.date_time, tzinfo=UTC)
    except ValueError:
        return datetime(1980, 1, 1, tzinfo=UTC)


def _refused(path: Path, what: str) -> BadInput:
    return BadInput(f"{path.name} {what}", "a BCF archive as its tools write it", "export the issues again")
