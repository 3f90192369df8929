"""A loop whose clock jumps to the next timer instead of waiting: an hour on site takes moments, and time is exact."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _Jumping(selectors.DefaultSelector):
    """Never waits: hands the time that it would have waited to the loop."""

    loop: "SimulatedTimeLoop"

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready now; nothing ready means that the time passes."""
        ready = super().select(0 if timeout is not None else None)
        if not ready and timeout:
            self.loop.now_s += timeout
        return ready


class SimulatedTimeLoop(asyncio.SelectorEventLoop):
    """An event loop that lives in simulated seconds."""

    def __init__(self) -> None:
        self.now_s = 0.0
        selector = _Jumping()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        """Seconds since the simulation began."""
        return self.now_s

    def run_in_executor(self, executor: Any, function: Callable[..., T], *args: Any) -> "asyncio.Future[T]":  # type: ignore[override]
        """At once: a thread knows nothing of simulated time."""
        done = self.create_future()
        done.set_result(function(*args))
        return done


def run_simulated(coroutine: Coroutine[Any, Any, T]) -> T:
    """The coroutine's result, in simulated time. Nothing in it may wait for a socket."""
    with asyncio.Runner(loop_factory=SimulatedTimeLoop) as runner:
        return runner.run(coroutine)
