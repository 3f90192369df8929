"""100 epochs of 10,000 elements: the current state, what changed over the last of them, and the memory for it."""

import resource
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from bim.epochs import STATES, Epoch, changes, known

EPOCHS, ELEMENTS = 100, 10_000
START = datetime(2026, 1, 5, tzinfo=UTC)


def measure(shared: Path) -> dict[str, Any]:
    """Figures of docs/benchmarks.md; seconds and bytes of this process."""
    epochs = list(_site(np.random.default_rng(1)))
    start = time.perf_counter()
    now = known(epochs)
    known_s = time.perf_counter() - start
    start = time.perf_counter()
    happened = changes(known(epochs, START + timedelta(days=EPOCHS - 8)), now)
    return {
        "epochs": EPOCHS,
        "elements": ELEMENTS,
        "current_state_s": known_s,
        "changes_of_a_week_s": time.perf_counter() - start,
        "changes": len(happened),
        "contradictions": len(now.contradictions),
        "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def _site(rng: np.random.Generator) -> Iterator[Epoch]:
    """A building that grows over the epochs; a scan sees half of it, and errs once in a thousand looks."""
    starts = rng.uniform(-20, EPOCHS + 20, ELEMENTS)
    for number in range(EPOCHS):
        built = starts + 3 < number
        state = np.where(built, 0, np.where(starts < number, 1, 3))
        state = np.where(rng.random(ELEMENTS) < 0.001, 3 - state, state)
        state = np.where(rng.random(ELEMENTS) < 0.5, len(STATES) - 1, state).astype(np.uint8)
        low = np.choose(state, [0.95, 0.4, 0.9, 0.0, 0.0])
        high = np.choose(state, [1.0, 0.6, 1.0, 0.0, 1.0])
        shift = np.where((state == 0)[:, None], rng.normal(0, 0.004, (ELEMENTS, 3)), np.nan).astype(np.float32)
        # Read from documents, every epoch brings text of its own.
        global_ids = tuple(f"{element:022d}" for element in range(ELEMENTS))
        yield Epoch(
            START + timedelta(days=number),
            global_ids,
            state,
            np.stack([low, high], 1).astype(np.float32),
            rng.uniform(0.8, 1.0, ELEMENTS).astype(np.float32),
            shift,
            np.where(state == 0, 0.002, np.nan).astype(np.float32),
        )
