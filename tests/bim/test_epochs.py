"""Verdicts over time: what is known, what changed, what contradicts itself."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bim.epoch_files import read_epoch
from bim.epochs import Epoch, Happened, Known, changes, epoch, known
from bim.errors import BadInput
from bim.verdict import Deviation, Evidence, Reason, State, Verdict

START = datetime(2026, 3, 1, 8, tzinfo=UTC)
LOW_HIGH = {
    State.BUILT: (0.95, 1.0),
    State.DISPLACED: (0.9, 1.0),
    State.PARTIAL: (0.4, 0.5),
    State.ABSENT: (0.0, 0.0),
    State.UNSEEN: (0.0, 1.0),
}


def day(number: int) -> datetime:
    return START + timedelta(days=number)


def verdict(
    global_id: str,
    state: State,
    confidence: float = 0.99,
    completion: tuple[float, float] | None = None,
    shift_m: tuple[float, float, float] | None = None,
    sigma_m: float = 0.001,
) -> Verdict:
    low, high = completion or LOW_HIGH[state]
    deviation = Deviation(shift_m, (0.0, 0.0, 0.0), sigma_m, 0.002, 0.004, True) if shift_m else None
    share = None if state is State.UNSEEN else low
    evidence = Evidence(10, 0, 0, 0)
    return Verdict(global_id, state, share, low, high, 0.8, confidence, evidence, deviation, Reason("", ""))


def history(*states: State | Verdict) -> list[Epoch]:
    """One element, a day apart."""
    verdicts = [each if isinstance(each, Verdict) else verdict("wall", each) for each in states]
    return [epoch(day(number), [each]) for number, each in enumerate(verdicts)]


def state(of: Known) -> State:
    return list(State)[of.state[0]]


def time(value: np.datetime64) -> datetime | None:
    return None if np.isnat(value) else value.astype(datetime).replace(tzinfo=UTC)


def same(one: Known, other: Known) -> None:
    place = [other.global_ids.index(each) for each in one.global_ids]
    for name in ("state", "completion", "confidence", "translation_m", "sigma_m", "proved_at", "looked_at"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name)[place])
    assert set(one.contradictions) == set(other.contradictions)


def test_what_was_seen_built_and_is_now_hidden_stays_built_with_the_date_of_its_proof() -> None:
    now = known(history(State.BUILT, State.UNSEEN, State.UNSEEN))
    assert state(now) is State.BUILT
    assert time(now.proved_at[0]) == day(0)
    assert now.age_s[0] == 2 * 86400
    assert now.confidence[0] == pytest.approx(0.99)
    assert now.contradictions == ()


def test_what_no_scan_ever_saw_is_unseen_and_has_no_proof() -> None:
    now = known(history(State.UNSEEN, State.UNSEEN))
    assert state(now) is State.UNSEEN
    assert np.isnat(now.proved_at[0])
    assert np.isnan(now.age_s[0])


def test_a_look_at_a_part_of_a_built_wall_does_not_unbuild_it() -> None:
    now = known(history(State.BUILT, verdict("wall", State.PARTIAL, 0.6, completion=(0.3, 1.0))))
    assert state(now) is State.BUILT
    assert time(now.proved_at[0]) == day(0)
    assert time(now.looked_at[0]) == day(1)
    assert now.contradictions == ()


def test_a_second_proof_renews_the_date_and_never_lowers_the_confidence() -> None:
    now = known(history(State.BUILT, verdict("wall", State.BUILT, 0.7)))
    assert time(now.proved_at[0]) == day(1)
    assert now.confidence[0] == pytest.approx(0.99)


def test_parts_seen_at_different_times_add_up() -> None:
    first = verdict("wall", State.PARTIAL, completion=(0.5, 0.9))
    now = known(history(first, verdict("wall", State.PARTIAL, completion=(0.2, 0.7))))
    np.testing.assert_allclose(now.completion[0], [0.5, 0.7], atol=1e-6)


def test_start_and_finish_lie_between_the_scans_that_bracket_them() -> None:
    now = known(history(State.ABSENT, State.UNSEEN, State.PARTIAL, State.PARTIAL, State.BUILT, State.BUILT))
    assert (time(now.started_after[0]), time(now.started_by[0])) == (day(0), day(2))
    assert (time(now.finished_after[0]), time(now.finished_by[0])) == (day(3), day(4))


def test_looking_through_what_stood_is_a_contradiction_with_both_proofs() -> None:
    now = known(history(State.BUILT, State.ABSENT))
    [conflict] = now.contradictions
    assert (conflict.before.state, conflict.before.at) == (State.BUILT, day(0))
    assert (conflict.after.state, conflict.after.at) == (State.ABSENT, day(1))
    assert conflict.is_open
    assert now.confidence[0] == pytest.approx(0.5), "equal proofs: even odds that it was taken down"


def test_a_doubtful_look_does_not_outweigh_a_sure_proof_but_is_shown() -> None:
    now = known(history(State.BUILT, verdict("wall", State.ABSENT, 0.6)))
    assert state(now) is State.BUILT
    assert now.confidence[0] < 0.99
    assert len(now.contradictions) == 1


def test_a_second_scan_that_looks_through_settles_that_it_is_gone() -> None:
    now = known(history(State.BUILT, State.ABSENT, State.ABSENT))
    assert state(now) is State.ABSENT
    assert now.confidence[0] == pytest.approx(0.99)
    assert not now.contradictions[0].is_open


def test_less_than_stood_before_is_a_contradiction_too() -> None:
    now = known(history(State.BUILT, State.PARTIAL))
    assert [each.after.state for each in now.contradictions] == [State.PARTIAL]


def test_building_what_was_absent_contradicts_nothing() -> None:
    assert known(history(State.ABSENT, State.PARTIAL, State.BUILT)).contradictions == ()


@pytest.mark.parametrize(
    ("former", "later", "happened"),
    [
        (State.ABSENT, State.BUILT, Happened.BUILT),
        (State.UNSEEN, State.BUILT, Happened.FOUND),
        (State.PARTIAL, State.BUILT, Happened.GREW),
        (State.BUILT, State.ABSENT, Happened.TAKEN_DOWN),
        (State.BUILT, State.BUILT, None),
        (State.BUILT, State.UNSEEN, None),
        (State.ABSENT, State.UNSEEN, None),
    ],
)
def test_two_times_tell_what_happened_between_them(former: State, later: State, happened: Happened | None) -> None:
    epochs = history(former, later)
    found = changes(known(epochs, day(0)), known(epochs))
    assert [each.happened for each in found] == ([happened] if happened else [])


def test_a_shift_beyond_the_errors_of_both_scans_is_a_move() -> None:
    epochs = history(
        verdict("wall", State.BUILT, shift_m=(0.002, 0.001, 0.0)),
        verdict("wall", State.DISPLACED, shift_m=(0.032, 0.001, 0.0)),
    )
    [change] = changes(known(epochs, day(0)), known(epochs))
    assert change.happened is Happened.MOVED
    assert change.shift_m == pytest.approx(0.03, rel=0.2)


@pytest.mark.parametrize(
    ("former", "later", "sigma_m"),
    [((0.002, 0.0, 0.0), (0.012, 0.0, 0.0), 0.004), ((0.03, 0.0, 0.0), (0.0, 0.03, 0.0), 0.001)],
    ids=["within the errors", "measured along different directions"],
)
def test_what_may_not_have_moved_is_not_called_moved(
    former: tuple[float, float, float], later: tuple[float, float, float], sigma_m: float
) -> None:
    epochs = history(*(verdict("wall", State.BUILT, shift_m=shift, sigma_m=sigma_m) for shift in (former, later)))
    assert changes(known(epochs, day(0)), known(epochs)) == ()


def test_verdicts_follow_an_element_whose_guid_changed() -> None:
    [only] = history(State.BUILT)
    assert only.renamed({"wall": "new"}).global_ids == ("new",)
    assert only.renamed({}).global_ids == ()


def test_an_epoch_without_a_time_zone_and_no_epochs_at_all_are_refused() -> None:
    with pytest.raises(BadInput, match="time zone"):
        epoch(datetime(2026, 3, 1), [])
    with pytest.raises(BadInput, match="no epochs"):
        known([])


# --- Properties -------------------------------------------------------------------------------------------------------

looks = st.builds(
    verdict,
    st.sampled_from(["a", "b", "c"]),
    st.sampled_from(State),
    st.floats(0.01, 0.99),
)
epochs_of_looks = st.lists(
    st.builds(
        lambda number, verdicts: epoch(day(number), verdicts),
        st.integers(0, 5),
        st.lists(looks, max_size=3, unique_by=lambda each: each.global_id),
    ),
    min_size=1,
    max_size=8,
)


@given(epochs=epochs_of_looks, data=st.data())
def test_the_order_in_which_epochs_are_given_changes_nothing(epochs: list[Epoch], data: st.DataObject) -> None:
    same(known(epochs), known(data.draw(st.permutations(epochs))))


@given(epochs=epochs_of_looks, data=st.data())
def test_giving_an_epoch_twice_changes_nothing(epochs: list[Epoch], data: st.DataObject) -> None:
    same(known(epochs), known([*epochs, data.draw(st.sampled_from(epochs))]))


@given(epochs=epochs_of_looks)
def test_a_scan_that_sees_nothing_takes_nothing_away(epochs: list[Epoch]) -> None:
    blind = epoch(day(9), [verdict(each, State.UNSEEN) for each in known(epochs).global_ids])
    same(known(epochs), known([*epochs, blind]))


@given(epochs=epochs_of_looks)
def test_what_stood_stands_unless_a_contradiction_says_otherwise(epochs: list[Epoch]) -> None:
    now = known(epochs)
    stood = {
        global_id
        for number in range(6)
        for before in ([known(epochs, day(number))] if any(each.at <= day(number) for each in epochs) else [])
        for global_id, stands in zip(before.global_ids, before.stands, strict=True)
        if stands
    }
    fallen = {each.global_id for each in now.contradictions}
    standing = {each for each, stands in zip(now.global_ids, now.stands, strict=True) if stands}
    assert stood <= standing | fallen


@given(epochs=epochs_of_looks)
def test_what_is_known_is_a_probability_and_an_interval(epochs: list[Epoch]) -> None:
    now = known(epochs)
    assert ((now.confidence >= 0) & (now.confidence <= 1)).all()
    assert (now.completion[:, 0] <= now.completion[:, 1]).all()


# --- Documents --------------------------------------------------------------------------------------------------------


def document(**changed: object) -> dict[str, object]:
    element = {
        "global_id": "wall",
        "state": "built",
        "completion": 1.0,
        "completion_low": 0.9,
        "completion_high": 1.0,
        "confidence": 0.97,
        "deviation": {"translation_m": [0.01, 0, 0], "sigma_m": 0.002},
    }
    return {"elements": [element | changed]}


def test_a_document_of_a_comparison_is_an_epoch(tmp_path: Path) -> None:
    file = tmp_path / "one.json"
    file.write_text(json.dumps(document()))
    now = known([read_epoch(file, START)])
    assert (now.global_ids, state(now)) == (("wall",), State.BUILT)
    assert now.translation_m[0, 0] == pytest.approx(0.01)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b'{"elements": 3}',
        b"[" * 100_000,
        json.dumps(document(state="floating")).encode(),
        json.dumps(document(confidence=7)).encode(),
        json.dumps(document(completion_low="much")).encode(),
        json.dumps(document(deviation={"translation_m": [1], "sigma_m": 1})).encode(),
    ],
)
def test_anything_else_is_refused_with_one_sentence(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "bad.json"
    file.write_bytes(content)
    with pytest.raises(BadInput, match=r"bad\.json"):
        read_epoch(file, START)
