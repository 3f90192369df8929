"""The JSON of a comparison, read again: its elements, its verdicts as columns, and when its scan was taken."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bim.arrays import Payload
from bim.epochs import STATES, UNSEEN, Epoch, States
from bim.errors import BadInput
from bim.isolation import GIB, Limits, isolated
from bim.model import Element

DOCUMENT_LIMITS = Limits(memory_bytes=4 * GIB, cpu_s=120.0, wall_s=240.0)
MAX_BYTES = GIB
UNSAID = 0.5
"""Confidence of a verdict that comes without one."""
_CODES = {state.value: code for code, state in enumerate(STATES)}
_NOT_MEASURED = [math.nan] * 4


@dataclass(frozen=True)
class Comparison:
    """What a document of `compare --json` says of N elements. Columns are those of `bim.epochs.Epoch`.

    date: when the scan was taken by the site's clock, None where the document does not say.
    """

    elements: tuple[Element, ...]
    date: datetime | None
    state: States
    completion: npt.NDArray[np.float32]
    confidence: npt.NDArray[np.float32]
    shift: npt.NDArray[np.float32]

    def epoch(self, at: datetime) -> Epoch:
        """The verdicts as an epoch at an aware time."""
        global_ids = tuple(element.global_id for element in self.elements)
        columns = (self.state, self.completion, self.confidence, self.shift[:, :3], self.shift[:, 3])
        return Epoch(at, global_ids, *columns)


def read_comparison(path: Path, limits: Limits = DOCUMENT_LIMITS) -> Comparison:
    """A `compare --json` document. Raises BadInput for anything else."""
    if not path.is_file():
        raise BadInput(f"no file {path}", "a document of compare --json", "check the path")
    if (size := path.stat().st_size) > MAX_BYTES:
        raise BadInput(f"{path} has {size} bytes", f"at most {MAX_BYTES}", "give a document of compare --json")
    payload = isolated(_read, str(path), limits=limits, failure=BadInput, what=f"document {path.name}")
    return Comparison(
        tuple(Element(*row[:5], 0, *row[5:]) for row in payload["elements"]),  # type: ignore[call-arg]
        datetime.fromisoformat(payload["date"]) if payload["date"] else None,
        payload["state"],
        payload["completion"],
        payload["confidence"],
        payload["shift"],
    )


def read_epoch(path: Path, at: datetime, limits: Limits = DOCUMENT_LIMITS) -> Epoch:
    """The verdicts of a document whose scan was taken at `at`, an aware time. Raises BadInput."""
    return read_comparison(path, limits).epoch(at)


# --- In the child -----------------------------------------------------------------------------------------------------


def _read(path: str) -> Payload:
    name = Path(path).name
    try:
        document = json.loads(Path(path).read_bytes())
        elements = document["elements"]
        verdicts = [_verdict(each) for each in elements]
        return {
            "elements": list(_elements(elements)),
            "date": _date(document),
            "state": np.array([row[0] for row in verdicts], np.uint8),
            "completion": np.array([row[1] for row in verdicts], np.float32).reshape(-1, 2),
            "confidence": np.array([row[2] for row in verdicts], np.float32),
            "shift": np.array([row[3] for row in verdicts], np.float32).reshape(-1, 4),
        }
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadInput(
            f"{name} is not a comparison ({type(error).__name__}: {error})", "compare --json", "compare again"
        ) from error


def _date(document: Mapping[str, Any]) -> str | None:
    if not isinstance(document.get("date"), str):
        return None
    at = datetime.fromisoformat(document["date"]).replace(tzinfo=None)
    # A day without an hour is its evening: what happened on it counts.
    return (datetime.combine(at, time(23, 59, 59)) if at.time() == time() else at).isoformat()


def _elements(elements: Sequence[Mapping[str, Any]]) -> Iterator[list[Any]]:
    for each in elements:
        yield [
            str(each["global_id"]),
            *(str(each.get(key) or "") for key in ("ifc_class", "name", "storey")),
            None if each.get("system") is None else str(each["system"]),
            *(_number(each.get(key), 0.0, 1e12) for key in ("area_m2", "volume_m3")),
        ]


def _verdict(each: Mapping[str, Any]) -> tuple[int, tuple[float, float], float, list[float]]:
    """State, completion, confidence, and translation with its sigma."""
    code = _CODES[each["state"]]
    return code, _bounds(each, code), _number(each.get("confidence"), UNSAID), _shift(each.get("deviation"))


def _bounds(each: Mapping[str, Any], code: int) -> tuple[float, float]:
    """The range as stated, or what completion and the observable share allow; an unseen element allows everything."""
    if code == UNSEEN:
        return 0.0, 1.0
    completion, observable = _number(each.get("completion"), 0.0), _number(each.get("observable"), 1.0)
    low = _number(each.get("completion_low"), completion * observable)
    return low, max(low, _number(each.get("completion_high"), 1.0 - (1.0 - completion) * observable))


def _number(value: Any, missing: float, most: float = 1.0) -> float:
    number = missing if value is None else value
    if not isinstance(number, int | float) or not 0.0 <= number <= most:
        raise ValueError(f"{value!r} is not a number from 0 to {most:g}")
    return float(number)


def _shift(deviation: Mapping[str, Any] | None) -> list[float]:
    if deviation is None or deviation["sigma_m"] is None:
        return _NOT_MEASURED
    shift = [float(value) for value in (*deviation["translation_m"], deviation["sigma_m"])]
    if len(shift) != 4 or not all(map(math.isfinite, shift)):
        raise ValueError(f"{shift} is not a translation with its standard error")
    return shift
