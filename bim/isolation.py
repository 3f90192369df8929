"""Hostile input is parsed in a child process with limits; the parent lives, whatever the file does.

The child is forked, so it starts in milliseconds with everything imported. It hands its result back as plain arrays
and JSON in an unnamed temporary file, which the parent maps: nothing is unpickled and nothing is left behind.
"""

import ctypes
import faulthandler
import math
import os
import resource
import select
import signal
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NoReturn

from bim.arrays import Payload, map_arrays, write_arrays
from bim.errors import BadInput, SitewrightError

GIB = 1024**3


@dataclass(frozen=True)
class Limits:
    """What a child process may use. `memory_bytes` is address space beyond what the parent has mapped already."""

    memory_bytes: int = 8 * GIB
    cpu_s: float = 600.0
    wall_s: float = 900.0


def isolated(
    function: Callable[..., Payload], *args: object, limits: Limits, failure: type[BadInput], what: str
) -> Payload:
    """`function(*args)`, run in a child process under `limits`.

    The payload maps names to arrays, which arrive read-only, or to JSON values. An error of Sitewright's own arrives
    as it was raised. Everything else, crashes and exceeded limits included, becomes one `failure` about `what`, a noun
    phrase such as "model house.ifc". The child must not start threads.
    """
    with tempfile.TemporaryFile(dir=_result_folder(limits)) as result:
        parent = os.getpid()
        child = os.fork()
        if child == 0:
            _child(parent, result, function, args, limits)
        status = _wait(child, limits.wall_s)
        if status is None:
            raise _too_slow(failure, what, limits.wall_s, "")
        return _outcome(status, result, limits, failure, what)


def _result_folder(limits: Limits) -> str:
    """Memory when the largest result would fit there, else the disk."""
    shared_memory = "/dev/shm"  # noqa: S108
    if not os.access(shared_memory, os.W_OK):
        return tempfile.gettempdir()
    room = os.statvfs(shared_memory)
    return shared_memory if room.f_bavail * room.f_frsize >= limits.memory_bytes else tempfile.gettempdir()


# --- In the child ---------------------------------------------------------------------------------------------------

DONE, REFUSED, FAILED, OUT_OF_MEMORY = range(4)
_SETTLED = {DONE, REFUSED, FAILED}


def _child(
    parent: int, result: IO[bytes], function: Callable[..., Payload], args: tuple[object, ...], limits: Limits
) -> NoReturn:
    code = OUT_OF_MEMORY
    try:
        _confine(parent, limits)
        code, payload = _run(function, args)
        write_arrays(result, payload)
    except BaseException as error:
        code = OUT_OF_MEMORY if isinstance(error, MemoryError) else FAILED
        write_arrays(result, _described(error))
    finally:
        # No clean-up of the parent's: its buffers, threads and exit handlers are not the child's to touch.
        os._exit(code)


def _run(function: Callable[..., Payload], args: tuple[object, ...]) -> tuple[int, Payload]:
    try:
        return DONE, function(*args)
    except SitewrightError as error:
        return REFUSED, _described(error) | {"fields": [error.found, error.expected, error.action]}


def _described(error: BaseException) -> Payload:
    lines = str(error).strip().splitlines() or [""]
    return {"class": type(error).__name__, "message": lines[0][:200]}


def _confine(parent: int, limits: Limits) -> None:
    os.setsid()
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if os.getppid() != parent:
        os._exit(FAILED)
    silence = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(silence, stream)
    faulthandler.disable()
    cpu_s = math.ceil(limits.cpu_s)
    mapped_pages = int(Path("/proc/self/statm").read_text().split()[0])
    _restrict(resource.RLIMIT_CORE, 0)
    _restrict(resource.RLIMIT_CPU, cpu_s)
    _restrict(resource.RLIMIT_FSIZE, limits.memory_bytes)
    _restrict(resource.RLIMIT_AS, mapped_pages * resource.getpagesize() + limits.memory_bytes)


def _restrict(kind: int, value: int) -> None:
    _, hard = resource.getrlimit(kind)
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (value, value))


# --- In the parent --------------------------------------------------------------------------------------------------


def _wait(child: int, wall_s: float) -> int | None:
    """The child's wait status, None when it was stopped for taking too long; it is gone in any case."""
    watch = os.pidfd_open(child)
    try:
        poll = select.poll()
        poll.register(watch, select.POLLIN)
        ended = bool(poll.poll(math.ceil(1000 * wall_s)))
    finally:
        os.close(watch)
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    return status if ended else None


def _outcome(status: int, result: IO[bytes], limits: Limits, failure: type[BadInput], what: str) -> Payload:
    code = os.waitstatus_to_exitcode(status)
    if code == OUT_OF_MEMORY:
        raise _too_large(failure, what, limits)
    if code in (-signal.SIGXCPU, -signal.SIGKILL):
        raise _too_slow(failure, what, limits.cpu_s, "CPU ")
    if code not in _SETTLED:
        raise _crashed(failure, what, f"signal {-code}" if code < 0 else f"status {code}")
    try:
        payload = map_arrays(result)
    except (ValueError, OSError, KeyError, TypeError) as error:
        raise _crashed(failure, what, "an unreadable result") from error
    if code == REFUSED:
        raise _error_class(payload["class"], failure)(*payload["fields"])
    if code == FAILED:
        raise _crashed(failure, what, f"{payload['class']}: {payload['message']}")
    return payload


def _error_class(name: str, failure: type[BadInput]) -> type[SitewrightError]:
    known: list[type[SitewrightError]] = [SitewrightError]
    for parent in known:
        known.extend(parent.__subclasses__())
    return next((each for each in known if each.__name__ == name), failure)


def _too_large(failure: type[BadInput], what: str, limits: Limits) -> BadInput:
    allowed = f"at most {limits.memory_bytes / GIB:.3g} GiB of memory for reading it"
    return failure(f"{what} needs more memory than it may have", allowed, "reduce the file or raise the limit")


def _too_slow(failure: type[BadInput], what: str, seconds: float, kind: str) -> BadInput:
    allowed = f"at most {seconds:g} {kind}seconds for reading it"
    return failure(f"{what} takes too long", allowed, "reduce the file or raise the limit")


def _crashed(failure: type[BadInput], what: str, how: str) -> BadInput:
    return failure(f"reading {what} failed ({how})", "a file that its parser survives", "export or scan it again")
