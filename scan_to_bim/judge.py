"""Evidence into a verdict: pure, and unseen is never absent.

Three explanations compete for what an element's samples say: all of it stands, none of it does, or it stands up to
some height (or length). Samples do not err one by one: a pallet hides the same wall for all of them, a beam that
stands a little off is looked through along its whole edge. So errors are beta-binomial (Griffiths 1973): an unknown
rate a element, small more often than large. Bayes' rule gives each explanation its probability; what is displaced
follows from the shift, its standard error and the tolerance. `confidence.py` turns it all into a calibrated number.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
from numba import njit

from bim.frames import FloatArray
from bim.model import Element
from bim.quality.elements import Allowance, Tolerances
from bim.verdict import Deviation, Evidence, Reason, State, Vector, Verdict
from scan_to_bim.confidence import Grounds, calibrated
from scan_to_bim.evidence import Tally
from scan_to_bim.result import Outcome

PRESENT_ERRORS, ABSENT_ERRORS = 20.0, 8.0
"""b of Beta(1, b): how rarely a sample of what stands seems looked through, and of what does not, seems to stand."""
PRIOR_BUILT, PRIOR_ABSENT = 0.6, 0.35
PRIOR_UP, PRIOR_ALONG, PRIOR_OTHER = 0.05, 0.02, 0.0005
"""Of being found half done: what grows upward, what grows along or over, and what stands or does not, as a door."""
INDEPENDENT = 60.0
"""Samples of one element share their errors: however many there are, they are worth no more than so many."""
LEAST_SURE = 0.5
"""A verdict that is more likely wrong than right is not given."""
LEAST_AGREEMENT = 0.6
"""Where more of the decided samples than the rest speak against all of it and against none of it, nothing is said."""
LEAST_UP, LEAST_ALONG, MOST_PART = 0.06, 0.15, 0.96
"""A smaller part is clutter at the foot or a neighbour's end, a larger one a lip that the scan did not see."""
SIGMAS = 3.0
"""Standard errors by which a deviation must show before it is one."""
EXPLAINED_LOSS = 2.0
"""Completions whose log-likelihood is within this of the best are all credible (about 95 %)."""

GROWS_UP = ("IfcWall", "IfcColumn", "IfcPile", "IfcCurtainWall", "IfcChimney")
GROWS_ALONG = (
    "IfcBeam", "IfcMember", "IfcRailing", "IfcPipe", "IfcDuct", "IfcCable", "IfcFlowSegment", "IfcReinforcing",
)  # fmt: skip
GROWS_OVER = ("IfcSlab", "IfcRoof", "IfcCovering", "IfcPlate", "IfcFooting", "IfcRamp", "IfcPavement")


def growth_axis(element: Element, extent_m: FloatArray) -> int:
    """0, 1 or 2: the axis along which an element of this kind and extent (3,) is built."""
    if element.ifc_class.startswith(GROWS_ALONG):
        return int(np.argmax(extent_m))
    return int(np.argmax(extent_m[:2])) if element.ifc_class.startswith(GROWS_OVER) else 2


@dataclass(frozen=True)
class Measured:
    """What the scan measured of one element: its shift (3,) with standard error, registration included, and how its
    samples deviate from the designed surface (rms and 95th percentile)."""

    shift_m: FloatArray
    sigma_m: float
    rms_m: float
    p95_m: float
    fixed: bool


def judge(
    elements: Sequence[Element], counted: Tally, measured: Sequence[Measured], tolerances: Tolerances, assumed: bool
) -> tuple[Verdict, ...]:
    """One verdict an element, in order. `assumed`: the scanner's positions are assumptions."""
    chances, parts = _explanations(counted.bins, elements)
    allowed = [tolerances.allowance(element.ifc_class, element.predefined_type) for element in elements]
    return tuple(
        _verdict(
            element, counts, _grounds(counts, chance, what, may), _credible(part, bins, element), what, may, assumed
        )
        for element, counts, bins, chance, part, what, may in zip(
            elements, counted.counts, counted.bins, chances, parts, measured, allowed, strict=True
        )
    )


