"""Earned value and earned schedule as ranges, from what is proven to what may be.

Formulas: PMI, Practice Standard for Earned Value Management (2nd ed., 2011), for PV, EV, AC, SV, CV, SPI, CPI, EAC,
ETC, VAC and TCPI; W. Lipke, "Schedule is Different", The Measurable News (2003), for ES, SV(t) and SPI(t). Where a
denominator is zero the figure does not exist: it is None.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bim.frames import FloatArray


@dataclass(frozen=True, slots=True)
class Range:
    """From the worst that the evidence allows to the best; None where a figure does not exist."""

    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class EarnedValue:
    """Amounts in the plan's currency, or in working hours for a plan without costs; times in periods of the curve."""

    bac: float
    pv: Range
    ev: Range
    ac: Range | None
    sv: Range
    cv: Range | None
    spi: Range
    cpi: Range | None
    eac: Range | None
    etc: Range | None
    vac: Range | None
    tcpi: Range | None
    es: Range
    sv_t: Range
    spi_t: Range


def earned_value(
    budget: FloatArray,
    planned: FloatArray,
    low: FloatArray,
    high: FloatArray,
    actual_cost: float | None,
    curve: FloatArray,
    periods: float,
) -> EarnedValue:
    """The figures of T tasks at one date.

    `budget` (T,) is what each task is worth, `planned` (T,) the share that should be done, `low` and `high` (T,) the
    share that is. `curve` (N + 1,) is the planned value at the end of each period, from 0; `periods` is how many of
    them have passed.
    """
    bac, pv = float(budget.sum()), float(budget @ planned)
    ev = Range(float(budget @ low), float(budget @ high))
    es = _each(ev, lambda v: earned_schedule(v, curve))
    return EarnedValue(
        bac=bac,
        pv=Range(pv, pv),
        ev=ev,
        sv=_each(ev, lambda v: v - pv),
        spi=_each(ev, lambda v: _ratio(v, pv)),
        es=es,
        sv_t=_each(es, lambda v: v - periods),
        spi_t=_each(es, lambda v: _ratio(v, periods)),
        **_cost_figures(bac, ev, actual_cost),
    )


def earned_schedule(value: float, curve: FloatArray) -> float:
    """Lipke's ES: the number of periods by which the plan had come as far as `value`.

    ES = C + (EV - PV_C) / (PV_C+1 - PV_C), C the last period whose planned value is not above the earned.
    """
    if value >= curve[-1]:
        return float(np.argmax(curve >= curve[-1]))
    complete = int(np.searchsorted(curve, value, side="right")) - 1
    if complete < 0:
        return 0.0
    return float(complete + (value - curve[complete]) / (curve[complete + 1] - curve[complete]))


def _cost_figures(bac: float, ev: Range, ac: float | None) -> dict[str, Range | None]:
    if ac is None:
        return dict.fromkeys(("ac", "cv", "cpi", "eac", "etc", "vac", "tcpi"))
    cpi = _each(ev, lambda v: _ratio(v, ac))
    eac = Range(_over(bac, cpi.high), _over(bac, cpi.low))
    return {
        "ac": Range(ac, ac),
        "cv": _each(ev, lambda v: v - ac),
        "cpi": cpi,
        "eac": eac,
        "etc": _each(eac, lambda v: v - ac),
        "vac": _each(Range(eac.high, eac.low), lambda v: bac - v),
        "tcpi": _each(Range(ev.high, ev.low), lambda v: _ratio(bac - v, bac - ac)),
    }


def _each(values: Range, figure: Callable[[float], float | None]) -> Range:
    return Range(*(None if v is None else figure(v) for v in (values.low, values.high)))


def _ratio(value: float, by: float) -> float | None:
    return value / by if by else None


def _over(value: float, by: float | None) -> float | None:
    return value / by if by else None
