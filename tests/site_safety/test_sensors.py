"""Sensors: three levels on value and rate, and no silence that reads as safe; over a real broker."""

import asyncio
import json
import socket
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiomqtt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bim.errors import BadInput
from site_safety.hazards import Level
from site_safety.rules_scene import Alarm, Phase
from site_safety.sensors import Reading, Sensors, default_plan, expect, look, read, read_plan
from site_safety.sensors_io import Broker, from_message, listen, read_file

NOW = datetime(2026, 5, 4, 8, tzinfo=UTC)
PLAN = default_plan()


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def told(readings: list[Reading]) -> list[Alarm]:
    state, alarms = Sensors(), []
    for reading in readings:
        state, said = read(state, reading, PLAN)
        alarms += said
    return alarms


def levels(sensor: str, *values: float, minutes: float = 1) -> list[str]:
    found = told([Reading(sensor, at(minutes * i), value) for i, value in enumerate(values)])
    return [f"{alarm.phase}:{alarm.key.partition('|')[0].removeprefix('sensor_')}:{alarm.level}" for alarm in found]


def test_wind_that_rises_and_falls_goes_through_its_levels() -> None:
    assert levels("wind-1", 5, 9, 11, 14, 13.5, 12, 5) == [
        "raised:value:notice",
        "raised:value:warning", "ended:value:notice",
        "raised:value:danger", "ended:value:warning",
        "raised:value:warning", "ended:value:danger",
        "ended:value:warning",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("sensor", "value", "level"),
    [("o2-1", 20.9, None), ("o2-1", 20.2, Level.NOTICE), ("o2-1", 17.0, Level.DANGER), ("pit-3", -26.0, Level.WARNING),
     ("pit-3", 26.0, Level.WARNING), ("noise-9", 60.0, None)],
)  # fmt: skip
def test_what_falls_and_what_goes_either_way_has_levels_too(sensor: str, value: float, level: Level | None) -> None:
    assert [alarm.level for alarm in told([Reading(sensor, NOW, value)])] == ([level] if level else [])


def test_a_formwork_that_settles_fast_is_told_before_it_has_settled_far() -> None:
    assert levels("formwork-2", *(0.05 * i for i in range(30)))[0] == "raised:rate:notice"
    assert levels("formwork-2", *(0.02 * i for i in range(30))) == []


@pytest.mark.parametrize(
    ("reading", "words"),
    [
        (Reading("wind-1", NOW, None, None, "ERR"), "'ERR', which is no value"),
        (Reading("wind-1", NOW, 300.0), "300 m/s, which cannot be"),
        (Reading("wind-1", NOW, 20.0, "km/h"), "speaks in km/h, not in m/s"),
        (Reading("thing-1", NOW, 1.0), "has no rule: nothing watches it"),
    ],
)
def test_a_reading_that_cannot_be_true_is_a_hazard(reading: Reading, words: str) -> None:
    (alarm,) = told([reading])
    assert alarm.rule == "sensor_bad"
    assert words in alarm.text.en
    assert alarm.text.zh != alarm.text.en


def test_a_clock_that_goes_back_is_a_hazard() -> None:
    found = told([Reading("wind-1", at(5), 3.0), Reading("wind-1", at(0), 3.0)])
    assert "went back in time by 300 s" in found[0].text.en


def test_a_bad_reading_ends_no_alarm() -> None:
    found = told([Reading("wind-1", at(0), 12.0), Reading("wind-1", at(1), None), Reading("wind-1", at(2), 12.0)])
    assert [(alarm.phase, alarm.rule) for alarm in found] == [
        (Phase.RAISED, "sensor_value"), (Phase.RAISED, "sensor_bad"), (Phase.ENDED, "sensor_bad"),
    ]  # fmt: skip


def test_a_sensor_that_falls_silent_is_told_once_until_it_speaks() -> None:
    state, _ = read(Sensors(), Reading("wind-1", at(0), 3.0), PLAN)
    state, early = look(state, at(1.9), PLAN)
    state, silent = look(state, at(2.1), PLAN)
    state, again = look(state, at(9), PLAN)
    state, back = read(state, Reading("wind-1", at(10), 3.0), PLAN)
    assert [len(early), len(silent), len(again)] == [0, 1, 0]
    assert [(alarm.phase, alarm.rule) for alarm in back] == [(Phase.ENDED, "sensor_silent")]


def test_a_sensor_that_never_speaks_is_silent_too() -> None:
    _, said = look(expect(Sensors(), ("wind-7",), NOW), at(5), PLAN)
    assert [alarm.key for alarm in said] == ["sensor_silent|wind-7"]


