"""Files by the SHA-256 of their content, on disk or behind any fsspec URL. What is kept is never changed.

A file is written under a name of its own and moved in place, so that a name always holds the whole content; the same
content twice is one file, which makes every repetition harmless.
"""

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

from fsspec import AbstractFileSystem
from fsspec.core import url_to_fs

from bim.errors import BadInput
from web.identifiers import new_secret

CHUNK = 1 << 20


class Files:
    """The files of a server."""

    def __init__(self, url: str) -> None:
        self._system, self._root = cast(tuple[AbstractFileSystem, str], url_to_fs(url))
        self._local = Path(self._root) if "file" in self._system.protocol else None
        if self._local:
            self._local.mkdir(parents=True, exist_ok=True)

    def keep(self, path: Path) -> str:
        """Take a file over: it is gone from its place. Returns its SHA-256."""
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        self.keep_as(path, sha256)
        return sha256

    def keep_as(self, path: Path, sha256: str) -> None:
        """Take over a file whose SHA-256 is known."""
        target = self._place(sha256)
        if not self.has(sha256):
            if self._local:
                self._move(path, Path(target))
            else:
                self._system.put_file(str(path), target)
        path.unlink(missing_ok=True)

    def keep_bytes(self, content: bytes) -> str:
        """Keep bytes. Returns their SHA-256."""
        file = tempfile.NamedTemporaryFile(dir=self._local, prefix=".", delete=False)  # noqa: SIM115
        try:
            with file:
                file.write(content)
            return self.keep(Path(file.name))
        finally:
            Path(file.name).unlink(missing_ok=True)

    def has(self, sha256: str) -> bool:
        """Whether a content is kept."""
        return bool(self._system.exists(self._place(sha256)))

    def drop(self, sha256: str) -> None:
        """Keep a content no longer."""
        if self.has(sha256):
            self._system.rm_file(self._place(sha256))

    def size(self, sha256: str) -> int:
        """Bytes of a content. Raises FileNotFoundError."""
        return int(self._system.size(self._place(sha256)))

    def open(self, sha256: str) -> IO[bytes]:
        """A content to read and to seek in. Raises FileNotFoundError."""
        return cast(IO[bytes], self._system.open(self._place(sha256), "rb"))

    def read(self, sha256: str) -> bytes:
        """A small content whole."""
        with self.open(sha256) as file:
            return file.read()

    def blocks(self, sha256: str, start: int, length: int) -> Iterator[bytes]:
        """A part of a content, block by block."""
        with self.open(sha256) as file:
            file.seek(start)
            while length > 0 and (block := file.read(min(CHUNK, length))):
                length -= len(block)
                yield block

    def named(self, sha256: str, filename: str, folder: Path) -> Path:
        """The content under a name in a folder, for readers that want a path. It must not be written to."""
        path = folder / safe_name(filename)
        path.parent.mkdir(parents=True, exist_ok=True)
        if self._local:
            path.symlink_to(self._place(sha256))
        else:
            self._system.get_file(self._place(sha256), str(path))
        return path

    def _place(self, sha256: str) -> str:
        if not re.fullmatch(r"[0-9a-f]{64}", sha256):
            raise BadInput(f"{sha256[:80]!r} is no SHA-256", "64 hexadecimal digits", "correct it")
        return f"{self._root}/{sha256[:2]}/{sha256}"

    def _move(self, path: Path, target: Path) -> None:
        target.parent.mkdir(exist_ok=True)
        staged = target.with_name(f".{new_secret()}")
        try:
            try:
                os.rename(path, staged)
            except OSError:  # from another disk
                shutil.copyfile(path, staged)
            with staged.open("rb") as file:
                os.fsync(file.fileno())
            staged.chmod(0o444)
            os.rename(staged, target)
        finally:
            staged.unlink(missing_ok=True)


def safe_name(filename: str) -> str:
    """A file's name without folders, control characters and what else a file system or a header minds."""
    name = re.sub(r"[^\w.,()+@ -]", "_", filename.replace("\\", "/").rpartition("/")[2]).strip(". ")
    stem, dot, suffix = name.rpartition(".")
    return f"{(stem or suffix)[:100]}{dot if stem else ''}{suffix[:16] if stem else ''}" or "file"
