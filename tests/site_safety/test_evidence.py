"""What was recorded cannot be changed unseen; what must go, goes; what two processes write, both read."""

import json
import multiprocessing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bim.errors import BadInput
from bim.verdict import Reason
from site_safety.evidence import (
    EvidenceStore,
    Journal,
    check_checkpoint,
    checkpoint,
    checkpoint_due,
    line,
    link,
    links_of,
    read_chain,
)
from site_safety.hazards import Deed, Event, Evidence, HazardState, Level, Source, Subject
from site_safety.register import HazardRegister
from site_safety.retention import Keep, carry_out, held_by
from site_safety.rules_scene import Alarm, Phase
from site_safety.signing import new_key, public, read_key, sign, verify

NOW = datetime(2026, 5, 4, 8, tzinfo=UTC)
WORDS = Reason("No helmet", "未戴安全帽")
ALARM = Alarm("no_helmet|c1/1@x", Phase.RAISED, "no_helmet", Level.WARNING, Source.CAMERA, WORDS, NOW, NOW, "00")


def written(folder: Path, count: int = 4) -> Journal:
    journal = Journal(folder / "journal.jsonl")
    for number in range(count):
        journal.append({"number": number, "text": "临边"})
    return journal


@settings(max_examples=80, deadline=None)
@given(at=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_no_bit_of_a_journal_can_be_flipped_unseen(tmp_path_factory: pytest.TempPathFactory, at: int, bit: int) -> None:
    content = bytearray(b"".join(line(each) for each in _chain()))
    content[at % len(content)] ^= 1 << bit
    with pytest.raises(BadInput, match="of a journal"):
        # The last line's end is what tells that the line is whole.
        list(read_chain(bytes(content).splitlines(keepends=True)))


def _chain() -> list:
    links = [link("0" * 64, 0, {"text": "first"})]
    for number in range(3):
        links.append(link(links[-1].hash, number + 1, {"number": number}))
    return links


@pytest.mark.parametrize("change", [lambda rows: rows[:1] + rows[2:], lambda rows: rows[1:], lambda rows: rows[::-1]])
def test_no_line_of_a_journal_can_be_dropped_or_moved_unseen(tmp_path: Path, change) -> None:
    file = written(tmp_path).path
    file.write_bytes(b"".join(change(file.read_bytes().splitlines(keepends=True))))
    with pytest.raises(BadInput, match=r"line [12] of a journal was changed"):
        Journal(file)


def test_what_a_crash_left_of_a_line_is_cut_and_the_journal_goes_on(tmp_path: Path) -> None:
    file = written(tmp_path).path
    with file.open("ab") as torn:
        torn.write(b'{"entry":{"numb')
    journal = Journal(file)
    journal.append({"number": 9})
    assert [each.entry["number"] for each in links_of(file)] == [0, 1, 2, 3, 9]


def _append(path: Path, name: str) -> None:
    journal = Journal(path)
    for number in range(20):
        journal.append({"name": name, "number": number})


def test_several_processes_write_one_chain(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_append, args=(path, name)) for name in "abc"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    entries = [each.entry for each in links_of(path)]
    for name in "abc":
        assert [each["number"] for each in entries if each["name"] == name] == list(range(20))


def test_every_line_is_taken_once_in_order_whoever_wrote_it_and_only_the_last_stays(tmp_path: Path) -> None:
    taken: list[object] = []
    journal = Journal(tmp_path / "journal.jsonl", lambda link: taken.append(link.entry))
    journal.append(0)
    Journal(journal.path).append("another's")
    journal.append(1)
    assert taken == [0, "another's", 1] == [each.entry for each in links_of(journal.path)]
    assert journal.last == links_of(journal.path)[-1]


def test_what_is_written_is_decided_on_when_all_lines_of_others_are_known(tmp_path: Path) -> None:
    taken: list[object] = []
    journal = Journal(tmp_path / "journal.jsonl", lambda link: taken.append(link.entry))
    Journal(journal.path).append("another's")
    assert journal.write(lambda: None if "another's" in taken else "too late") is None
    assert taken == ["another's"]


def test_a_journal_that_was_written_anew_contradicts_its_checkpoints(tmp_path: Path) -> None:
    key, links = new_key(tmp_path / "key.pem"), _chain()
    token = checkpoint("hazards", links[-1], NOW, key)
    assert check_checkpoint(token, "hazards", dict(enumerate(links)), key).at == NOW
    forged = [link("0" * 64, 0, {"text": "another"})]
    for number in range(3):
        forged.append(link(forged[-1].hash, number + 1, {"number": number}))
    with pytest.raises(BadInput, match="that the journal hazards contradicts"):
        check_checkpoint(token, "hazards", dict(enumerate(forged)), key)


def test_a_checkpoint_is_due_every_hour() -> None:
    assert checkpoint_due(None, NOW)
    assert not checkpoint_due(NOW, NOW + timedelta(minutes=59))
    assert checkpoint_due(NOW, NOW + timedelta(minutes=60))


def test_a_signature_holds_for_its_content_and_its_key_alone(tmp_path: Path) -> None:
    key, other = new_key(tmp_path / "a.pem"), new_key(tmp_path / "b.pem")
    token = sign(b"content", key)
    assert verify(token, read_key(tmp_path / "a.pem")) == b"content"
    with pytest.raises(BadInput, match="does not hold"):
        verify(token, other)
    assert (tmp_path / "a.pem").stat().st_mode & 0o77 == 0
    assert "d" not in public(key)


def test_what_is_signed_may_be_large_and_the_algorithm_must_be_one_of_two(tmp_path: Path) -> None:
    key, content = new_key(tmp_path / "a.pem"), b"x" * 10**6
    assert verify(sign(content, key), key) == content
    none = "eyJhbGciOiJub25lIn0.Y29udGVudA."
    with pytest.raises(BadInput, match="does not hold"):
        verify(none, key)


def test_a_key_is_never_overwritten_and_what_is_none_is_not_quoted(tmp_path: Path) -> None:
    new_key(tmp_path / "a.pem")
    with pytest.raises(BadInput, match="cannot write"):
        new_key(tmp_path / "a.pem")
    (tmp_path / "b.pem").write_text("-----BEGIN PRIVATE KEY-----\nsecret\n-----END PRIVATE KEY-----")
    with pytest.raises(BadInput) as error:
        read_key(tmp_path / "b.pem")
    assert "secret" not in str(error.value)


# --- Files and how long they stay -------------------------------------------------------------------------------------


def store_with(folder: Path, **cameras: str) -> EvidenceStore:
    store = EvidenceStore(folder / "evidence")
    for name, purpose in cameras.items():
        clip = folder / f"{name}.mp4"
        clip.write_bytes(name.encode())
        store.add(clip, "clip", purpose=purpose, camera_id=name, at=NOW)
    return store


def test_evidence_is_found_by_its_hash_and_a_changed_file_is_refused(tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path / "evidence")
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"moving pictures")
    evidence = store.add(clip, "clip", purpose="hazard", camera_id="c1", at=NOW)
    path = store.file(evidence)
    assert path
    assert path.read_bytes() == b"moving pictures"
    path.write_bytes(b"moved pictures")
    with pytest.raises(BadInput, match="was changed"):
        store.file(evidence)