@given(st.lists(st.one_of(st.none(), st.floats(-20, 100)), max_size=40))
def test_every_alarm_is_raised_once_then_ends_once(values: list[float | None]) -> None:
    standing: set[str] = set()
    for alarm in told([Reading("wind-1", at(i), value) for i, value in enumerate(values)]):
        assert (alarm.key in standing) == (alarm.phase is Phase.ENDED)
        standing ^= {alarm.key}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("[8.0, 9.0, 10.0]", "[9.0, 8.0, 10.0]"), "notice, warning, danger in order"),
        (("[8.0, 9.0, 10.0]", "[8.0]"), "notice, warning, danger in order"),
        (("valid", "vlaid"), "unknown mine.toml.sensor"),
        (("[0.0, 80.0]", "[80.0, 0.0]"), "low below high"),
    ],
)
def test_a_plan_that_is_none_is_refused_by_name(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    file = tmp_path / "mine.toml"
    text = """[[sensor]]
match = "wind-*"\nquantity = "wind"\nunit = "m/s"\nvalid = [0.0, 80.0]\nvalue = [8.0, 9.0, 10.0]\nmax_gap_s = 60.0"""
    file.write_text(text)
    assert read_plan(file).rule("wind-1")
    file.write_text(text.replace(*change))
    with pytest.raises(BadInput, match=message):
        read_plan(file)


# --- Files ------------------------------------------------------------------------------------------------------------


def test_readings_come_from_csv_and_from_sensorthings(tmp_path: Path) -> None:
    table, things = tmp_path / "r.csv", tmp_path / "r.json"
    table.write_text(
        "time,sensor,value,unit\n2026-05-04T10:00:00+02:00,wind-1,9.5,m/s\n2026-05-04T08:01:00Z,wind-1,ERR,\n"
    )
    observation = {"phenomenonTime": "2026-05-04T08:00:00Z/2026-05-04T08:10:00Z", "result": 9.5,
                   "Datastream": {"name": "wind-1", "unitOfMeasurement": {"symbol": "m/s"}}}  # fmt: skip
    things.write_text(json.dumps({"value": [observation]}))
    good = Reading("wind-1", NOW, 9.5, "m/s")
    assert read_file(table) == [good, Reading("wind-1", at(1), None, None, "ERR")]
    assert read_file(things) == [good]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("r.csv", "when,sensor,value\n", "no column time"),
        ("r.csv", "time,sensor,value\n2026-05-04T08:00:00,a,1\n", "r.csv:2: time 2026-05-04T08:00:00 without a zone"),
        ("r.json", '{"value": [{"result": 1}]}', "observation 1 names no Datastream"),
        ("r.json", "[[[", "readings r.json"),
    ],
)
def test_files_that_hold_no_readings_are_refused_by_line(tmp_path: Path, name: str, content: str, message: str) -> None:
    file = tmp_path / name
    file.write_text(content)
    with pytest.raises(BadInput, match=message):
        read_file(file)


# --- MQTT -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("payload", "value", "raw"),
    [
        (b"9.5", 9.5, ""),
        (b'{"value": 9.5, "unit": "m/s", "at": "2026-05-04T08:00:00Z"}', 9.5, ""),
        (b'{"phenomenonTime": "2026-05-04T08:00:00Z", "result": 9.5, "Datastream": {"name": "wind-1"}}', 9.5, ""),
        (b"broken {", None, "broken {"),
        (b"NaN", None, "nan"),
        (b'{"value": true}', None, "True"),
        (b"[" * 70000, None, "[" * 80),
        (b'{"value": 1, "at": "noon"}', None, '{"value": 1, "at": "noon"}'),
    ],
)
def test_every_message_is_a_reading_or_says_that_it_is_none(payload: bytes, value: float | None, raw: str) -> None:
    (reading,) = from_message("site/a/wind-1", payload, NOW)
    assert (reading.sensor_id, reading.value, reading.raw) == ("wind-1", value, raw)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """A real mosquitto on a free port, with a password."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    passwords, secret = tmp_path / "passwords", tmp_path / "secret"
    secret.write_text("opensesame\n")
    subprocess.run(["mosquitto_passwd", "-c", "-b", passwords, "site", "opensesame"], check=True, capture_output=True)
    passwords.chmod(0o644)
    config = tmp_path / "mosquitto.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous false\npassword_file {passwords}\nuser root\n")
    server = subprocess.Popen(["mosquitto", "-v", "-c", config], stderr=subprocess.PIPE, text=True)
    assert server.stderr
    for line in server.stderr:
        if "running" in line:
            break
    yield Broker("127.0.0.1", port, "sensors/#", "site", secret, tls=False)
    server.terminate()
    server.communicate()


def test_readings_come_over_a_real_broker(broker: Broker) -> None:
    async def first_two() -> list[Reading]:
        found: list[Reading] = []
        async with aiomqtt.Client(broker.host, broker.port, username="site", password="opensesame") as client:
            # Retained, so that it does not matter who is there first.
            await client.publish("sensors/pit/wind-1", b'{"value": 14.2, "unit": "m/s"}', qos=1, retain=True)
            await client.publish("sensors/pit/co-1", b"broken", qos=1, retain=True)
        async with asyncio.timeout(20):
            async for reading in listen(broker):
                found.append(reading)
                if len(found) == 2:
                    return found
        return found

    found = sorted(asyncio.run(first_two()), key=lambda reading: reading.sensor_id)
    assert [(reading.sensor_id, reading.value, reading.raw) for reading in found] == [
        ("co-1", None, "broken"), ("wind-1", 14.2, ""),
    ]  # fmt: skip


def test_a_broker_that_refuses_is_told_without_the_password(broker: Broker, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("letmein")

    async def never() -> None:
        async for _ in listen(Broker(broker.host, broker.port, "sensors/#", "site", wrong, tls=False)):
            pass

    with pytest.raises(BadInput, match="is lost") as error:
        asyncio.run(never())
    assert "letmein" not in str(error.value)