def grounds_of(
    elements: Sequence[Element], counted: Tally, measured: Sequence[Measured], tolerances: Tolerances
) -> list[Grounds]:
    """What each verdict would rest on, however unsure; `confidence.WEIGHTS` are fitted to these."""
    chances, _ = _explanations(counted.bins, elements)
    allowed = [tolerances.allowance(element.ifc_class, element.predefined_type) for element in elements]
    return [_grounds(*each) for each in zip(counted.counts, chances, measured, allowed, strict=True)]


def _grounds(counts: npt.NDArray[np.int64], chance: FloatArray, measured: Measured, allowance: Allowance) -> Grounds:
    decided = int(counts[Outcome.PRESENT] + counts[Outcome.ABSENT])
    state = _likeliest(chance, measured, allowance) if decided else State.UNSEEN
    if state is not State.PARTIAL and _agreement(state, counts) < LEAST_AGREEMENT:
        state = State.UNSEEN
    return Grounds(
        state=state,
        chance=chance,
        decided=decided,
        observable=decided / max(int(counts.sum()), 1),
        agreement=_agreement(state, counts),
        excess=_excess(measured, allowance),
    )


def _verdict(
    element: Element,
    counts: npt.NDArray[np.int64],
    grounds: Grounds,
    credible: "_Credible",
    measured: Measured,
    allowance: Allowance,
    assumed: bool,
) -> Verdict:
    state, confidence = grounds.state, calibrated(grounds, assumed)
    if confidence < LEAST_SURE:
        state, confidence = State.UNSEEN, calibrated(replace(grounds, state=State.UNSEEN), assumed)
    share, low, high = _completion(state, credible, counts, element)
    seen = state in (State.BUILT, State.PARTIAL, State.DISPLACED)
    return Verdict(
        global_id=element.global_id,
        state=state,
        completion=share,
        completion_low=low,
        completion_high=high,
        observable=grounds.observable,
        confidence=confidence,
        evidence=Evidence(*(int(counts[kind]) for kind in _ORDER)),
        deviation=_deviation(measured, allowance) if seen and measured.fixed else None,
        reason=_reason(state, counts, share, measured, allowance),
    )


_ORDER = (Outcome.PRESENT, Outcome.ABSENT, Outcome.OCCLUDED, Outcome.NOT_COVERED)


def _likeliest(chance: FloatArray, measured: Measured, allowance: Allowance) -> State:
    built, absent, partial = chance
    if absent > built + partial:
        return State.ABSENT
    if partial > built:
        return State.PARTIAL
    return State.DISPLACED if _excess(measured, allowance) > 0.0 else State.BUILT


def _excess(measured: Measured, allowance: Allowance) -> float:
    """Standard errors by which the shift exceeds what is allowed; at most 0 where it does not exceed it for sure."""
    if not measured.fixed:
        return -SIGMAS
    size = float(np.linalg.norm(measured.shift_m))
    within = allowance.governing(_vector(measured.shift_m)).excess_m / measured.sigma_m
    return within if size > SIGMAS * measured.sigma_m else min(within, 0.0)


def _agreement(state: State, counts: npt.NDArray[np.int64]) -> float:
    """Share of the decided samples that say what the state says."""
    present, absent = int(counts[Outcome.PRESENT]), int(counts[Outcome.ABSENT])
    agreeing = absent if state is State.ABSENT else present
    return agreeing / max(present + absent, 1)


@dataclass(frozen=True)
class _Credible:
    """How much of an element may stand: `part` (3,) best, lowest and highest if it is half done, `proven` at least
    if it is whole."""

    part: FloatArray
    proven: float


def _credible(part: FloatArray, bins: npt.NDArray[np.int64], element: Element) -> _Credible:
    """`bins` (B, 2) are absent and present samples along the growth axis.

    What was seen to stand at one place stands wherever it must have grown before: below, or on the way from one end.
    """
    growth, seen = _growth(element), np.flatnonzero(bins[:, 1] > bins[:, 0])
    if growth == "not" or not len(seen):
        return _Credible(part, 1.0 if growth == "not" else 0.0)
    before, after = int(seen[0]), len(bins) - 1 - int(seen[-1])
    return _Credible(part, 1.0 - (after if growth == "up" else max(before, after)) / len(bins))


