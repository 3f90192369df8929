"""How many requests one client may make: a bucket that fills at a steady rate (token bucket)."""

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
