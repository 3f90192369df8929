"""A comparison on a Dask cluster: a job's child sends it there by value, and waits for what comes of it.

    frame ─▶ scans ─┐
         └─▶ scans ─┼─▶ comparison     side by side, each in a process of its own, on whichever machine is free
         └─▶ scans ─┘

The cluster's machines have Sitewright installed and reach the server's files; the database they never see. What they
find is stored by the child as if it had found it itself, so a cluster that dies loses no more than a worker would. A
machine that dies is replaced by another; a job that is cancelled ends its processes there.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from distributed import Client, Future, KilledWorker, get_worker

from web.apart import Died, apart
from web.comparison import Compared, compared, compared_together
from web.comparison_scans import Wanted, frame_wanted, scans_wanted
from web.work import TryLater, Work

CONNECT_S, LOOK_S, AGAIN_S = 10, 1.0, 30.0


def compared_on_cluster(work: Work, scheduler: str, wanted: Wanted) -> Compared:
    """What `compared` would find. Raises what it refuses, TryLater while the cluster is away, and LostLease."""
    with _connected(scheduler) as client:
        steps = _steps(client, work, wanted)
        try:
            for done, step in enumerate(steps):
                _wait_for(work, scheduler, step, done / len(steps))
            found: Compared = steps[-1].result()
            return found
        finally:
            client.cancel(steps)


def _steps(client: Client, work: Work, wanted: Wanted) -> "list[Future[Any]]":
    """All that is to be done, in order; what the last one returns is what is wanted."""

    def step(deed: Any, *args: Any) -> "Future[Any]":
        return client.submit(_apart, deed, *args, pure=False)

    # As many parts as there are machines: a process costs seconds to start, as much as some million points to read.
    parts = min(len(wanted.scans), sum(client.nthreads().values()))
    if parts == 1:
        return [step(compared, wanted, work.cache, work.limits)]
    frame = step(frame_wanted, wanted, work.limits)
    numbers = np.array_split(range(len(wanted.scans)), parts)
    scans = [step(scans_wanted, wanted, part.tolist(), frame, work.limits) for part in numbers]
    return [frame, *scans, step(compared_together, wanted, work.cache, work.limits, frame, *scans)]


def _apart(deed: Any, *args: Any) -> Any:
    """On a machine of the cluster."""
    machine = get_worker()
    key = machine.get_current_task()

    def wanted() -> bool:
        task = machine.state.tasks.get(key)
        return task is not None and task.state == "executing"

    return apart(wanted, deed, *args)


@contextmanager
def _connected(scheduler: str) -> "Iterator[Client]":
    try:
        client = Client(scheduler, timeout=CONNECT_S, set_as_default=False)
    except OSError as error:
        raise _away(scheduler, "does not answer", "无响应") from error
    with client:
        if not client.nthreads():
            raise _away(scheduler, "has no workers", "没有可用的计算节点")
        yield client


def _wait_for(work: Work, scheduler: str, step: "Future[Any]", share: float) -> None:
    """Wait until a step was done. Raises why it was not."""
    while not step.done():
        work.advance("on the cluster", share)
        try:
            step.exception(timeout=LOOK_S)
        except TimeoutError:
            continue
    if step.cancelled():
        raise _away(scheduler, "went away", "连接中断")
    match step.exception():
        case KilledWorker() | Died() as error:
            raise _away(scheduler, "lost the processes that tried", "的计算进程多次中断") from error
        case Exception() as error:
            raise error


def _away(scheduler: str, what_en: str, what_zh: str) -> TryLater:
    return TryLater({"en": f"the Dask cluster at {scheduler} {what_en}; it is tried again",
                     "zh": f"Dask 集群 {scheduler} {what_zh}；将重试"}, AGAIN_S)  # fmt: skip
