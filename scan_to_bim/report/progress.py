"""How far the building is: counts, area and volume by storey, by class and in total."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from bim.frames import FloatArray
from bim.model import Element
from bim.verdict import State, Verdict

Judged = tuple[Element, Verdict]


@dataclass(frozen=True, slots=True)
class Quantity:
    """An amount of surface (m2) or volume (m3): `total` is `judged` and `unseen`; `built` is the judged share done."""

    total: float
    judged: float
    built: float
    unseen: float


@dataclass(frozen=True, slots=True)
class Progress:
    """One group of elements. Percent complete is weighted by surface and runs from what is known to what is unseen."""

    name: str
    elements: int
    counts: dict[State, int]
    area_m2: Quantity
    volume_m3: Quantity
    percent_low: float
    percent_high: float


def progress(name: str, members: Sequence[Judged]) -> Progress:
    """The progress of a group. Elements without surface count alike, so that a group is never divided by zero."""
    verdicts = [verdict for _, verdict in members]
    area = np.array([element.area_m2 for element, _ in members], dtype=np.float64)
    weight = area if area.sum() > 0.0 else np.ones(len(members))
    return Progress(
        name=name,
        elements=len(members),
        counts={state: sum(verdict.state is state for verdict in verdicts) for state in State},
        area_m2=_quantity(area, verdicts),
        volume_m3=_quantity(np.array([element.volume_m3 for element, _ in members], dtype=np.float64), verdicts),
        percent_low=_percent(weight, [verdict.completion_low for verdict in verdicts]),
        percent_high=_percent(weight, [verdict.completion_high for verdict in verdicts]),
    )


def by_storey(members: Sequence[Judged], storeys: Iterable[str]) -> list[Progress]:
    """One group a storey, from the lowest up; elements without a known storey come last, under an empty name."""
    names = [*dict.fromkeys(storeys), ""]
    known = set(names)
    groups: dict[str, list[Judged]] = {name: [] for name in names}
    for member in members:
        groups[member[0].storey if member[0].storey in known else ""].append(member)
    return [progress(name, group) for name, group in groups.items() if group]


def by_class(members: Sequence[Judged]) -> list[Progress]:
    """One group an IFC class, by name."""
    classes = sorted({element.ifc_class for element, _ in members})
    return [progress(name, [member for member in members if member[0].ifc_class == name]) for name in classes]


def _quantity(amount: FloatArray, verdicts: Sequence[Verdict]) -> Quantity:
    unseen = float(sum(a for a, v in zip(amount, verdicts, strict=True) if v.state is State.UNSEEN))
    built = float(sum(a * (v.completion or 0.0) for a, v in zip(amount, verdicts, strict=True)))
    return Quantity(total=float(amount.sum()), judged=float(amount.sum()) - unseen, built=built, unseen=unseen)


def _percent(weight: FloatArray, share: Sequence[float]) -> float:
    return 100.0 * float(weight @ np.asarray(share)) / float(weight.sum()) if len(weight) else 0.0