def _completion(
    state: State, credible: _Credible, counts: npt.NDArray[np.int64], element: Element
) -> tuple[float | None, float, float]:
    """Share that stands with its interval: from what is known to what is unseen."""
    best, lowest, highest = (float(each) for each in credible.part)
    if state is State.UNSEEN:
        return None, 0.0, 1.0
    if state is State.ABSENT:
        hidden = float(counts[Outcome.OCCLUDED] + counts[Outcome.NOT_COVERED]) / max(float(counts.sum()), 1.0)
        return 0.0, 0.0, min(hidden, highest) if _growth(element) != "not" else 0.0
    if state is State.PARTIAL:
        return best, lowest, highest
    return 1.0, credible.proven, 1.0


def _vector(xyz: FloatArray) -> Vector:
    x, y, z = (float(v) for v in xyz)
    return x, y, z


def _deviation(measured: Measured, allowance: Allowance) -> Deviation:
    shift_m = _vector(measured.shift_m)
    return Deviation(
        translation_m=shift_m,
        rotation_rad=(0.0, 0.0, 0.0),
        sigma_m=measured.sigma_m,
        rms_m=measured.rms_m,
        p95_m=measured.p95_m,
        within_tolerance=_excess(measured, allowance) <= 0.0,
        clause=allowance.governing(shift_m).citation,
    )


# --- which explanation -----------------------------------------------------------------------------------------------


def _explanations(bins: npt.NDArray[np.int64], elements: Sequence[Element]) -> tuple[FloatArray, FloatArray]:
    """Probabilities (E, 3) of built, absent and partial, and the part that stands (E, 3): best, lowest, highest."""
    grown = [_growth(element) for element in elements]
    prior = np.array([PRIOR_UP if g == "up" else PRIOR_ALONG if g == "along" else PRIOR_OTHER for g in grown])
    least = np.array([LEAST_UP if g == "up" else LEAST_ALONG for g in grown])
    chances, parts = _weigh_explanations(
        bins, prior, least, np.array([g != "up" for g in grown]), math.log(PRIOR_BUILT), math.log(PRIOR_ABSENT),
        PRESENT_ERRORS, ABSENT_ERRORS, MOST_PART, EXPLAINED_LOSS,
    )  # fmt: skip
    return chances, parts


def _growth(element: Element) -> Literal["up", "along", "not"]:
    if element.ifc_class.startswith(GROWS_UP):
        return "up"
    return "along" if element.ifc_class.startswith((*GROWS_ALONG, *GROWS_OVER)) else "not"


@njit(cache=True)
def _log_beta_binomial(errors, right, b):  # type: ignore[no-untyped-def]
    """Log-likelihood of one sequence with so many errors when their rate is Beta(1, b)."""
    return math.log(b) + math.lgamma(errors + 1.0) + math.lgamma(right + b) - math.lgamma(errors + right + b + 1.0)


@njit(cache=True)
def _weigh_explanations(  # type: ignore[no-untyped-def]
    bins, partial_prior, least, both_ends, log_built, log_absent, present_b, absent_b, most, loss
):
    elements = bins.shape[0]
    chances, parts = np.zeros((elements, 3)), np.zeros((elements, 3))
    for e in range(elements):
        counts = bins[e] * min(1.0, INDEPENDENT / max(bins[e].sum(), 1))
        absent, present = counts[:, 0].sum(), counts[:, 1].sum()
        built = log_built + _log_beta_binomial(absent, present, present_b)
        none = log_absent + _log_beta_binomial(present, absent, absent_b)
        part, share, lowest, highest = _part_that_stands(counts, least[e], most, present_b, absent_b, loss)
        if both_ends[e]:
            other = _part_that_stands(counts[::-1], least[e], most, present_b, absent_b, loss)
            if other[0] > part:
                part, share, lowest, highest = other
        part += math.log(partial_prior[e])
        top = max(built, none, part)
        chances[e, 0], chances[e, 1], chances[e, 2] = math.exp(built - top), math.exp(none - top), math.exp(part - top)
        chances[e] /= chances[e].sum()
        parts[e, 0], parts[e, 1], parts[e, 2] = share, lowest, highest
    return chances, parts


