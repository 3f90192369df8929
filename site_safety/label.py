"""A site's own heads, from answers that its people gave: what they score before and after is told, by cross-validation.

The answers are those of `detect --json`, put right by hand or in the review screen. The features never change, so that
training takes seconds; the heads that are bent must be those that made the features.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bim.errors import BadInput
from site_safety.detector_models import Picture, shipped
from site_safety.equipment import PIECES, features_of
from site_safety.heads import FOLDS, Bools, Doubles, Head, Score, train_head
from site_safety.records import from_json
from site_safety.tracks import Box, Worn

LEAST_ANSWERS = 20


@dataclass(frozen=True, slots=True)
class Told:
    """What somebody says of a piece of equipment; the score of `detect` may stay."""

    state: Worn
    score: float = 1.0


@dataclass(frozen=True, slots=True)
class Person:
    """A person in a picture, as `detect --json` writes them."""

    xyxy: Box
    helmet: Told
    vest: Told
    score: float = 1.0


@dataclass(frozen=True, slots=True)
class Answered:
    """A picture with its people."""

    image: str
    people: tuple[Person, ...]


@dataclass(frozen=True)
class Examples:
    """People with their features (N, 3840), what was said of each piece, and the picture of each."""

    features: Doubles
    said: Mapping[str, Sequence[Worn]]
    groups: np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True)
class Retrained:
    """A head of the site's own, and what both score on people that they were not trained on."""

    head: Head
    before: Score
    after: Score

    @property
    def better(self) -> bool:
        """Whether it is worth using."""
        return self.after.accuracy > self.before.accuracy


def read_answers(document: Any) -> list[Answered]:
    """Answers of a `detect --json` document. Raises BadInput that names the place."""
    if not isinstance(document, list):
        raise BadInput("answers that are no list", "the JSON of `sitewright detect`", "check the file")
    return [from_json(Answered, entry, f"[{i}]") for i, entry in enumerate(document)]


def examples_of(answers: Sequence[Answered], read: Callable[[str], Picture]) -> Examples:
    """The features of everybody in the pictures."""
    network = shipped("efficientnet-lite0")
    rows = [each for each in answers if each.people]
    features = [features_of(network, read(each.image), [person.xyxy for person in each.people]) for each in rows]
    said = {piece: [getattr(person, piece).state for each in rows for person in each.people] for piece in PIECES}
    groups = np.repeat(np.arange(len(rows)), [len(each.people) for each in rows])
    return Examples(np.concatenate(features) if features else np.empty((0, 0)), said, groups)


def retrain(examples: Examples, heads: Mapping[str, Head]) -> dict[str, Retrained]:
    """The site's own heads by piece. Raises BadInput where there are too few answers."""
    return {piece: _retrained(examples, piece, heads[piece]) for piece in PIECES}


def _retrained(examples: Examples, piece: str, prior: Head) -> Retrained:
    told = np.array([state is not Worn.CANNOT_TELL for state in examples.said[piece]], dtype=bool)
    if told.sum() < LEAST_ANSWERS:
        raise BadInput(f"{told.sum()} answers on the {piece}", f"at least {LEAST_ANSWERS}", "collect more answers")
    features, groups = examples.features[told], examples.groups[told]
    worn = np.array([state is Worn.YES for state in examples.said[piece]])[told]
    after, certain = np.empty(len(worn)), np.empty(len(worn))
    fold = groups % FOLDS
    for k in np.unique(fold):
        head = train_head(features[fold != k], worn[fold != k], groups[fold != k] // FOLDS, prior)
        after[fold == k], certain[fold == k] = head.probability(features[fold == k]), head.certainty
    return Retrained(
        train_head(features, worn, groups, prior),
        _score(prior.probability(features), np.full(len(worn), prior.certainty), worn),
        _score(after, certain, worn),
    )


def _score(probability: Doubles, certainty: Doubles, worn: Bools) -> Score:
    right = (probability >= 0.5) == worn
    told = np.maximum(probability, 1.0 - probability) >= certainty
    told_accuracy = float(right[told].mean()) if told.any() else float("nan")
    return Score(len(worn), float(right.mean()), told_accuracy, float(1.0 - told.mean()))
