"""Files on their way (tus 1.0): what has arrived is what lies on the disk, so no crash can make the two differ."""

import os
from io import FileIO
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from web.files import Files
from web.problems import full_disk
from web.tables import Upload

FREE_SHARE = 0.02
"""Of the disk, left free for the database."""


def part_of(folder: Path, upload: Upload) -> Path:
    """Where the part of an upload lies that has arrived."""
    return folder / f"{upload.id}.part"


def arrived(folder: Path, upload: Upload) -> int:
    """Bytes that have arrived."""
    path = part_of(folder, upload)
    if upload.sha256:
        return upload.length
    return path.stat().st_size if path.exists() else 0


def check_room(folder: Path, length: int) -> None:
    """Refuse an upload that the disk cannot hold. Raises Problem 507."""
    room = os.statvfs(folder)
    if length > room.f_frsize * (room.f_bavail - FREE_SHARE * room.f_blocks):
        raise full_disk()


async def receive(request: Request, path: Path, limit: int) -> int:
    """Append the body of a request, at most to `limit` bytes; returns how many bytes the file has then.

    What arrived before a connection broke is kept. Raises Problem 507 when the disk is full.
    """
    with path.open("ab", buffering=0) as file:  # nothing is left in a buffer that a full disk would lose
        try:
            async for block in request.stream():
                _append(file, memoryview(block)[: max(limit - file.tell(), 0)])
        except OSError as error:
            raise full_disk() from error
        finally:
            await run_in_threadpool(os.fsync, file.fileno())
        return file.tell()


def _append(file: FileIO, block: memoryview) -> None:
    while block:
        block = block[file.write(block) :]


def complete(files: Files, folder: Path, upload: Upload) -> str:
    """Move a whole upload to the other files. Returns its SHA-256; repeating it after a crash does no harm."""
    path = part_of(folder, upload)
    return files.keep(path)
