"""XML from outside: parsed without entities or DTDs, and read by local names, because namespaces vary by version."""

import re
from collections.abc import Iterator
from datetime import datetime
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from bim.errors import BadSchedule
from bim.schedule.plan import DAY_S, HOUR_S

_DURATION = re.compile(
    r"(-)?P(?:([\d.]+)Y)?(?:([\d.]+)M)?(?:([\d.]+)W)?(?:([\d.]+)D)?"
    r"(?:T(?:([\d.]+)H)?(?:([\d.]+)M)?(?:([\d.]+)S)?)?"
)


def parsed(data: bytes, name: str) -> Element:
    """The root element. Raises BadSchedule for broken XML and for any that defines entities or a DTD."""
    try:
        root: Element = fromstring(data, forbid_dtd=True)
    except (DefusedXmlException, ParseError, ValueError, LookupError) as error:
        found = f"{name} is no plain XML ({type(error).__name__}: {error})"
        raise BadSchedule(found, "XML without a DTD or entities", "export the plan again") from error
    return root


def local(element: Element) -> str:
    """The name of an element without its namespace."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def children(element: Element | None, path: str) -> Iterator[Element]:
    """Elements at a path of local names, such as `Calendars/Calendar`."""
    if element is not None:
        yield from element.iterfind("/".join(f"{{*}}{name}" for name in path.split("/")))


def text(element: Element, path: str) -> str:
    """The text at a path, stripped; empty where there is none."""
    return next((found.text.strip() for found in children(element, path) if found.text), "")


def number(element: Element, path: str) -> float | None:
    """A finite number at a path."""
    try:
        value = float(text(element, path))
    except ValueError:
        return None
    return value if abs(value) < 1e15 else None


def moment(value: str | None) -> datetime | None:
    """An ISO date or date and time; a zone is dropped, because a plan speaks of the site's clock."""
    try:
        return datetime.fromisoformat(value or "").replace(tzinfo=None)
    except ValueError:
        return None


def when(element: Element, path: str) -> datetime | None:
    """The moment at a path."""
    return moment(text(element, path))


def duration_s(value: str | None, day_s: float = DAY_S) -> float | None:
    """An ISO 8601 duration; `day_s` is what a day of it lasts, a week is five and a month twenty of them."""
    found = _DURATION.fullmatch((value or "").strip())
    if not found:
        return None
    sign, *parts = found.groups()
    years, months, weeks, days, hours, minutes, seconds = (_float(part) for part in parts)
    whole_days = 240 * years + 20 * months + 5 * weeks + days
    total = whole_days * day_s + hours * HOUR_S + minutes * 60 + seconds
    return min(-total if sign else total, 1e12)


def second_of_day(value: str) -> int | None:
    """`HH:MM[:SS]` as seconds since midnight."""
    found = re.match(r"\s*(\d{1,2}):(\d{2})(?::(\d{2}))?", value)
    if not found:
        return None
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return min(hours * HOUR_S + minutes * 60 + seconds, DAY_S)


def _float(digits: str | None) -> float:
    try:
        return float(digits or 0)
    except ValueError:
        return 0.0
