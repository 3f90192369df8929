"""What machines, cranes and radio tags report of themselves, over MQTT, for the rules.

A message at `…/machines/ID`, `…/cranes/ID` or `…/tags/ID` is JSON with the fields of site_safety/rules_scene.py, less
the id: {"at": "2026-05-04T09:00:00Z", "position_m": [12.0, 4.0, 0.0], "speed_m_s": 0.4, "storey": "Ground floor"}.
What is late is silent, and silence is told; of what must report (`expects`) from the first moment on.
"""

import asyncio
import contextlib
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any

import aiomqtt

from bim.errors import BadInput
from site_safety.records import from_json
from site_safety.rules_scene import Crane, Machine, Tag
from site_safety.sensors_io import MAX_PAYLOAD_BYTES, Broker, connected

MOST = 1000
"""Machines, cranes and tags that are kept; more are not listened to."""
TAG_LASTS = timedelta(seconds=5)
"""A tag that was not heard for longer speaks for nobody."""
RETRY_S = 2.0
Word = Machine | Crane | Tag
KINDS: Mapping[str, tuple[type[Word], tuple[str, ...]]] = {
    "machines": (Machine, ("machine_id",)), "cranes": (Crane, ("crane_id",)), "tags": (Tag, ()),
}  # fmt: skip
"""What a topic carries, and the field that its last part fills: a tag's number names nobody and is not kept."""


@dataclass(frozen=True, slots=True)
class TelemetrySettings:
    """`[telemetry]` of cameras.toml."""

    broker: str
    port: int = 8883
    topic: str = "telemetry/#"
    username: str | None = None
    password_file: str | None = None
    tls: bool = True
    expects: tuple[str, ...] = ()
    """Ids of machines and cranes that must report: silent from the start, they are told."""


@dataclass(frozen=True)
class Heard:
    """The newest word of each, by topic, and when it came."""

    words: Mapping[str, tuple[Word, datetime]] = field(default_factory=dict)

    def machines(self, expects: tuple[str, ...], since: datetime) -> tuple[Machine, ...]:
        """Those heard, and one that stands still for each that was expected `since` then and is not heard."""
        found = tuple(word for word, _ in self.words.values() if isinstance(word, Machine))
        known = {each.machine_id for each in found} | {each.crane_id for each in self.cranes()}
        missing = (each for each in expects if each not in known)
        return (*found, *(Machine(each, (0.0, 0.0, 0.0), 0.0, None, since) for each in missing))

    def cranes(self) -> tuple[Crane, ...]:
        """The cranes heard, however long ago: a load does not come down because its crane fell silent."""
        return tuple(word for word, _ in self.words.values() if isinstance(word, Crane))

    def tags(self, now: datetime) -> tuple[Tag, ...]:
        """The tags that were heard a moment ago."""
        return tuple(word for word, at in self.words.values() if isinstance(word, Tag) and abs(now - at) <= TAG_LASTS)


def heard(before: Heard, topic: str, payload: bytes, now: datetime) -> Heard:
    """With one message more. Raises BadInput for what is none; its sender then counts as silent."""
    *_, kind, name = ("", "", *topic.split("/"))
    if kind not in KINDS:
        raise BadInput(f"telemetry at {topic}", f"…/{', …/'.join(f'{each}/ID' for each in KINDS)}", "correct the topic")
    if topic not in before.words and len(before.words) >= MOST:
        raise BadInput(f"more than {MOST} senders", "those of one site", "narrow the topic")
    record, own = KINDS[kind]
    word = from_json(record, {**dict.fromkeys(own, name), **_table(topic, payload)}, topic)
    if not isinstance(word, Tag):
        # A clock that is ahead would make its sender seem alive for ever.
        word = replace(word, at=min(word.at, now))
    return Heard({**before.words, topic: (word, now)})


def _table(topic: str, payload: bytes) -> dict[str, Any]:
    try:
        said = json.loads(payload) if len(payload) <= MAX_PAYLOAD_BYTES else None
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise BadInput(f"telemetry at {topic} that is no JSON object", "its fields by name", "correct the sender")
    return said


class Telemetry:
    """Listens in a thread of its own; the loop reads the newest words and never waits. Use as a context manager."""

    def __init__(self, settings: TelemetrySettings, folder: Path) -> None:
        """`folder` is where the settings lie."""
        secret = folder / settings.password_file if settings.password_file else None
        self._broker = Broker(
            settings.broker, settings.port, settings.topic, settings.username, secret, tls=settings.tls
        )
        self.heard = Heard()
        self._loop = asyncio.new_event_loop()
        self._job = self._loop.create_task(self._listen_for_ever())
        self._thread = threading.Thread(target=self._run, name="telemetry")

    async def _listen_for_ever(self) -> None:
        while True:
            # A broker that is lost is told by the age of what it passed on.
            with contextlib.suppress(aiomqtt.MqttError, OSError):
                async with connected(self._broker) as client:
                    async for message in client.messages:
                        self._take(message.topic.value, bytes(message.payload or b""))
            await asyncio.sleep(RETRY_S)

    def _take(self, topic: str, payload: bytes) -> None:
        with contextlib.suppress(BadInput):
            self.heard = heard(self.heard, topic, payload, datetime.now(UTC))

    def _run(self) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._job)
        self._loop.close()

    def __enter__(self) -> "Telemetry":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._loop.call_soon_threadsafe(self._job.cancel)
        self._thread.join()
