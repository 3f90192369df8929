"""The shortest way to a stop: a signed datagram on the loopback, from whoever watches to whoever commands the robots.

No server, database or browser is in this path. Each datagram is an HMAC-SHA256 in hex, a space, and JSON. Watchers
sign with the stop key; releasing takes the person's key, which no watcher holds. A stop may be sent any number of
times, so replaying one does nothing; other messages carry a number that grows, and an older one is refused.
"""

import asyncio
import hashlib
import hmac
import json
import os
import secrets
import socket
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bim.errors import BadInput
from bim.verdict import Reason
from robots.robot import LinkLost
from robots.stop import Scope

ACK_S = 0.05
TRIES = 10
MOST_BYTES = 8_192
STOP_KEY, PERSON_KEY = "stop.key", "person.key"

Message = Mapping[str, Any]
Take = Callable[[Message, bool], None]
"""Given a verified message, and whether the person's key signed it. Raises BadInput to refuse it."""


def make_keys(folder: Path) -> None:
    """Draw the keys that are missing; readable by this user alone."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in (STOP_KEY, PERSON_KEY):
        if not (folder / name).exists():
            file = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(file, "w") as stream:
                stream.write(secrets.token_hex(32))


def read_key(path: Path) -> bytes:
    """A key of `make_keys`. Raises BadInput for one that is missing or weak."""
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except (OSError, ValueError):
        raise BadInput(f"no key in {path}", "64 hex digits", "start `sitewright robots` once; it draws one") from None
    if len(key) < 16:
        raise BadInput(f"a key of {len(key)} bytes in {path}", "at least 16", "delete it and draw a new one")
    return key


def sign(key: bytes, message: Message) -> bytes:
    """The datagram of a message."""
    text = json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()
    return hmac.new(key, text, hashlib.sha256).hexdigest().encode() + b" " + text


def verify(keys: Mapping[str, bytes], datagram: bytes) -> tuple[str, Message] | None:
    """Which key signed it, and what it says; None for anything else."""
    mac, _, text = datagram.partition(b" ")
    for name, key in keys.items():
        if hmac.compare_digest(mac, hmac.new(key, text, hashlib.sha256).hexdigest().encode()):
            try:
                message = json.loads(text)
            except (ValueError, RecursionError):
                return None
            return (name, message) if isinstance(message, dict) else None
    return None


class _Listener(asyncio.DatagramProtocol):
    """Answers each good datagram with its own signature, so that the sender knows that it was taken."""

    def __init__(self, keys: Mapping[str, bytes], take: Take) -> None:
        self._keys, self._take = keys, take
        self._newest: dict[str, int] = {}

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        verified = verify(self._keys, data) if len(data) <= MOST_BYTES else None
        if verified is None:
            return
        name, message = verified
        try:
            if self._is_new(message):
                self._take(message, name == PERSON_KEY)
        except (BadInput, KeyError, TypeError, ValueError) as error:
            self._transport.sendto(sign(self._keys[name], {"refused": str(error)[:500]}), addr)
        else:
            self._transport.sendto(sign(self._keys[name], {"ack": data[:64].decode("ascii")}), addr)

    def _is_new(self, message: Message) -> bool:
        """False for a message that was taken before: its answer was lost. Raises BadInput for an older one."""
        if message.get("type") == "stop":
            return True
        source, number = str(message["source"]), int(message["number"])
        newest = self._newest.get(source, -1)
        if number < newest:
            raise BadInput("a message older than the last one", "a newer one", "put the sender's clock right")
        self._newest[source] = number
        return number > newest


async def listen(folder: Path, port: int, take: Take) -> tuple[asyncio.DatagramTransport, int]:
    """Take messages on 127.0.0.1 with the keys of `folder`; returns what to close, and the port (0: a free one)."""
    keys = {name: read_key(folder / name) for name in (STOP_KEY, PERSON_KEY)}
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: _Listener(keys, take), local_addr=("127.0.0.1", port)
    )
    return transport, transport.get_extra_info("sockname")[1]


class StopSender:
    """For watchers and people: sends until the answer comes. `key` is a file of `make_keys`."""

    def __init__(self, key: Path, port: int, source: str) -> None:
        self._key, self._source = read_key(key), source
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect(("127.0.0.1", port))
        self._socket.settimeout(ACK_S)
        self._number = 0

    def stop(self, stop_id: str, scope: Scope, ref: str, reason: Reason) -> None:
        """Latch a stop; the same stop_id is the same stop. Raises LinkLost when nobody takes it: sound the alarm."""
        said = {"en": reason.en, "zh": reason.zh}
        self._send({"type": "stop", "stop_id": stop_id, "scope": scope.value, "ref": ref, "reason": said})

    def people(self, watched: list[str], occupied: list[str]) -> None:
        """Which of the zones that this source watches have people in them. Send it at least once a second."""
        self._send({"type": "people", "watched": watched, "occupied": occupied})

    def release(self, stop_id: str, person: str) -> None:
        """A person ends a stop; takes the person's key. Raises BadInput when it is refused."""
        self._send({"type": "release", "stop_id": stop_id, "person": person})

    def close(self) -> None:
        """Let go of the socket."""
        self._socket.close()

    def _send(self, message: dict[str, Any]) -> None:
        # Grows though the clock is put back.
        self._number = max(time.time_ns(), self._number + 1)
        datagram = sign(self._key, {**message, "source": self._source, "number": self._number})
        for _ in range(TRIES):
            try:
                self._socket.send(datagram)
                answer = verify({"": self._key}, self._socket.recv(MOST_BYTES))
            except (TimeoutError, ConnectionRefusedError):
                continue
            if answer and "refused" in answer[1]:
                raise BadInput(answer[1]["refused"])
            if answer and answer[1].get("ack") == datagram[:64].decode("ascii"):
                return
        raise LinkLost("nobody takes stops", "`sitewright robots` at the other end", "stop the robots by hand")
