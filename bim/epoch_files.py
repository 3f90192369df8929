"""Documents of `compare --json` as epochs. The document does not say when its scan was taken: the caller does."""

import json
import math
import os
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from bim.arrays import Payload
from bim.epochs import STATES, UNSEEN, Epoch
from bim.errors import BadInput
from bim.isolation import GIB, Limits, isolated

DOCUMENT_LIMITS = Limits(memory_bytes=4 * GIB, cpu_s=120.0, wall_s=240.0)
MAX_BYTES = GIB
_CODES = {state.value: code for code, state in enumerate(STATES)}
_NOT_MEASURED = [math.nan] * 4


def read_epoch(path: Path, at: datetime, limits: Limits = DOCUMENT_LIMITS) -> Epoch:
    """The verdicts of a `compare --json` document whose scan was taken at `at`, an aware time. Raises BadInput."""
    if not path.is_file():
        raise BadInput(f"no file {path}", "a document of compare --json", "check the path")
    if (size := path.stat().st_size) > MAX_BYTES:
        raise BadInput(f"{path} has {size} bytes", f"at most {MAX_BYTES}", "give a document of compare --json")
    payload = isolated(_read, str(path), limits=limits, failure=BadInput, what=f"document {path.name}")
    shift = payload["shift"]
    return Epoch(
        at,
        tuple(payload["global_ids"]),
        payload["state"],
        payload["completion"],
        payload["confidence"],
        shift[:, :3],
        shift[:, 3],
    )


def _read(path: str) -> Payload:
    name = os.path.basename(path)
    try:
        elements = json.loads(Path(path).read_bytes())["elements"]
        rows = [_row(element) for element in elements]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadInput(
            f"{name} is not a comparison ({type(error).__name__}: {error})", "compare --json", "compare again"
        ) from error
    return {
        "global_ids": [row[0] for row in rows],
        "state": np.array([row[1] for row in rows], np.uint8),
        "completion": np.array([row[2] for row in rows], np.float32).reshape(-1, 2),
        "confidence": np.array([row[3] for row in rows], np.float32),
        "shift": np.array([row[4] for row in rows], np.float32).reshape(-1, 4),
    }


def _row(element: dict[str, Any]) -> tuple[str, int, list[float], float, list[float]]:
    """GUID, state, completion, confidence, and translation with its sigma."""
    code, deviation = _CODES[element["state"]], element.get("deviation")
    completion = element["completion"]
    if code == UNSEEN:
        bounds = [0.0, 1.0]
    else:
        bounds = [_share(element.get(f"completion_{end}", completion)) for end in ("low", "high")]
    return str(element["global_id"]), code, bounds, _share(element["confidence"]), _shift(deviation)


def _share(value: Any) -> float:
    if not isinstance(value, int | float) or not 0.0 <= value <= 1.0:
        raise ValueError(f"{value!r} is not a share between 0 and 1")
    return float(value)


def _shift(deviation: dict[str, Any] | None) -> list[float]:
    if deviation is None or deviation["sigma_m"] is None:
        return _NOT_MEASURED
    shift = [float(value) for value in (*deviation["translation_m"], deviation["sigma_m"])]
    if len(shift) != 4 or not all(map(math.isfinite, shift)):
        raise ValueError(f"{shift} is not a translation with its standard error")
    return shift
