"""How many requests one client may make: a bucket that fills at a steady rate (token bucket). And how many at once."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

CLIENTS = 10_000
"""Buckets that are remembered; the one not used for longest is forgotten first."""


@dataclass
class Limiter:
    """Allows `rate` requests a second to each client, and `burst` at once."""

    rate: float
    burst: float
    clock: Callable[[], float] = time.monotonic
    _buckets: "OrderedDict[str, tuple[float, float]]" = field(default_factory=OrderedDict)

    def wait_s(self, client: str) -> float:
        """0 when the client may go on, else the seconds that it has to wait."""
        at = self.clock()
        left, since = self._buckets.pop(client, (self.burst, at))
        left = min(self.burst, left + (at - since) * self.rate)
        allowed = left >= 1.0
        self._buckets[client] = (left - 1.0 if allowed else left, at)
        if len(self._buckets) > CLIENTS:
            self._buckets.popitem(last=False)
        return 0.0 if allowed else (1.0 - left) / self.rate


READS_AT_ONCE, WRITES_AT_ONCE = 12, 8
"""Together fewer than there are threads and connections: a transaction that began always finds both to end."""
READS_BESIDE = 4
"""With the database in this very process, where more at once only get in each other's and the writer's way."""


DECODED_AT_ONCE = 2
"""Each in a child process, of which a hostile one may take as much as its limits say."""


class Turns:
    """How many transactions of requests go on at once, and how many files from outside are decoded; the others wait
    here, where waiting takes neither a thread nor a connection, and go on in the order in which they came.
    """

    def __init__(self, *, one_writer: bool) -> None:
        self.reads = asyncio.Semaphore(READS_BESIDE if one_writer else READS_AT_ONCE)
        self.writes = asyncio.Semaphore(1 if one_writer else WRITES_AT_ONCE)
        self.decoding = asyncio.Semaphore(DECODED_AT_ONCE)
