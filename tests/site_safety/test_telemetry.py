"""What machines, cranes and tags report reaches the rules; silence is told; what is no report changes nothing."""

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiomqtt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bim.errors import BadInput
from site_safety.cameras import read_cameras
from site_safety.rules_policy import default_policy
from site_safety.rules_scene import Crane, Machine, Phase, Tag
from site_safety.sensors_io import Broker
from site_safety.telemetry import MOST, TAG_LASTS, Heard, Telemetry, TelemetrySettings, heard
from site_safety.watch import Watch
from tests.site_safety.test_sensors import broker as broker
from tests.site_safety.test_watch import STOREY, Site

PATIENCE_S = 30.0
NOW = datetime(2026, 5, 4, 9, tzinfo=UTC)
CRANE = {"at": "2026-05-04T09:00:00Z", "load_m": [12.0, 1.0, 20.0], "loaded": True}
MACHINE = {"at": "2026-05-04T09:00:00Z", "position_m": [1.0, 2.0, 0.0], "speed_m_s": 0.5, "storey": STOREY}
TAG = {"role": "rigger", "position_m": [1.0, 2.0, 0.0], "reach_m": 1.5}


def told(*messages: tuple[str, object], at: datetime = NOW) -> Heard:
    found = Heard()
    for topic, said in messages:
        found = heard(found, topic, json.dumps(said).encode(), at)
    return found


def test_each_topic_carries_its_kind_and_the_newest_word_counts() -> None:
    moved = CRANE | {"load_m": [13.0, 1.0, 20.0]}
    found = told(("t/cranes/k1", CRANE), ("t/machines/r1", MACHINE), ("t/tags/7", TAG), ("t/cranes/k1", moved))
    assert found.cranes() == (Crane("k1", (13.0, 1.0, 20.0), True, NOW),)
    assert found.machines((), NOW) == (Machine("r1", (1.0, 2.0, 0.0), 0.5, STOREY, NOW),)
    assert found.tags(NOW) == (Tag("rigger", (1.0, 2.0, 0.0), 1.5),)


def test_a_tag_that_is_silent_speaks_for_nobody_but_a_silent_cranes_load_stays() -> None:
    found, later = told(("t/cranes/k1", CRANE), ("t/tags/7", TAG)), NOW + TAG_LASTS + timedelta(seconds=1)
    assert found.tags(later) == ()
    assert [crane.crane_id for crane in found.cranes()] == ["k1"]


def test_who_must_report_and_never_did_is_silent_since_the_beginning() -> None:
    found = told(("t/cranes/k1", CRANE)).machines(("k1", "r9"), NOW)
    assert [(each.machine_id, each.at, each.speed_m_s) for each in found] == [("r9", NOW, 0.0)]


def test_a_clock_that_is_ahead_keeps_nobody_alive() -> None:
    ahead = MACHINE | {"at": "2027-01-01T00:00:00Z"}
    assert told(("t/machines/r1", ahead)).machines((), NOW)[0].at == NOW


@pytest.mark.parametrize(
    ("topic", "payload", "says"),
    [
        ("t/ships/s1", b"{}", "ships"),
        ("cranes", b"{}", "topic|cranes"),
        ("t/cranes/k1", b"[1]", "no JSON object"),
        ("t/cranes/k1", b"\xff", "no JSON object"),
        ("t/cranes/k1", b'{"load_m": [1, 2, 3]}', "at|loaded"),
        ("t/machines/r1", b'{"at": "now", "position_m": [1, 2, 3], "speed_m_s": 1, "storey": null}', "at"),
    ],
)
def test_what_is_no_report_is_refused_and_names_the_topic(topic: str, payload: bytes, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        heard(Heard(), topic, payload, NOW)


@given(st.integers(1, 40))
def test_no_more_than_so_many_senders_are_kept(beyond: int) -> None:
    words = {f"t/tags/{i}": (Tag("rigger", (0.0, 0.0, 0.0), 1.0), NOW) for i in range(MOST)}
    with pytest.raises(BadInput, match="senders"):
        heard(Heard(words), f"t/tags/{MOST + beyond}", json.dumps(TAG).encode(), NOW)


def test_a_load_over_somebody_is_an_alarm_of_the_watcher(tmp_path: Path) -> None:
    site = Site(tmp_path)
    report = told(("t/cranes/k1", CRANE | {"at": site.at.isoformat()}), at=site.at + timedelta(days=1))
    site.watch = Watch(
        site.watch._eyes, {"north": site.film}, (), default_policy(), site.robots, tmp_path, site.at, lambda: report
    )
    site.stands(12.0, 1.0)
    raised = {alarm.rule for alarm in site.tick(3.0) if alarm.phase is Phase.RAISED}
    assert "under_crane_load" in raised


def test_words_come_over_a_real_broker_and_a_file_of_cameras_names_it(broker: Broker, tmp_path: Path) -> None:
    async def publish() -> None:
        async with aiomqtt.Client(broker.host, broker.port, username="site", password="opensesame") as client:
            await client.publish("telemetry/broken/x", b"?", qos=1, retain=True)
            await client.publish("telemetry/cranes/k1", json.dumps(CRANE).encode(), qos=1, retain=True)

    asyncio.run(publish())
    (tmp_path / "cameras.toml").write_text(
        "[[camera]]\ncamera_id = 'a'\nname = 'A'\naddress = 'a.mp4'\n"
        f"[telemetry]\nbroker = '127.0.0.1'\nport = {broker.port}\nusername = 'site'\npassword_file = 'secret'\n"
        "tls = false\nexpects = ['k1']\n"
    )
    settings = read_cameras(tmp_path / "cameras.toml").telemetry
    assert isinstance(settings, TelemetrySettings)
    with Telemetry(settings, tmp_path) as listening:
        until = time.monotonic() + PATIENCE_S
        while not listening.heard.cranes() and time.monotonic() < until:
            pass
    assert listening.heard.cranes()[0].crane_id == "k1"
