"""A task that the model calls for, and why."""

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bim.frames import FloatArray
from bim.verdict import Reason
from robots.task_rules import TaskRules
from robots.tasks import Kind, Target, TaskSpec

MOST_SUBJECT = 50


@dataclass(frozen=True, slots=True)
class Proposal:
    """A task and the reason for it."""

    spec: TaskSpec
    why: Reason


def proposal(
    rules: TaskRules,
    kind: Kind,
    subject: str,
    title: Reason,
    why: Reason,
    targets: Sequence[Target],
    *,
    storey: str = "",
    element_ids: tuple[str, ...] = (),
    after_tasks: tuple[str, ...] = (),
    after_elements: tuple[str, ...] = (),
    payload: Mapping[str, Any] | None = None,
) -> Proposal:
    """A task by the rules of its kind. The same kind and subject are the same task in every run."""
    rule = rules.kinds[kind]
    spec = TaskSpec(
        task_id=_task_id(kind, subject),
        kind=kind,
        title=title,
        targets=tuple(targets),
        tool=rule.tool,
        tolerance_m=rule.tolerance_m,
        duration_s=rule.target_s * max(1, len(targets)),
        storey=storey,
        element_ids=element_ids,
        after_tasks=after_tasks,
        after_elements=after_elements,
        permits=rule.permits,
        payload=json.dumps(payload, sort_keys=True) if payload else "",
    )
    return Proposal(spec, why)


def _task_id(kind: Kind, subject: str) -> str:
    """A name that fits into an address, of at most 64 characters; what it had to drop is told by a digest."""
    spaced = subject.replace(" ", "-")
    plain = re.sub(r"[^A-Za-z0-9_$.-]", "", spaced)
    if plain != spaced or len(plain) > MOST_SUBJECT:
        plain = f"{plain[: MOST_SUBJECT - 9]}-{hashlib.sha256(subject.encode()).hexdigest()[:8]}"
    return f"{kind}-{plain}"


def target(point: FloatArray, towards: FloatArray | None = None) -> Target:
    """A place to a millimetre, heading towards another point in plan."""
    ahead = np.zeros(2) if towards is None else (towards - point)[:2]
    x, y, z = (round(float(value), 3) for value in point)
    return Target(x, y, z, round(math.atan2(ahead[1], ahead[0]), 4))
