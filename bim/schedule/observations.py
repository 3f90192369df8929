"""What comparisons have said of the elements by the site's clock, and what is known of them from all of it.

`bim.epochs` is the memory; this is what a plan reads of it. The site's clock is naive, as in plans; `bim.epochs` counts
it as UTC, which changes no order.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

import numpy as np

from bim import epochs
from bim.epoch_files import Comparison
from bim.epochs import STATES, Epoch, Times
from bim.verdict import State, Verdict

STANDING = {State.BUILT, State.DISPLACED}
"""States of an element that is there, in its place or not."""
WHOLE = 0.999


@dataclass(frozen=True, slots=True)
class Known:
    """What all comparisons up to a date say of an element. An element seen built and now hidden stays built."""

    state: State
    low: float
    high: float
    begun: datetime | None
    """Date of the first comparison that shows any of it, if any of it stands still."""
    stood: datetime | None
    """Date of the first comparison that shows it standing, if it stands still."""
    proven: datetime | None
    """Date of the last comparison that could say anything of it."""


@dataclass(frozen=True)
class Knowledge:
    """What is known of every element by its GlobalId, and which elements stood and were then looked through."""

    elements: Mapping[str, Known]
    contradictions: tuple[epochs.Contradiction, ...] = ()


def observed(at: datetime, verdicts: Sequence[Verdict] | Comparison) -> Epoch:
    """The verdicts of a comparison whose scan was taken at a time of the site's clock."""
    when = at.replace(tzinfo=UTC)
    return verdicts.epoch(when) if isinstance(verdicts, Comparison) else epochs.epoch(when, verdicts)


def site_time(epoch: Epoch) -> datetime:
    """When an epoch's scan was taken, by the site's clock."""
    return epoch.at.replace(tzinfo=None)


def known(history: Sequence[Epoch], at: datetime) -> Knowledge:
    """What is known at a time of the site's clock, from the epochs up to it."""
    until = at.replace(tzinfo=UTC)
    if not any(each.at <= until for each in history):
        return Knowledge({})
    now = epochs.known(history, until)
    columns = zip(
        now.global_ids,
        now.state.tolist(),
        # Epochs keep single precision, whose last digits say nothing.
        np.round(now.completion, 6).tolist(),
        *map(_moments, (now.started_by, now.finished_by, now.looked_at)),
        strict=True,
    )
    elements = {guid: Known(STATES[code], *completion, *times) for guid, code, completion, *times in columns}
    return Knowledge(elements, now.contradictions)


def _moments(times: Times) -> list[datetime | None]:
    return [None if np.isnat(each) else each.item() for each in times]


def end_of(day: date) -> datetime:
    """The evening of a day: what happened on it counts."""
    return datetime.combine(day, time(23, 59, 59))
