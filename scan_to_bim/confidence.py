"""How sure a verdict is, calibrated on simulated sites: of those with confidence 0.9 about nine in ten are right.

A logistic regression a state on what the verdict rests on (Platt 1999). The weights come from
`python -m benchmarks.calibration fit`; `sitewright bench calibration` measures on other sites how well they hold.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from bim.frames import FloatArray
from bim.verdict import State

WEIGHTS: Mapping[State, tuple[float, ...]] = MappingProxyType({
    State.BUILT: (-5.21, 0.54, -0.22, 1.53, 10.04, 0.0),
    State.PARTIAL: (-16.22, 3.97, 5.35, -5.58, 3.5, 0.0),
    State.DISPLACED: (-0.67, 1.25, 3.06, 1.72, -0.8, -0.25),
    State.ABSENT: (-7.65, 0.94, 3.1, -0.21, 7.41, 0.0),
})  # fmt: skip
"""By state, of the values of `features`."""
UNSEEN = 0.92
"""Share of the unseen of which indeed nothing could be known: less than 5 % or 0.03 m2 of their surface showed."""
MOST = 0.999
ASSUMED_LOGIT, MOST_ASSUMED = -1.0, 0.9
"""Assumed scanner positions take the first off the log-odds; what rests on them is at most as sure as the second."""


@dataclass(frozen=True)
class Grounds:
    """What a verdict rests on.

    chance: (3,) probability of built, absent and partial by the samples alone. decided: samples. observable: their
    share of all. agreement: share of them that say what the state says. excess: standard errors beyond the tolerance.
    """

    state: State
    chance: FloatArray
    decided: int
    observable: float
    agreement: float
    excess: float


def calibrated(grounds: Grounds, assumed: bool) -> float:
    """Probability that the state is right. `assumed`: the scanner's positions are assumptions."""
    if grounds.state is State.UNSEEN:
        return UNSEEN
    logit = float(np.dot(WEIGHTS[grounds.state], features(grounds)))
    probability = 1.0 / (1.0 + math.exp(-logit - (ASSUMED_LOGIT if assumed else 0.0)))
    return min(probability, MOST_ASSUMED if assumed else MOST)


def features(grounds: Grounds) -> FloatArray:
    """(6,) scaled to about one; `WEIGHTS` weighs them."""
    built, absent, partial = grounds.chance
    own = {State.ABSENT: absent, State.PARTIAL: partial}.get(grounds.state, built)
    odds = math.log((own + 1e-6) / (1.0 - own + 1e-6))
    return np.array([
        1.0,
        min(max(odds, -5.0), 7.0) / 5.0,
        math.log(grounds.decided + 1.0) / 3.0,
        math.log(grounds.observable + 0.001) / 3.0,
        grounds.agreement,
        min(max(grounds.excess, -3.0), 10.0) / 5.0 if grounds.state is State.DISPLACED else 0.0,
    ])  # fmt: skip
