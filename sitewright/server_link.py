"""How robots and cameras report to a server: an outbox on the disk, sent in order, each message exactly once.

    link = ServerLink("https://site.example:8420", "site-id", token, Path("robots-data"))
    link.report("POST", "robots/states", [state])     never waits for the network
    link.send()                                       as often as one likes; returns how many still wait
    for command in link.commands(): …                 what people said, from where the last run stopped

Nobody's safety may depend on it: a stop never takes this way.
"""

import json
import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from bim.errors import BadInput
from sitewright.settings import TOKEN

TIMEOUT_S = 10.0
COMMANDS = ("robot_task.", "stop.", "hazard.", "zone.")
REFUSED = (400, 404, 409, 410, 413, 415, 422)
"""Answers that sending again would not change: the message is put aside, for a person to look at."""


@dataclass(frozen=True)
class Command:
    """Something that the server tells: an event's name and data."""

    name: str
    data: dict[str, Any]


class ServerLink:
    """One program's link to one site of a server. `folder` holds its outbox and the last event that it heard."""

    def __init__(self, address: str, site_id: str, token: str, folder: Path) -> None:
        self._outbox, self._heard = folder / "outbox", folder / "last-event"
        self._outbox.mkdir(parents=True, exist_ok=True)
        self._number = max((int(path.stem) for path in self._outbox.glob("*.json")), default=0)
        self._client = httpx.Client(
            base_url=f"{address.rstrip('/')}/api/v1/sites/{site_id}/",
            headers={"Authorization": f"Bearer {token}"},
            timeout=TIMEOUT_S,
        )

    def report(self, method: str, path: str, body: Any) -> None:
        """Put a message into the outbox; when this returns, it is on the disk."""
        self._number += 1
        message = {"method": method, "path": path, "body": body, "key": str(uuid.uuid4())}
        _write(self._outbox / f"{self._number:012}.json", json.dumps(message, ensure_ascii=False))

    def send(self) -> int:
        """Send what waits, oldest first, as far as the server can be reached. Returns how many messages still wait."""
        waiting = sorted(self._outbox.glob("*.json"))
        for place, path in enumerate(waiting):
            message = json.loads(path.read_text(encoding="utf-8"))
            try:
                answer = self._client.request(message["method"], message["path"], json=message["body"],
                                              headers={"Idempotency-Key": message["key"]})  # fmt: skip
            except httpx.HTTPError:
                return len(waiting) - place
            if answer.status_code in REFUSED:
                path.rename(path.with_suffix(".refused"))
            elif answer.is_success:
                path.unlink()
            else:
                return len(waiting) - place
        return 0

    def commands(self) -> Iterator[Command]:
        """What people said; ends when the connection does. A command counts as heard when the next is asked for."""
        last = self._heard.read_text(encoding="utf-8") if self._heard.exists() else "0"
        timeout = httpx.Timeout(TIMEOUT_S, read=4 * TIMEOUT_S)
        with self._client.stream("GET", "events", headers={"Last-Event-ID": last}, timeout=timeout) as stream:
            stream.raise_for_status()
            for number, command in _events(stream.iter_lines()):
                if command.name.startswith(COMMANDS):
                    yield command
                _write(self._heard, number)


def _events(lines: Iterator[str]) -> Iterator[tuple[str, Command]]:
    event: dict[str, str] = {}
    for line in lines:
        key, _, value = line.partition(": ")
        if key in ("id", "event", "data"):
            event[key] = value
        elif not line and "data" in event:
            yield event["id"], Command(event["event"], json.loads(event["data"]))
            event = {}


def _write(path: Path, text: str) -> None:
    """Whole or not at all, and on the disk."""
    staged = path.with_suffix(".part")
    with staged.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    staged.replace(path)


def read_token(path: Path | None) -> str:
    """The token of a file, else that of the environment; never of the command line. Raises BadInput for none."""
    token = path.read_text(encoding="utf-8").strip() if path else os.environ.get(TOKEN, "")
    if not token.startswith("swt_"):
        raise BadInput("no API token", f"one in a file or in {TOKEN}", "make one in the app under Settings")
    return token
