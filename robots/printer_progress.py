"""How far a job is by its own G-code: layers and planned times at positions in the file.

A server guesses the time that is left from bytes or from the past; the plan knows it (`;TIME` of robots/gcode.py).
"""

import re
from bisect import bisect_right
from dataclasses import dataclass

_MARK = re.compile(rb"^;TIME:(\d+(?:\.\d+)?)\r?$", re.MULTILINE)
_WHOLE = re.compile(rb"^; .* (\d+) s\r?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Milestones:
    """Where each layer begins: byte and second, both rising; and the whole time."""

    at_bytes: tuple[int, ...]
    at_s: tuple[float, ...]
    whole_s: float

    def share(self, position: int) -> float:
        """Share of the layers that are done at a position in the file, 0 to 1."""
        return max(bisect_right(self.at_bytes, position) - 1, 0) / len(self.at_bytes) if self.at_bytes else 0.0

    def left_s(self, position: int) -> float:
        """Seconds from a position to the end, by the plan; within a layer in proportion to bytes."""
        if not self.at_bytes:
            return 0.0
        n = max(bisect_right(self.at_bytes, position) - 1, 0)
        begin_b, begin_s = self.at_bytes[n], self.at_s[n]
        last = n + 1 == len(self.at_bytes)
        end_s = self.whole_s if last else self.at_s[n + 1]
        width_b = (self.at_bytes[n] - self.at_bytes[n - 1] if n else 1) if last else self.at_bytes[n + 1] - begin_b
        within = min(max(position - begin_b, 0) / max(width_b, 1), 1.0)
        return self.whole_s - (begin_s + within * (end_s - begin_s))


def milestones(code: bytes) -> Milestones:
    """The milestones of a G-code file; none in a file that another program wrote."""
    marks = [(match.start(), float(match[1])) for match in _MARK.finditer(code)]
    whole = _WHOLE.search(code[:4096])
    whole_s = float(whole[1]) if whole and marks else 0.0
    return Milestones(tuple(byte for byte, _ in marks), tuple(second for _, second in marks), whole_s)
