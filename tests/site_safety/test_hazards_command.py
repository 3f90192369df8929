"""`sitewright hazards`: a register worked at a terminal."""

import json
import re
from pathlib import Path

import pytest

from bim.ifc_authoring import Author
from site_safety.evidence import links_of
from site_safety.hazards import Hazard, HazardState
from site_safety.register import HazardRegister
from site_safety.zones import ZoneKind, reach_m, read_zones
from sitewright.cli import run


def did(folder: Path, *arguments: object) -> int:
    return run(["hazards", str(arguments[0]), "--data", str(folder), *map(str, arguments[1:])])


def only(folder: Path) -> Hazard:
    (hazard,) = HazardRegister(folder).hazards.values()
    return hazard


def windy(folder: Path, value: float = 15.0) -> Path:
    file = folder / "wind.csv"
    file.write_text(f"time,sensor,value,unit\n2026-05-04T08:00:00Z,wind-1,{value},m/s\n")
    return file


def test_wind_is_registered_rectified_and_closed_by_another_person(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert did(tmp_path, "sensors", "--file", windy(tmp_path)) == 0
    hazard, photo = only(tmp_path), tmp_path / "after.jpg"
    photo.write_bytes(b"a crane that stands")
    for deed, by, more in (("assign", "officer", ["--to", "mason"]), ("start", "mason", []),
                           ("submit", "mason", ["--photo", photo, "--note", "crane stopped"])):  # fmt: skip
        assert did(tmp_path, "do", hazard.hazard_id, deed, "--by", by, *more) == 0
    assert did(tmp_path, "do", hazard.hazard_id, "close", "--by", "mason") == 2
    assert "somebody else than who rectified" in capsys.readouterr().err
    assert did(tmp_path, "do", hazard.hazard_id, "close", "--by", "officer") == 0
    assert only(tmp_path).state is HazardState.CLOSED
    assert did(tmp_path, "list", "--closed", "--language", "zh") == 0
    assert "已闭合" in capsys.readouterr().out


def test_rails_that_a_comparison_did_not_see_are_registered_once_with_zones(tmp_path: Path) -> None:
    author = Author("House")
    author.storey("Ground", 0.0)
    upper = author.storey("Upper", 3.2)
    square = [(0.0, 0.0), (8.0, 0.0), (8.0, 6.0), (0.0, 6.0)]
    floor = author.slab(upper, "Floor", square, 0.2)
    rail = author.railing(upper, "Rail", [(8.0, 0.0, 0.0), (8.0, 6.0, 0.0)], 1.1)
    model, compare, zones = tmp_path / "house.ifc", tmp_path / "compare.json", tmp_path / "zones.json"
    author.write(model)
    element = {"ifc_class": "IfcSlab", "name": "", "storey": "Upper", "system": None, "completion": 1.0,
               "observable": 1.0, "confidence": 1.0, "deviation": None}  # fmt: skip
    seen = [element | {"global_id": floor, "state": "built"}, element | {"global_id": rail, "state": "absent"}]
    compare.write_text(json.dumps({"elements": seen}))
    for _ in range(2):
        assert did(tmp_path, "scan", model, "--verdicts", compare, "--zones", zones) == 0
    hazard = only(tmp_path)
    assert hazard.rule == "missing_guard_rail"
    assert set(hazard.element_ids) == {floor, rail}
    assert [zone["kind"] for zone in json.loads(zones.read_text())] == ["edge"]


def test_the_shaft_of_a_model_becomes_a_closed_zone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    author = Author("House", unit="mm")
    upper = author.storey("Upper", 3.2)
    author.slab(upper, "Shaft 1", [(2.0, 1.0), (4.0, 1.0), (4.0, 3.0), (2.0, 3.0)], 2.5, 2.5)
    model, zones = tmp_path / "house.ifc", tmp_path / "zones.json"
    author.write(model)
    # A space has two attributes more than a slab; the rest is the same.
    text, count = re.subn(r"IFCSLAB\((.*),[^,]*,[^,]*\);", r"IFCSPACE(\1,'Lift',.ELEMENT.,$,$);", model.read_text())
    assert count == 1
    model.write_text(text)
    assert run(["hazards", "spaces", str(model), "--match", "shaft*", "--zones", str(zones)]) == 0
    (zone,) = read_zones(zones)
    assert (zone.name, zone.kind, zone.storey) == ("Shaft 1 Lift", ZoneKind.CLOSED, "Upper")
    assert (zone.low_m, zone.high_m) == (pytest.approx(3.2), pytest.approx(5.7))
    assert reach_m(zone, (3.0, 2.0, 3.2), "Upper", 0.0, 0.0) == pytest.approx(-1.0)
    assert run(["hazards", "spaces", str(model), "--match", "pool", "--zones", str(zones)]) == 2
    assert "is named pool" in capsys.readouterr().err


def test_tidying_escalates_removes_and_signs_once_an_hour(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key = tmp_path / "key.pem"
    assert run(["report", "key", str(key)]) == 0
    assert did(tmp_path, "sensors", "--file", windy(tmp_path)) == 0
    capsys.readouterr()
    for said in ("1 escalated, 0 pieces of evidence removed, 1 checkpoints", "0 checkpoints"):
        assert did(tmp_path, "tidy", "--key", key) == 0
        assert said in capsys.readouterr().out
    assert only(tmp_path).escalations >= 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["list"], "no hazards.jsonl in"),
        (["sensors"], "--file and --mqtt; one of the two"),
        (["sensors", "--mqtt", "host:port"], "a host, or host:port"),
    ],
)
def test_mistakes_are_told_in_one_line(
    tmp_path: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert did(tmp_path, *arguments) == 2
    assert message in capsys.readouterr().err


def test_a_zone_is_held_against_what_was_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    measured = tmp_path / "latencies.json"
    measured.write_text(json.dumps([0.3] * 98 + [0.5] * 2))

    def held(distance: float) -> int:
        machine = ["--speed", "1.0", "--brake", "1.0", "--error", "0.2", "--latencies", str(measured)]
        return run(["hazards", "margin", "--distance", str(distance), *machine])

    assert held(5.0) == 0
    assert "5.00 m suffice; 4.92 m are needed" in capsys.readouterr().out
    assert held(4.0) == 4
    assert "make it 4.92 m, or let the machine go no faster than" in capsys.readouterr().err
    measured.write_text("[0.3]")
    assert held(5.0) == 2


def test_what_is_no_deed_is_refused_and_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert did(tmp_path, "sensors", "--file", windy(tmp_path)) == 0
    before = len(links_of(tmp_path / "hazards.jsonl"))
    assert did(tmp_path, "do", only(tmp_path).hazard_id, "explode", "--by", "me") == 2
    assert "one of register" in capsys.readouterr().err
    assert did(tmp_path, "do", only(tmp_path).hazard_id, "settle", "--by", "server") == 2
    assert "settle is no deed of a person" in capsys.readouterr().err
    assert len(links_of(tmp_path / "hazards.jsonl")) == before
