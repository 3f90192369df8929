"""Every error that Sitewright raises on purpose.

    SitewrightError            exit code
    ├── BadInput                   2       a file, option or setting that cannot be used
    │   ├── BadModel
    │   ├── BadScan
    │   └── BadSchedule
    ├── CannotPlace                3       the scan has no confident place in the model
    └── LimitExceeded              4       a valid outcome beyond a limit that the caller set

Each message says what was found, what was expected and what to do, in that order.
"""

from typing import Any, ClassVar


class SitewrightError(Exception):
    """The root; `exit_code` is what a command ends with (docs/contract: exit codes)."""

    exit_code: ClassVar[int] = 2

    def __init__(self, found: str, expected: str = "", action: str = "") -> None:
        self.found = found
        self.expected = expected
        self.action = action
        super().__init__("; ".join(part for part in (found, expected, action) if part))

    def __reduce__(self) -> tuple[Any, ...]:
        """Between processes it stays what it is, with whatever else it carries."""
        return type(self), (self.found, self.expected, self.action), self.__dict__


class BadInput(SitewrightError):
    """Something that came from outside cannot be used as it is."""


class BadModel(BadInput):
    """An IFC file is broken, of an unsupported schema, without units, or larger than its limits."""


class BadScan(BadInput):
    """A point cloud is broken, empty, of an unknown format, or larger than its limits."""


class BadSchedule(BadInput):
    """A schedule cannot be read."""


class CannotPlace(SitewrightError):
    """The scan could not be placed in the model with confidence; a guess would be worse than none."""

    exit_code = 3


class LimitExceeded(SitewrightError):
    """The outcome is valid, but a limit that the caller set was exceeded."""

    exit_code = 4
