"""Helmet and vest: heads, when they cannot tell, and the vote of a track."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bim.errors import BadInput
from site_safety.equipment import FEATURES, NEEDED, PIECES, VOTES, EquipmentJudge, shipped_heads, voted
from site_safety.heads import load_heads, save_heads, score_head, train_head
from site_safety.tracks import Worn

DIMENSIONS = 12
answers = st.lists(st.sampled_from(Worn), max_size=20)


def people(seed: int, count: int = 400, noise: float = 1.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features of which the first tells, with noise; whether the piece is worn; a group each."""
    rng = np.random.default_rng(seed)
    worn = rng.random(count) < 0.5
    features = rng.normal(size=(count, DIMENSIONS))
    features[:, 0] = np.where(worn, 1.0, -1.0) + noise * rng.normal(size=count)
    return features, worn, np.arange(count)


# --- Heads ----------------------------------------------------------------------------------------------------------


def test_a_head_learns_what_separates_and_its_silence_makes_it_more_often_right() -> None:
    head = train_head(*people(1))
    features, worn, _ = people(2, 2000)
    score = score_head(head, features, worn)
    assert score.accuracy > 0.8
    assert score.told_accuracy > score.accuracy
    assert 0.05 < score.cannot_tell < 0.2


def test_probabilities_mean_what_they_say() -> None:
    head = train_head(*people(3, 1000))
    features, worn, _ = people(4, 5000)
    probability = head.probability(features)
    for low in (0.0, 0.2, 0.4, 0.6, 0.8):
        here = (probability >= low) & (probability < low + 0.2)
        assert worn[here].mean() == pytest.approx(probability[here].mean(), abs=0.08)


def test_a_few_answers_bend_a_prior_head_towards_the_site_instead_of_replacing_it() -> None:
    prior = train_head(*people(5))
    features, worn, groups = people(6, 40)
    features[:, 1] = features[:, 0]
    features[:, 0] = 0.0
    site_features, site_worn, _ = people(7, 1000)
    site_features[:, 1], site_features[:, 0] = site_features[:, 0].copy(), 0.0
    bent = train_head(features, worn, groups, prior)
    assert score_head(bent, site_features, site_worn).accuracy > score_head(prior, site_features, site_worn).accuracy
    assert bent.probability(people(8)[0]).std() > 0.1


def test_a_head_cannot_be_trained_where_everybody_answers_the_same() -> None:
    features, worn, groups = people(9, 30)
    with pytest.raises(BadInput, match="all of whom wear it"):
        train_head(features, np.ones_like(worn), groups)


def test_heads_come_back_from_their_file_as_they_were_saved(tmp_path: Path) -> None:
    head = train_head(*people(10))
    save_heads(tmp_path / "heads.npz", {"helmet": head})
    again = load_heads(tmp_path / "heads.npz", ("helmet",), DIMENSIONS)["helmet"]
    features = people(11)[0]
    assert again.probability(features) == pytest.approx(head.probability(features), abs=1e-5)


def broken(kind: str, path: Path) -> None:
    if kind == "text":
        path.write_text("no heads")
    elif kind == "other arrays":
        np.savez(path, weights=np.zeros(3))
    else:
        head = train_head(*people(12))
        save_heads(path, dict.fromkeys(PIECES, head))


@pytest.mark.parametrize("kind", ["text", "other arrays", "of other features"])
def test_a_file_without_fitting_heads_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "heads.npz"
    broken(kind, path)
    with pytest.raises(BadInput, match=r"heads\.npz"):
        load_heads(path, PIECES, FEATURES)


# --- People ---------------------------------------------------------------------------------------------------------


def test_nobody_in_the_picture_means_no_answer() -> None:
    assert EquipmentJudge().judge(np.zeros((50, 50, 3), dtype=np.uint8), []) == []


def test_people_of_a_few_pixels_are_not_guessed() -> None:
    picture = np.random.default_rng(0).integers(0, 255, (100, 100, 3), dtype=np.uint8)
    (worn,) = EquipmentJudge().judge(picture, [(10.0, 10.0, 18.0, 30.0)])
    assert (worn.helmet.state, worn.vest.state) == (Worn.CANNOT_TELL, Worn.CANNOT_TELL)


def test_a_person_at_the_edge_of_the_picture_is_judged_on_what_is_there() -> None:
    picture = np.full((200, 100, 3), 127, dtype=np.uint8)
    assert len(EquipmentJudge().judge(picture, [(-20.0, -30.0, 40.0, 150.0), (60.0, 100.0, 100.0, 200.0)])) == 2


@given(st.floats(0, 1))
def test_an_answer_is_given_only_with_the_certainty_that_was_measured(probability: float) -> None:
    for head in shipped_heads().values():
        told = head.answer(probability) is not Worn.CANNOT_TELL
        assert told == (max(probability, 1 - probability) >= head.certainty)


# --- The vote of a track --------------------------------------------------------------------------------------------


@given(answers)
def test_a_vote_is_what_enough_of_the_last_frames_say(frames: list[Worn]) -> None:
    verdict, last = voted(frames), frames[-VOTES:]
    for state in (Worn.YES, Worn.NO):
        assert (verdict is state) == (last.count(state) >= NEEDED)


@given(answers, st.sampled_from([Worn.YES, Worn.NO]))
def test_one_frame_alone_never_turns_a_vote_into_its_opposite(frames: list[Worn], odd: Worn) -> None:
    assert {voted(frames), voted([*frames, odd])} != {Worn.YES, Worn.NO}