def test_evidence_goes_when_its_time_is_over_by_camera_and_purpose_and_its_line_stays(tmp_path: Path) -> None:
    store = store_with(tmp_path, gate="hazard", hall="hazard", yard="other")
    plan = (Keep("hazard", 30), Keep("hazard", 3, "gate"))

    def gone(days: int) -> int:
        return len(carry_out(store, plan, NOW + timedelta(days=days), frozenset()))

    assert [gone(0), gone(2), gone(3), gone(29), gone(30), gone(31)] == [1, 0, 1, 0, 1, 0]
    assert [each.entry["evidence"] for each in links_of(store.journal.path)] == ["added"] * 3 + ["removed"] * 3
    assert not list(store.folder.glob("*.mp4"))


def test_what_an_open_hazard_rests_on_stays(tmp_path: Path) -> None:
    register = HazardRegister(tmp_path)
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"x")
    evidence = register.evidence.add(clip, "clip", purpose="hazard", camera_id="c1", at=NOW)
    subject = Subject("no_helmet", Source.CAMERA, Level.WARNING, Reason("a", "b"))
    hazard = register.register(subject, NOW, "watch", (evidence,))
    later = NOW + timedelta(days=99)
    assert carry_out(register.evidence, (Keep("hazard", 1),), later, held_by(register.hazards.values())) == []
    register.record(Event(hazard.hazard_id, Deed.REVIEW, NOW, "officer", review="false"))
    assert carry_out(register.evidence, (Keep("hazard", 1),), later, held_by(register.hazards.values())) == [
        evidence.file
    ]


# --- The register -----------------------------------------------------------------------------------------------------


def at(minutes: float, phase: Phase) -> Alarm:
    return replace(ALARM, at=NOW + timedelta(minutes=minutes), phase=phase)


def test_a_condition_that_comes_back_soon_is_the_same_hazard_and_later_a_new_one(tmp_path: Path) -> None:
    register = HazardRegister(tmp_path)
    for minutes, phase in (
        (0, Phase.RAISED),
        (1, Phase.ENDED),
        (10, Phase.RAISED),
        (11, Phase.ENDED),
        (40, Phase.RAISED),
    ):
        register.take([at(minutes, phase)])
    assert [hazard.cleared_at is None for hazard in register.hazards.values()] == [False, True]


