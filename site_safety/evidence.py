"""Evidence that cannot be changed unseen: an append-only journal whose every line holds the hash of the one before.

    {"seq": 7, "prev": "…", "entry": {…}, "hash": sha256(canonical {"seq", "prev", "entry"})}

Whoever alters, drops or inserts a line breaks the chain from there on; whoever writes a whole new chain contradicts the
signed checkpoints, one an hour. Files lie beside it under their own hash; when retention removes one, its line stays.
"""

import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from bim.errors import BadInput
from site_safety.hazards import Evidence
from site_safety.records import from_json, iso
from site_safety.signing import Key, canonical, sign, verify

START = "0" * 64
"""What stands in the place of a hash before the first line."""
CHECKPOINT_EVERY = timedelta(hours=1)
MAX_LINE_BYTES = 1024**2


@dataclass(frozen=True, slots=True)
class Link:
    """One line of a journal."""

    seq: int
    prev: str
    entry: Any
    hash: str


def link(prev: str, seq: int, entry: Any) -> Link:
    """The line that follows `prev`."""
    content = canonical({"seq": seq, "prev": prev, "entry": entry})
    return Link(seq, prev, entry, hashlib.sha256(content).hexdigest())


def line(found: Link) -> bytes:
    """A link as a line of a journal, always the same bytes."""
    return canonical({"seq": found.seq, "prev": found.prev, "entry": found.entry, "hash": found.hash}) + b"\n"


def read_chain(lines: Iterable[bytes], after: Link | None = None) -> Iterator[Link]:
    """The links of a journal, each checked against the one before. Raises BadInput that names the line."""
    prev, seq = (after.hash, after.seq + 1) if after else (START, 0)
    for raw in lines:
        found = _link(raw, seq)
        if (found.seq, found.prev) != (seq, prev) or link(prev, seq, found.entry) != found or line(found) != raw:
            raise BadInput(f"line {seq + 1} of a journal was changed", "the line as it was written", "restore a copy")
        yield found
        prev, seq = found.hash, seq + 1


def _link(raw: bytes, seq: int) -> Link:
    try:
        return from_json(Link, json.loads(raw))
    except (ValueError, RecursionError, BadInput):
        raise BadInput(f"line {seq + 1} of a journal is none", "seq, prev, entry and hash", "restore a copy") from None


class Journal:
    """A journal on disk. Several processes may append; each line is on the disk before `append` returns.

    Every line is handed to `take` once, in order, whoever wrote it; only the last one stays in memory.
    """

    def __init__(self, path: Path, take: Callable[[Link], object] = lambda link: None) -> None:
        """Open or begin it; what is there is checked. Raises BadInput where it was changed."""
        self.path, self._take = path, take
        self.last: Link | None = None
        self._read_to = 0
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        with path.open("r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            self._cut_torn_line(file.fileno())
        self.refresh()

    def _cut_torn_line(self, file: int) -> None:
        """What a crash left of a line that nobody was told is written."""
        content = self.path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            os.ftruncate(file, whole)

    def refresh(self) -> None:
        """Take what others have appended."""
        with self.path.open("rb") as file:
            file.seek(self._read_to)
            for raw in file:
                if not raw.endswith(b"\n"):  # It is still being written.
                    return
                (found,) = read_chain([raw], self.last)
                self._taken(found, len(raw))

    def append(self, entry: Any) -> Link | None:
        """Write an entry behind the last one, whoever wrote that."""
        return self.write(lambda: entry)

    def write(self, decide: Callable[[], Any]) -> Link | None:
        """Write the entry that is decided on once all lines of others are known; for None there is no line."""
        with self.path.open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            self.refresh()
            entry = decide()
            if entry is None:
                return None
            new = link(self.last.hash, self.last.seq + 1, entry) if self.last else link(START, 0, entry)
            content = line(new)
            if len(content) > MAX_LINE_BYTES:
                raise BadInput(f"an entry of {len(content)} bytes", f"at most {MAX_LINE_BYTES}", "put it in a file")
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        self._taken(new, len(content))
        return new

    def _taken(self, found: Link, size: int) -> None:
        self.last = found
        self._read_to += size
        self._take(found)


def links_of(path: Path) -> list[Link]:
    """All lines of a journal. Raises BadInput where it was changed."""
    links: list[Link] = []
    Journal(path, links.append)
    return links


# --- Checkpoints ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a journal's end was at a time."""

    journal: str
    seq: int
    hash: str
    at: datetime


def checkpoint(journal: str, last: Link, at: datetime, key: Key) -> str:
    """A signed statement of what a journal's end is now: a compact JWS."""
    return sign(canonical({"journal": journal, "seq": last.seq, "hash": last.hash, "at": iso(at)}), key)


def checkpoint_due(last: datetime | None, now: datetime) -> bool:
    """Whether an hour has passed since the last one."""
    return last is None or now - last >= CHECKPOINT_EVERY


def check_checkpoint(token: str, journal: str, links: Mapping[int, Link], key: Key) -> Checkpoint:
    """A checkpoint that this key signed and the journal bears out. Raises BadInput."""
    found = from_json(Checkpoint, json.loads(verify(token, key)), "checkpoint")
    if found.journal != journal or found.seq not in links or links[found.seq].hash != found.hash:
        stated = f"a checkpoint of {iso(found.at)} that the journal {journal} contradicts"
        raise BadInput(stated, f"line {found.seq + 1} as it was then", "ask who rewrote it")
    return found


# --- Files ------------------------------------------------------------------------------------------------------------


class EvidenceStore:
    """Files of evidence, each under its hash, and the journal of what came and went."""

    def __init__(self, folder: Path) -> None:
        """Open or begin the store in a folder."""
        self.folder = folder
        self.journal = Journal(folder / "evidence.jsonl")

    def add(
        self,
        path: Path,
        kind: Literal["clip", "photo", "verdict", "reading"],
        *,
        purpose: str,
        at: datetime,
        camera_id: str | None = None,
    ) -> Evidence:
        """Take a file (faces blurred already) into the store. Its hash is in the journal before this returns."""
        content = path.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        name = digest + path.suffix.lower()
        self.folder.mkdir(parents=True, exist_ok=True)
        staged = self.folder / f".{name}.{os.getpid()}"
        staged.write_bytes(content)
        os.replace(staged, self.folder / name)
        told = {
            "evidence": "added",
            "file": name,
            "kind": kind,
            "purpose": purpose,
            "camera_id": camera_id,
            "at": iso(at),
        }
        self.journal.append(told)
        return Evidence(kind, digest, name)

    def file(self, evidence: Evidence) -> Path | None:
        """Where a piece of evidence lies; None where retention has removed it. Raises BadInput where it was changed."""
        path = self.folder / Path(evidence.file).name
        if not path.is_file():
            return None
        if hashlib.sha256(path.read_bytes()).hexdigest() != evidence.sha256:
            raise BadInput(f"{path.name} was changed", "a file with the hash in its name", "restore a copy")
        return path
