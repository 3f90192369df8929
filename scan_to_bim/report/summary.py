"""What a report comes down to, in sentences that the terminal and the page share."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bim.verdict import Deviation, State, Verdict
from scan_to_bim.report.progress import Judged, Progress, by_class, by_storey, progress
from scan_to_bim.report.words import METHODS, Phrase
from scan_to_bim.result import Registration, Report

SURE = 0.9
"""Confidence from which an absence is worth somebody's walk; below it, look again first."""


@dataclass(frozen=True)
class Summary:
    """Everything that is said before any single element is looked at."""

    total: Progress
    by_storey: list[Progress]
    by_class: list[Progress]
    attention: dict[State, list[Judged]]
    """Displaced (largest first), partial (least complete first) and absent (surest first)."""
    registration: Phrase
    confidence: Phrase
    judged: int
    assumptions: tuple[str, ...]


def summarise(report: Report) -> Summary:
    """The summary of a report."""
    members = list(zip(report.building.elements, report.verdicts, strict=True))
    judged = [verdict for verdict in report.verdicts if verdict.state is not State.UNSEEN]
    return Summary(
        total=progress("", members),
        by_storey=by_storey(members, [storey.name for storey in report.building.storeys]),
        by_class=by_class(members),
        attention={
            State.DISPLACED: _those(members, State.DISPLACED, lambda v: -size_m(v.deviation)),
            State.PARTIAL: _those(members, State.PARTIAL, lambda v: v.completion or 0.0),
            State.ABSENT: _those(members, State.ABSENT, lambda v: -v.confidence),
        },
        registration=registration_sentence(report.registration),
        confidence=_confidence(judged),
        judged=len(judged),
        assumptions=tuple(dict.fromkeys((*report.building.assumptions, *report.assumptions))),
    )


def size_m(deviation: Deviation | None) -> float:
    """Length of the shift; 0 where none was measured."""
    return 0.0 if deviation is None else float(np.linalg.norm(deviation.translation_m))


def millimetres(deviation: Deviation | None) -> str:
    """A shift as a person writes it: size, direction and standard error, as-built minus as-designed."""
    if deviation is None:
        return "–"
    parts = [(axis, round(1000 * value)) for axis, value in zip("XYZ", deviation.translation_m, strict=True)]
    directions = " ".join(f"{axis} {value:+d}".replace("-", "−") for axis, value in parts if value)
    shift = f"{1000 * size_m(deviation):.0f} mm ± {1000 * deviation.sigma_m:.1f}"
    return f"{shift} ({directions})" if directions else shift


def percent(low: float, high: float) -> str:
    """A range in percent; one figure where both ends agree. Rounded outward, so that the range is never too narrow."""
    first, last = int(np.floor(low + 1e-6)), int(np.ceil(high - 1e-6))
    return f"{first} %" if first == last else f"{first}–{last} %"


def sure(confidence: float) -> str:
    """A probability in percent, rounded down: nothing is ever called certain that is not."""
    return f"{int(100 * confidence + 1e-6)} %"


def registration_sentence(registration: Registration) -> Phrase:
    """Where the scan lies and how well that is known, in plain words."""
    figures = {
        "error": f"{1000 * registration.sigma_m:.1f}",
        "angle": f"{1000 * 20 * registration.sigma_rad:.1f}",
        "rmse": f"{1000 * registration.rmse_m:.1f}",
        "share": f"{100 * registration.inlier_share:.0f}",
        "confidence": f"{100 * registration.confidence:.1f}",
        "others": len(registration.alternatives),
    }
    method = METHODS.get(registration.method, Phrase(registration.method, registration.method))
    place = Phrase(
        "The scan's position was {method}, known to ±{error} mm at the scanner (±{angle} mm more at 20 m); "
        "{share} % of the points lie on the model, {rmse} mm from it on average.",
        "扫描位置{method}，测站处精度 ±{error} 毫米（20 米处再加 ±{angle} 毫米）；"
        "{share}% 的点落在模型上，平均相距 {rmse} 毫米。",
    ).format(method="{method}", **figures)
    placed = Phrase(place.en.format(method=method.en), place.zh.format(method=method.zh))
    return placed.joined((_DOUBTFUL if registration.ambiguous else _UNIQUE).format(**figures))


_UNIQUE = Phrase(
    "No other place fits (confidence {confidence} %).",
    "没有其他位置能吻合（可信度 {confidence}%）。",
)
_DOUBTFUL = Phrase(
    "Ambiguous: {others} other place(s) fit nearly as well (confidence {confidence} %). Check before relying on it.",
    "位置不唯一：另有 {others} 个位置几乎同样吻合（可信度 {confidence}%）。使用前请核实。",
)


def _those(members: list[Judged], state: State, key: Callable[[Verdict], float]) -> list[Judged]:
    return sorted((m for m in members if m[1].state is state), key=lambda m: (key(m[1]), m[0].global_id))


def _confidence(judged: list[Verdict]) -> Phrase:
    doubtful = sum(1.0 - verdict.confidence for verdict in judged)
    return Phrase(
        "About {wrong} of the {judged} verdicts may be wrong.", "{judged} 个判定中约有 {wrong} 个可能有误。"
    ).format(wrong=f"{doubtful:.1f}" if doubtful < 10 else f"{doubtful:.0f}", judged=len(judged))
