"""Where readings come from: CSV, SensorThings (OGC 18-088) as JSON, MQTT. What is no reading is told, not lost."""

import contextlib
import csv
import json
import math
import ssl
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiomqtt

from bim.arrays import Payload
from bim.errors import BadInput
from bim.isolation import GIB, Limits, isolated
from site_safety.records import from_json, to_json
from site_safety.sensors import Reading

LIMITS = Limits(memory_bytes=2 * GIB, cpu_s=60.0, wall_s=120.0)
MAX_BYTES = 256 * 1024**2
MAX_PAYLOAD_BYTES = 64 * 1024
COLUMNS = ("time", "sensor", "value")


def read_file(path: Path) -> list[Reading]:
    """The readings of a CSV file (time,sensor,value[,unit]) or of SensorThings JSON. Raises BadInput."""
    if not path.is_file() or path.stat().st_size > MAX_BYTES:
        raise BadInput(f"{path} holds no readings", f"a file of at most {MAX_BYTES} bytes", "check the path")
    found = isolated(_parse, str(path), limits=LIMITS, failure=BadInput, what=f"readings {path.name}")["readings"]
    return [from_json(Reading, each) for each in found]


def _parse(path: str) -> Payload:
    """In the child."""
    file = Path(path)
    text = file.read_text(encoding="utf-8-sig")
    readings = sensorthings(json.loads(text), file.name) if file.suffix.lower() == ".json" else _csv(text, file.name)
    return {"readings": [to_json(reading) for reading in readings]}


def _csv(text: str, name: str) -> Iterator[Reading]:
    rows = csv.DictReader(text.splitlines())
    if missing := [column for column in COLUMNS if column not in (rows.fieldnames or ())]:
        raise BadInput(f"{name} has no column {missing[0]}", ",".join(COLUMNS), "add it to the first line")
    for number, row in enumerate(rows):
        at = _time(row["time"], f"{name}:{number + 2}")
        yield reading(str(row["sensor"]), at, row["value"], row.get("unit") or None)


def sensorthings(document: Any, where: str = "SensorThings") -> Iterator[Reading]:
    """Observations of SensorThings 1.1, one or a list (`value`); each names its Datastream. Raises BadInput."""
    observations = document.get("value", [document]) if isinstance(document, dict) else document
    for number, each in enumerate(observations if isinstance(observations, list) else [None]):
        if not isinstance(each, dict) or not isinstance(stream := each.get("Datastream"), dict):
            found = f"{where}: observation {number + 1} names no Datastream"
            raise BadInput(found, "Observations?$expand=Datastream", "ask the server for them so")
        at = _time(str(each.get("phenomenonTime", "")).partition("/")[0], f"{where}: observation {number + 1}")
        unit = (stream.get("unitOfMeasurement") or {}).get("symbol")
        yield reading(str(stream.get("name") or stream.get("@iot.id")), at, each.get("result"), unit)


def reading(sensor_id: str, at: datetime, said: object, unit: str | None = None) -> Reading:
    """What a sensor said as a reading; what is no finite number has no value, and keeps its words."""
    try:
        value = math.nan if isinstance(said, bool) or said is None else float(str(said))
    except ValueError:
        value = math.nan
    return Reading(
        sensor_id, at, value if math.isfinite(value) else None, unit, "" if math.isfinite(value) else str(said)
    )


def _time(text: str, where: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise BadInput(f"{where}: time {text[:40]!r}", "2026-04-30T08:00:00Z", "correct it") from None
    if at.tzinfo is None:
        raise BadInput(f"{where}: time {text} without a zone", "2026-04-30T08:00:00Z", "write the zone")
    return at.astimezone(UTC)


# --- MQTT -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Broker:
    """An MQTT broker. The sensor's id is the last part of its topic."""

    host: str
    port: int = 8883
    topic: str = "sensors/#"
    username: str | None = None
    password_file: Path | None = None
    tls: bool = True


@contextlib.asynccontextmanager
async def connected(broker: Broker) -> AsyncIterator[aiomqtt.Client]:
    """A client that hears the broker's topic. Raises aiomqtt.MqttError where the broker refuses or is lost."""
    password = broker.password_file.read_text(encoding="utf-8").strip() if broker.password_file else None
    async with aiomqtt.Client(
        broker.host,
        broker.port,
        username=broker.username,
        password=password,
        tls_context=ssl.create_default_context() if broker.tls else None,
    ) as client:
        await client.subscribe(broker.topic, qos=1)
        yield client


async def listen(broker: Broker) -> AsyncIterator[Reading]:
    """Readings as they come. Raises BadInput where the broker refuses or is lost: who listens tries again."""
    try:
        async with connected(broker) as client:
            async for message in client.messages:
                for each in from_message(message.topic.value, bytes(message.payload or b""), datetime.now(UTC)):
                    yield each
    except aiomqtt.MqttError as error:
        found = f"the broker {broker.host}:{broker.port} is lost ({error})"
        raise BadInput(found, "a connection", "check host, port, TLS and password") from None


def from_message(topic: str, payload: bytes, now: datetime) -> list[Reading]:
    """The readings of one message: a bare number, {"value", "unit", "at"}, or a SensorThings observation."""
    sensor_id = topic.rpartition("/")[2].replace("|", "_")
    try:
        if len(payload) > MAX_PAYLOAD_BYTES:
            raise ValueError
        said = json.loads(payload)
        if isinstance(said, dict) and "Datastream" in said:
            return list(sensorthings(said, topic))
        if isinstance(said, dict) and "value" in said:
            at = _time(str(said["at"]), topic) if "at" in said else now
            return [reading(sensor_id, at, said["value"], said.get("unit"))]
        return [reading(sensor_id, now, said)]
    except (ValueError, RecursionError, BadInput):
        return [Reading(sensor_id, now, None, None, payload[:80].decode("utf-8", "replace"))]