@njit(cache=True)
def _part_that_stands(counts, least, most, present_b, absent_b, loss):  # type: ignore[no-untyped-def]
    """Log-likelihood that it stands from the first bin up to some cut, every cut alike before; the mean share that
    stands, and the least and the largest credible one."""
    count = len(counts)
    absent, present = counts[:, 0].sum(), counts[:, 1].sum()
    score = np.full(count - 1, -1e300)
    low_absent, low_present = 0.0, 0.0
    for cut in range(count - 1):
        low_absent += counts[cut, 0]
        low_present += counts[cut, 1]
        high_absent, high_present = absent - low_absent, present - low_present
        contradicted = low_absent > low_present or high_present > high_absent
        if least <= (cut + 1.0) / count <= most and not contradicted:
            score[cut] = _log_beta_binomial(low_absent, low_present, present_b) + _log_beta_binomial(
                high_present, high_absent, absent_b
            )
    best = score.max()
    total, mean, lowest, highest = 0.0, 0.0, 1.0, 0.0
    for cut in range(count - 1):
        weight = math.exp(score[cut] - best)
        total += weight
        mean += weight * (cut + 1.0) / count
        if score[cut] > best - loss:
            lowest, highest = min(lowest, (cut + 0.5) / count), max(highest, (cut + 1.5) / count)
    return best + math.log(total / (count - 1.0)), mean / total, lowest, highest


# --- why, in a sentence ----------------------------------------------------------------------------------------------


def _reason(
    state: State, counts: npt.NDArray[np.int64], share: float | None, measured: Measured, allowance: Allowance
) -> Reason:
    held = allowance.governing(_vector(measured.shift_m))
    decided = int(counts[Outcome.PRESENT] + counts[Outcome.ABSENT])
    values = {
        "hit": f"{_percent(counts[Outcome.PRESENT], decided)}",
        "through": f"{_percent(counts[Outcome.ABSENT], decided)}",
        "hidden": f"{_percent(counts[Outcome.OCCLUDED], int(counts.sum()))}",
        "unlooked": f"{_percent(counts[Outcome.NOT_COVERED], int(counts.sum()))}",
        "part": f"{100 * (share or 0.0):.0f}",
        "shift": f"{1000 * float(np.linalg.norm(measured.shift_m)):.0f}",
        "error": f"{1000 * measured.sigma_m:.1f}" if measured.fixed else "–",
        "tolerance": f"{1000 * held.limit_m:g}",
    }
    en, zh = _SENTENCES[state] if measured.fixed or state is not State.BUILT else _UNMEASURED
    cited = held.citation
    return Reason(
        en.format(**values, clause=f" mm by {cited.en}" if cited else ""),
        zh.format(**values, clause=f" 毫米，{cited.zh}" if cited else ""),
    )


def _percent(part: float, whole: float) -> str:
    return f"{100 * part / max(whole, 1):.0f} %"


_SENTENCES = {
    State.BUILT: (
        "{hit} of what could be judged stands where the model has it, off by {shift} mm ± {error}"
        " (allowed {tolerance}{clause}).",
        "可判断部分的 {hit} 位于模型位置，偏差 {shift} 毫米 ± {error}（允许 {tolerance}{clause}）。",
    ),
    State.DISPLACED: (
        "It stands, but {shift} mm ± {error} from where the model has it (allowed {tolerance}{clause}).",
        "已建成，但偏离模型位置 {shift} 毫米 ± {error}（允许 {tolerance}{clause}）。",
    ),
    State.PARTIAL: (
        "About {part} % of it stands; rays went through the rest of its place.",
        "约 {part}% 已建成；激光穿过了其余部位。",
    ),
    State.ABSENT: (
        "Rays went through {through} of its place that could be judged and ended behind it.",
        "激光穿过了可判断部位的 {through}，落在其后方。",
    ),
    State.UNSEEN: (
        "Too little of it could be judged: {hidden} was hidden behind other things, {unlooked} was not looked at.",
        "可判断的部分太少：{hidden} 被遮挡，{unlooked} 未扫描到。",
    ),
}
_UNMEASURED = (
    "{hit} of what could be judged stands where the model has it; too little shows to measure its shift.",
    "可判断部分的 {hit} 位于模型位置；可见部分太少，无法测量偏差。",
)
