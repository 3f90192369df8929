"""Heads: one small logistic regression a piece of equipment, on features that never change.

Trained in seconds on one core: log loss with an L2 penalty that pulls towards a prior head where there is one, so that
a site's few answers bend the shipped head instead of replacing it. Probabilities are calibrated on held-out folds
(Platt 1999), and the band in which a head says that it cannot tell is chosen there too.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit

from bim.errors import BadInput
from site_safety.tracks import Worn

Doubles = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

FOLDS = 5
PENALTY = 0.03
SILENCE = 0.12
"""Share of people of whom a head may say that it cannot tell, as chosen on held-out folds; 0.15 is what is promised."""
LEAST_CERTAINTY = 0.6


@dataclass(frozen=True)
class Head:
    """Probability that a piece is worn = sigmoid(weights . (features - mean) / deviation + bias)."""

    weights: Doubles
    bias: float
    mean: Doubles
    deviation: Doubles
    certainty: float
    """Least probability of either answer below which it cannot tell."""

    def probability(self, features: Doubles) -> Doubles:
        """That the piece is worn (N,), for features (N, D)."""
        worn: Doubles = expit((features - self.mean) / self.deviation @ self.weights + self.bias)
        return worn

    def answer(self, probability: float) -> Worn:
        """Yes, no, or that it cannot tell."""
        if max(probability, 1.0 - probability) < self.certainty:
            return Worn.CANNOT_TELL
        return Worn.YES if probability >= 0.5 else Worn.NO


@dataclass(frozen=True, slots=True)
class Score:
    """How a head does on people that it was not trained on."""

    people: int
    accuracy: float
    """When it must always answer."""
    told_accuracy: float
    """Where it answers."""
    cannot_tell: float
    """Share of people of whom it says that it cannot tell."""


def train_head(
    features: Doubles,
    worn: Bools,
    groups: npt.NDArray[np.int64],
    prior: Head | None = None,
    penalty: float = PENALTY,
) -> Head:
    """The head that fits (N, D) features best. Rows of one group (one picture, its variations) share a fold.

    Raises BadInput where one of the two answers is missing from some fold's training part.
    """
    fold = groups % FOLDS
    mean, deviation = (prior.mean, prior.deviation) if prior else (features.mean(0), features.std(0) + 1e-3)
    scaled = (features - mean) / deviation
    held_out = np.empty(len(worn))
    for k in np.unique(fold):
        weights, bias = _fit(scaled[fold != k], worn[fold != k], prior, penalty)
        held_out[fold == k] = scaled[fold == k] @ weights + bias
    slope, offset = _calibrated(held_out, worn)
    weights, bias = _fit(scaled, worn, prior, penalty)
    probability = expit(slope * held_out + offset)
    certainty = float(np.quantile(np.maximum(probability, 1.0 - probability), SILENCE))
    return Head(slope * weights, slope * bias + offset, mean, deviation, max(certainty, LEAST_CERTAINTY))


def score_head(head: Head, features: Doubles, worn: Bools) -> Score:
    """Measured on people that the head has not seen."""
    probability = head.probability(features)
    right = (probability >= 0.5) == worn
    told = np.maximum(probability, 1.0 - probability) >= head.certainty
    told_accuracy = float(right[told].mean()) if told.any() else float("nan")
    return Score(len(worn), float(right.mean()), told_accuracy, float(1.0 - told.mean()))


def _fit(scaled: Doubles, worn: Bools, prior: Head | None, penalty: float) -> tuple[Doubles, float]:
    if worn.all() or not worn.any():
        found = f"{len(worn)} people, all of whom {'wear it' if worn.any() else 'do not wear it'}"
        raise BadInput(found, "people with and people without, in several pictures", "collect more answers")
    start = np.append(prior.weights, prior.bias) if prior else np.zeros(scaled.shape[1] + 1)
    sign = np.where(worn, 1.0, -1.0)

    def loss(x: Doubles) -> tuple[float, Doubles]:
        margin = sign * (scaled @ x[:-1] + x[-1])
        pull = x[:-1] - start[:-1]
        slope = -sign * expit(-margin) / len(sign)
        gradient = np.append(scaled.T @ slope + 2 * penalty * pull, slope.sum())
        return float(np.logaddexp(0.0, -margin).mean() + penalty * pull @ pull), gradient

    best = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 200}).x
    return best[:-1], float(best[-1])


def _calibrated(score: Doubles, worn: Bools) -> tuple[float, float]:
    """Slope and offset that turn scores of held-out people into log odds (Platt 1999)."""
    sign = np.where(worn, 1.0, -1.0)

    def loss(x: Doubles) -> float:
        return float(np.logaddexp(0.0, -sign * (x[0] * score + x[1])).mean() + 1e-3 * (x[0] - 1.0) ** 2)

    slope, offset = minimize(loss, np.array([1.0, 0.0]), method="L-BFGS-B", bounds=[(0.05, 20.0), (-5.0, 5.0)]).x
    return float(slope), float(offset)


_FIELDS = ("weights", "bias", "mean", "deviation", "certainty")


def save_heads(path: Path, heads: dict[str, Head]) -> None:
    """Heads by name as one .npz of arrays."""
    arrays: dict[str, Any] = {
        f"{name}.{field}": np.float32(getattr(head, field)) for name, head in heads.items() for field in _FIELDS
    }
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)


def load_heads(path: Path, names: tuple[str, ...], dimensions: int) -> dict[str, Head]:
    """Heads by name. Raises BadInput for a file that holds anything else."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {f"{name}.{field}": file[f"{name}.{field}"] for name in names for field in _FIELDS}
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise BadInput(f"{path.name} holds no heads ({error})", f"heads of {', '.join(names)}", "train them") from None
    for key, array in arrays.items():
        shape = () if key.endswith(("bias", "certainty")) else (dimensions,)
        if array.shape != shape or not np.isfinite(array).all():
            raise BadInput(f"{path.name}: {key} {array.shape}", f"finite numbers {shape}", "train the heads again")
    return {name: _head({field: arrays[f"{name}.{field}"] for field in _FIELDS}) for name in names}


def _head(arrays: dict[str, npt.NDArray[np.float32]]) -> Head:
    weights, mean, deviation = (arrays[field].astype(np.float64) for field in ("weights", "mean", "deviation"))
    return Head(weights, float(arrays["bias"]), mean, deviation, float(arrays["certainty"]))
