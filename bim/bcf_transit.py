"""Frozen dataclasses through `bim.isolation`: JSON values, with every `bytes` as an array of its own."""

import functools
import types
import typing
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Any, TypeVar

import numpy as np

from bim.arrays import Payload

T = TypeVar("T")


def packed(value: Any) -> Payload:
    """A dataclass of texts, numbers, times, bytes, tuples and further dataclasses as a payload."""
    blobs: list[bytes] = []
    payload: Payload = {"value": _packed(value, blobs)}
    return payload | {str(i): np.frombuffer(blob, np.uint8) for i, blob in enumerate(blobs)}


def unpacked(kind: type[T], payload: Payload) -> T:
    """What `packed` packed, built anew by the type hints of `kind`."""
    value: T = _unpacked(kind, payload["value"], payload)
    return value


def _packed(value: Any, blobs: list[bytes]) -> Any:
    if isinstance(value, bytes):
        blobs.append(value)
        return str(len(blobs) - 1)
    if isinstance(value, tuple):
        return [_packed(item, blobs) for item in value]
    if is_dataclass(value):
        return [_packed(getattr(value, each.name), blobs) for each in fields(value)]
    return value.isoformat() if isinstance(value, datetime) else value


def _unpacked(kind: Any, value: Any, payload: Payload) -> Any:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        return None if value is None else _unpacked(arguments[0], value, payload)
    if origin is tuple:
        kinds = [arguments[0]] * len(value) if arguments[-1] is Ellipsis else arguments
        return tuple(_unpacked(each, item, payload) for each, item in zip(kinds, value, strict=True))
    if is_dataclass(kind):
        made: Any = kind
        values = zip(fields(kind), value, strict=True)
        return made(*(_unpacked(_hints(made)[each.name], item, payload) for each, item in values))
    if kind is bytes:
        return payload[value].tobytes()
    return datetime.fromisoformat(value) if kind is datetime else value


@functools.cache
def _hints(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind)