def test_an_alarm_that_goes_on_is_written_down_once_a_minute(tmp_path: Path) -> None:
    register = HazardRegister(tmp_path)
    register.take([at(0, Phase.RAISED)])
    for tick in range(1, 301):
        register.take([at(tick / 60, Phase.ONGOING)])
    assert len(links_of(register.journal.path)) == 1 + 5


def test_the_register_is_the_same_when_it_is_opened_again_and_by_another_process(tmp_path: Path) -> None:
    here, there = HazardRegister(tmp_path), HazardRegister(tmp_path)
    hazard = here.take([ALARM])[0]
    there.record(Event(hazard.hazard_id, Deed.ASSIGN, NOW, "officer", to="mason"))
    here.refresh()
    assert here.hazards == there.hazards == HazardRegister(tmp_path).hazards
    assert here.hazards[hazard.hazard_id].state is HazardState.ASSIGNED


def test_an_alarm_that_goes_on_is_a_new_hazard_where_another_program_closed_the_one_before(tmp_path: Path) -> None:
    watch, officer = HazardRegister(tmp_path), HazardRegister(tmp_path)
    first = watch.take([ALARM])[0]
    officer.refresh()
    officer.record(Event(first.hazard_id, Deed.REVIEW, NOW, "officer", review="false"))
    again = watch.take([at(2, Phase.ONGOING)])
    assert watch.hazards[first.hazard_id].review == "false"
    assert [hazard.hazard_id for hazard in again] != [first.hazard_id]
    assert HazardRegister(tmp_path).hazards == watch.hazards


def test_evidence_of_a_hazard_that_was_closed_meanwhile_is_no_line_of_it(tmp_path: Path) -> None:
    watch, officer = HazardRegister(tmp_path), HazardRegister(tmp_path)
    first = watch.take([ALARM])[0]
    officer.refresh()
    officer.record(Event(first.hazard_id, Deed.REVIEW, NOW, "officer", review="false"))
    watch.add_evidence(first.hazard_id, NOW, "watch", Evidence("clip", "a" * 64, "a.webm"))
    assert HazardRegister(tmp_path).hazards[first.hazard_id].evidence == ()


def test_what_people_did_on_a_server_is_written_down_once(tmp_path: Path) -> None:
    register = HazardRegister(tmp_path)
    first, second = register.take([ALARM, replace(ALARM, key="another")])
    for _ in range(3):
        register.heard(first.hazard_id, NOW, "false", closed=True)
        register.heard(second.hazard_id, NOW, "true", closed=False)
    register.heard(second.hazard_id, NOW, "true", closed=True)
    found = HazardRegister(tmp_path).hazards
    assert [(each.state, each.review) for each in found.values()] == [("closed", "false"), ("closed", "true")]
    assert len(links_of(tmp_path / "hazards.jsonl")) == 2 + 3


def test_a_register_lets_go_of_what_was_closed_long_ago_and_its_journal_does_not(tmp_path: Path) -> None:
    register = HazardRegister(tmp_path)
    found = [register.take([replace(ALARM, key=f"key {number}")])[0] for number in range(5)]
    for hazard in found[:4]:
        register.heard(hazard.hazard_id, NOW, "false", closed=True)
    register.forget(NOW + timedelta(seconds=1), keep={found[0].hazard_id})
    assert list(register.hazards) == [found[0].hazard_id, found[4].hazard_id]
    assert register.take([replace(ALARM, key="key 1", at=NOW + timedelta(hours=1))])[0].open
    assert len(HazardRegister(tmp_path).hazards) == 6


def test_what_may_not_happen_is_not_written(tmp_path: Path) -> None:
    register = HazardRegister(tmp_path)
    hazard = register.take([ALARM])[0]
    with pytest.raises(BadInput, match="close of a hazard that is registered"):
        register.record(Event(hazard.hazard_id, Deed.CLOSE, NOW, "officer"))
    assert len(links_of(register.journal.path)) == 1


def test_overdue_hazards_escalate_once_each_time(tmp_path: Path) -> None:
    register = HazardRegister(tmp_path)
    register.take([ALARM])
    late = NOW + timedelta(days=1)
    assert [len(register.escalate(late)), len(register.escalate(late))] == [1, 0]


def test_the_journal_holds_no_identity(tmp_path: Path) -> None:
    HazardRegister(tmp_path).take([ALARM])
    entry = json.loads((tmp_path / "hazards.jsonl").read_text())["entry"]
    assert set(entry["subject"]) == {
        "rule", "source", "level", "text", "storey", "zone_id", "place_m", "element_ids", "robot_ids", "camera_id",
        "key",
    }  # fmt: skip
