"""Dates, durations, numbers and relations as people and programs write them in tables, in several languages."""

import calendar
import re
from collections.abc import Container, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from bim.schedule.plan import HOUR_S, Kind

Order = Literal["dmy", "mdy"]

_NUMERIC = re.compile(r"(\d{1,4})\s*[-./年]\s*(\d{1,2})\s*[-./月]\s*(\d{1,4})")
_NAMED = re.compile(r"(\d{1,2})?[\s-]*([A-Za-z]{3,9})\.?[\s-]+(\d{1,2})?[,\s-]*(\d{2,4})?")
_CLOCK = re.compile(r"(上午|下午)?\s*(\d{1,2}):(\d{2})(?::(\d{2}))?\s*(am|pm|上午|下午)?", re.IGNORECASE)
_MONTHS = {month: n for n, month in enumerate(map(str.lower, calendar.month_abbr)) if month}
_DURATION = re.compile(r"(-?[\d.,]+)\s*([^\d\s?]*[^\d?]*)\??\s*")
_LAGGED = re.compile(
    r"(?P<id>.+?)\s*(?P<kind>FS|SS|FF|SF|EA|AA|EE|AE|完成-开始|开始-开始|完成-完成|开始-完成)?"
    r"\s*(?P<lag>[-+]\s*[\d.,]+\s*\D*)?",
    re.IGNORECASE,
)
_KINDS = {"EA": "FS", "AA": "SS", "EE": "FF", "AE": "SF", "完成-开始": "FS", "开始-开始": "SS", "完成-完成": "FF",
          "开始-完成": "SF"}  # fmt: skip
DAYS_OF = {"day": 1.0, "week": 5.0, "month": 20.0}
"""Working days in a unit, as MS Project counts them."""


@dataclass(frozen=True)
class Moment:
    """A date; `at` is midnight where the table gives no time of the day."""

    at: datetime
    timed: bool


def date_order(texts: Iterable[str]) -> Order | None:
    """Whether days or months come first in a column of dates; None when its values do not show it."""
    for text in texts:
        found = _NUMERIC.search(text)
        if found and len(found[1]) <= 2:
            if int(found[1]) > 12:
                return "dmy"
            if int(found[2]) > 12:
                return "mdy"
    return None


def parse_moment(text: str, order: Order = "dmy") -> Moment | None:
    """A date with or without a time of the day; two-digit years are of this century."""
    parts = _numeric_date(text, order) or _named_date(text)
    if not parts:
        return None
    year, month, day = parts
    clock = _CLOCK.search(text)
    try:
        at = datetime(year + 2000 if year < 100 else year, month, day, *(_clock(clock) if clock else ()))
    except ValueError:
        return None
    return Moment(at, clock is not None)


def _numeric_date(text: str, order: Order) -> tuple[int, int, int] | None:
    found = _NUMERIC.search(text)
    if not found:
        return None
    a, b, c = (int(part) for part in found.groups())
    if len(found[1]) == 4:
        return a, b, c
    return (c, b, a) if order == "dmy" else (c, a, b)


def _named_date(text: str) -> tuple[int, int, int] | None:
    """12-Mar-26, 12 March 2026, March 12, 2026."""
    for found in _NAMED.finditer(text):
        month = _MONTHS.get(found[2][:3].lower())
        numbers = [int(n) for n in (found[1], found[3], found[4]) if n]
        if month and len(numbers) >= 2:
            return numbers[-1], month, numbers[0]
    return None


def _clock(found: re.Match[str]) -> tuple[int, int, int]:
    half = (found[1] or found[5] or "").lower()
    hour = int(found[2])
    if half in {"pm", "下午"} and hour < 12:
        hour += 12
    if half in {"am", "上午"} and hour == 12:
        hour = 0
    return hour, int(found[3]), int(found[4] or 0)


def parse_number(text: str) -> float | None:
    """A number with a decimal point or comma, grouped or not, with or without a currency or percent sign."""
    digits = re.sub(r"[^\d.,-]", "", text)
    if not re.search(r"\d", digits):
        return None
    if "," in digits and "." in digits:
        group = "," if digits.rfind(",") < digits.rfind(".") else "."
        digits = digits.replace(group, "")
    elif re.fullmatch(r"-?\d{1,3}(,\d{3}){2,}|-?\d{1,3}(\.\d{3}){2,}", digits):
        digits = re.sub(r"[.,]", "", digits)
    try:
        return float(digits.replace(",", "."))
    except ValueError:
        return None


def parse_duration(text: str, day_s: float) -> tuple[float, bool] | None:
    """Seconds of a duration such as `8 days`, `3天`, `4,5 h`, `2 ewks`, and whether it runs by the clock (elapsed).

    `day_s` is what a working day lasts. A bare number means days.
    """
    found = _DURATION.match(text.strip())
    amount = parse_number(found[1]) if found else None
    if not found or amount is None:
        return None
    unit = found[2].strip().lower()
    elapsed = unit.startswith(("e", "f", "连续"))
    seconds = _unit_s(unit.removeprefix("e").removeprefix("连续"), 24.0 * HOUR_S if elapsed else day_s, elapsed)
    return min(amount * seconds, 1e12), elapsed


def _unit_s(unit: str, day_s: float, elapsed: bool) -> float:
    if unit.startswith(("mo", "月", "个月", "fmo")):
        return (30.0 if elapsed else DAYS_OF["month"]) * day_s
    if unit.startswith(("w", "周", "星期", "fw")):
        return (7.0 if elapsed else DAYS_OF["week"]) * day_s
    if unit.startswith(("h", "小时", "工时", "st", "u", "fst", "时")):
        return HOUR_S
    return 60.0 if unit.startswith(("m", "分")) else day_s


@dataclass(frozen=True)
class Link:
    """One entry of a predecessors column."""

    before: str
    kind: Kind = Kind.FINISH_START
    lag_s: float = 0.0
    elapsed: bool = False


def parse_predecessors(text: str, known: Container[str], day_s: float) -> list[Link]:
    """Entries such as `12`, `12FS+3 days`, `14SS-50%`, `1.10FF+1,5 d`; `known` ids win over any other reading."""
    separator = ";" if ";" in text or "；" in text else ","
    entries = (entry.strip() for entry in re.split(f"[{separator}；，、\n]", text))
    return [_link(entry, known, day_s) for entry in entries if entry]


def _link(entry: str, known: Container[str], day_s: float) -> Link:
    found = _LAGGED.fullmatch(entry)
    if entry in known or not found:
        return Link(entry)
    kind = (found["kind"] or "FS").upper()
    lag = parse_duration((found["lag"] or "").replace(" ", ""), day_s) if found["lag"] else None
    lag = lag or parse_duration((found["lag"] or "0").replace(" ", "").lstrip("+"), day_s)
    seconds, elapsed = lag or (0.0, False)
    if "%" in (found["lag"] or ""):
        seconds = 0.0
    return Link(found["id"].strip(), Kind(_KINDS.get(kind, kind)), seconds, elapsed)
