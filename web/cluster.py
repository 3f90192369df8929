"""Heavy work on a Dask cluster: a job's child sends it there by value, and waits for what comes of it.

The cluster's machines have Sitewright installed and reach the server's files; the database they never see. What they
find is stored by the child as if it had found it itself, so a cluster that dies loses no more than a worker would.
"""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from distributed import Client, Future, KilledWorker

from web.work import TryLater, Work

P = ParamSpec("P")
R = TypeVar("R")
CONNECT_S, LOOK_S, AGAIN_S = 10, 1.0, 30.0


def on_cluster(work: Work, scheduler: str, deed: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """What `deed` returns, done by a machine of the cluster. Raises what it raises there, TryLater while the cluster is
    away or has no machine, and LostLease.
    """
    try:
        client = Client(scheduler, timeout=CONNECT_S, set_as_default=False)
    except OSError as error:
        raise _away(scheduler, "does not answer", "无响应") from error
    with client:
        if not client.nthreads():
            raise _away(scheduler, "has no workers", "没有可用的计算节点")
        future = client.submit(deed, *args, **kwargs, pure=False)
        try:
            return _result(work, future)
        except KilledWorker as error:
            raise _away(scheduler, "lost the machines that tried", "的计算节点多次中断") from error
        finally:
            future.cancel()


def _result(work: Work, future: "Future[R]") -> R:
    while True:
        work.advance("on the cluster", 0.0)
        try:
            return future.result(timeout=LOOK_S)
        except TimeoutError:
            if future.done():
                raise


def _away(scheduler: str, what_en: str, what_zh: str) -> TryLater:
    return TryLater({"en": f"the Dask cluster at {scheduler} {what_en}; it is tried again",
                     "zh": f"Dask 集群 {scheduler} {what_zh}；将重试"}, AGAIN_S)  # fmt: skip
