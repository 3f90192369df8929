"""A function in a process of its own: its result, its refusal, its death, and its end when nobody wants it any more."""

import os
import signal
import socket
import subprocess
import sys

import numpy as np
import pytest

from scan_to_bim.register import NoConfidentPlace
from scan_to_bim.result import Candidate
from web.apart import Died, Unwanted, apart

CANDIDATE = Candidate(np.eye(4), 0.5, "too small")


def refuse() -> None:
    raise NoConfidentPlace("nothing", "something", "do something", (CANDIDATE,))


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def hold(port: int) -> None:
    """Connect, and wait for ever; whoever accepted sees the end."""
    socket.create_connection(("127.0.0.1", port)).recv(1)


def test_it_returns_what_the_function_returns() -> None:
    assert apart(lambda: True, divmod, 7, 2) == (3, 1)


def test_a_refusal_arrives_as_it_was_raised() -> None:
    with pytest.raises(NoConfidentPlace, match="nothing; something; do something") as refused:
        apart(lambda: True, refuse)
    assert (refused.value.action, len(refused.value.candidates)) == ("do something", 1)


def test_a_process_that_dies_or_has_a_fault_is_told_of() -> None:
    for deed, arguments in ((die, ()), (divmod, (1, 0))):
        with pytest.raises(Died):
            apart(lambda: True, deed, *arguments)


def test_it_ends_when_nobody_wants_it_any_more() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        accepted: list[socket.socket] = []

        def wanted() -> bool:
            if not accepted:
                accepted.append(listener.accept()[0])
                return True
            return False

        with pytest.raises(Unwanted):
            apart(wanted, hold, listener.getsockname()[1])
        with accepted[0] as connection:
            assert connection.recv(1) == b""


def test_it_dies_with_the_process_that_started_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        starts = "import sys; from tests.web.test_apart import *; apart(lambda: True, hold, int(sys.argv[1]))"
        parent = subprocess.Popen([sys.executable, "-c", starts, str(listener.getsockname()[1])])
        with listener.accept()[0] as connection:
            parent.kill()
            parent.wait()
            assert connection.recv(1) == b""
