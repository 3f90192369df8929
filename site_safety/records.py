"""Frozen dataclasses to JSON values and back, checked: what is unknown, missing or of another kind is refused by name.

Times travel as ISO 8601 in UTC, enumerations as their values, tuples as lists.
"""

import dataclasses
import math
import types
from datetime import UTC, datetime
from enum import Enum
from functools import cache
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from bim.errors import BadInput

T = TypeVar("T")


def to_json(value: Any) -> Any:
    """A record, or anything made of records, as JSON values."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {_key(field): to_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, dict):
        return {str(key): to_json(item) for key, item in value.items()}
    return [to_json(item) for item in value] if isinstance(value, tuple | list | frozenset) else value


def from_json(record: type[T], value: Any, where: str = "") -> T:
    """The record that a JSON value describes. Raises BadInput that names the place, as in `rule.dwell_s`."""
    result: T = _read(record, value, where or record.__name__)
    return result


def iso(at: datetime) -> str:
    """An aware time as ISO 8601 in UTC, to the microsecond where it has any."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _read(kind: Any, value: Any, where: str) -> Any:
    if kind is Any:
        return value
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return _optional(kind, value, where)
    if origin is Literal:
        return _one_of(get_args(kind), value, where)
    if origin in (tuple, list):
        return _sequence(kind, value, where)
    if origin is dict:
        return {str(key): _read(get_args(kind)[1], item, f"{where}.{key}") for key, item in _table(value, where)}
    if dataclasses.is_dataclass(kind):
        return _record(kind, value, where)
    return _plain(kind, value, where)


def _optional(kind: Any, value: Any, where: str) -> Any:
    choices = [choice for choice in get_args(kind) if choice is not type(None)]
    if value is None and len(choices) < len(get_args(kind)):
        return None
    return _read(choices[0], value, where)


def _one_of(choices: tuple[Any, ...], value: Any, where: str) -> Any:
    if value not in choices:
        raise _wrong(where, value, f"one of {', '.join(map(str, choices))}")
    return value


def _sequence(kind: Any, value: Any, where: str) -> Any:
    if not isinstance(value, list | tuple):
        raise _wrong(where, value, "a list")
    inner = get_args(kind)
    if (len(inner) == 2 and inner[1] is Ellipsis) or get_origin(kind) is list:
        inner = (inner[0],) * len(value)
    if len(inner) != len(value):
        raise _wrong(where, value, f"{len(inner)} values")
    return get_origin(kind)(_read(each, item, f"{where}[{i}]") for i, (each, item) in enumerate(zip(inner, value)))  # noqa: B905


def _table(value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        raise _wrong(where, value, "a table of names and values")
    return value.items()


def _key(field: "dataclasses.Field[Any]") -> str:
    """The name that a field travels under: its own, or that of its metadata, where Python keeps the word."""
    return str(field.metadata.get("key", field.name))


@cache
def _fields(record: Any) -> dict[str, tuple[str, Any, bool]]:
    """Name and type of each field by its key, and whether it must be given."""
    hints = get_type_hints(record)
    missing = dataclasses.MISSING
    return {
        _key(field): (field.name, hints[field.name], field.default is missing and field.default_factory is missing)
        for field in dataclasses.fields(record)
    }


def _record(record: Any, value: Any, where: str) -> Any:
    given, fields = dict(_table(value, where)), _fields(record)
    if unknown := sorted(map(str, set(given) - set(fields))):
        raise BadInput(f"unknown {where}.{unknown[0]}", f"one of {', '.join(fields)}", "correct or remove it")
    needed = [key for key, (_, _, must) in fields.items() if must]
    if absent := [key for key in needed if key not in given]:
        raise BadInput(f"{where} has no {absent[0]}", ", ".join(needed), "add it")
    return record(**{fields[key][0]: _read(fields[key][1], item, f"{where}.{key}") for key, item in given.items()})


def _plain(kind: Any, value: Any, where: str) -> Any:
    if kind is datetime:
        return _time(value, where)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(_one_of(tuple(each.value for each in kind), value, where))
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    if type(value) is not kind or kind is float:
        raise _wrong(where, value, _WORDS.get(kind, str(kind)))
    return value


def _time(value: Any, where: str) -> datetime:
    try:
        at = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise _wrong(where, value, "a time such as 2026-04-30T08:00:00Z") from None
    if at.tzinfo is None:
        raise _wrong(where, value, "a time with its zone, such as 2026-04-30T08:00:00Z")
    return at.astimezone(UTC)


def _wrong(where: str, value: Any, expected: str) -> BadInput:
    return BadInput(f"{where} = {str(value)[:60]!r}", expected, "correct it")


_WORDS: dict[Any, str] = {float: "a finite number", int: "a whole number", str: "a text", bool: "true or false"}
