import multiprocessing
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from bim.arrays import Payload
from bim.errors import BadModel, BadScan, CannotPlace
from bim.isolation import Limits, isolated

SMALL = Limits(memory_bytes=512 * 1024**2, cpu_s=60, wall_s=60)


def run(function, *args, limits=SMALL) -> Payload:
    return isolated(function, *args, limits=limits, failure=BadScan, what="scan s.laz")


def test_arrays_and_json_arrive_as_they_left():
    sent = {"xyz": np.arange(12.0).reshape(4, 3), "empty": np.zeros((0, 3), np.int32), "names": ["a", "ü"], "n": None}
    received = run(lambda: sent)
    assert received.keys() == sent.keys()
    assert received["names"] == ["a", "ü"]
    np.testing.assert_array_equal(received["xyz"], sent["xyz"])
    assert received["empty"].shape == (0, 3)
    assert received["empty"].dtype == np.int32


def test_columns_of_an_array_keep_their_order():
    fortran = np.asfortranarray(np.arange(6).reshape(2, 3))
    np.testing.assert_array_equal(run(lambda: {"a": fortran})["a"], fortran)


def test_a_refusal_in_the_child_is_the_same_refusal_in_the_parent():
    def refuse():
        raise CannotPlace("two places fit", "one", "give --pose")

    with pytest.raises(CannotPlace) as caught:
        run(refuse)
    assert (caught.value.found, caught.value.expected, caught.value.action) == ("two places fit", "one", "give --pose")


@pytest.mark.parametrize(
    ("misdeed", "sentence"),
    [
        (lambda: {"a": np.ones(2 * 1024**3, np.uint8)}, "needs more memory"),
        (lambda: {"a": [bytearray(10**6) for _ in range(10**6)]}, "needs more memory"),
        (lambda: os.kill(os.getpid(), signal.SIGSEGV), "signal 11"),
        (os.abort, "signal 6"),
        (lambda: os._exit(42), "status 42"),
        (lambda: os._exit(0), "unreadable result"),
        (lambda: 1 / 0, "ZeroDivisionError: division by zero"),
        (lambda: {"a": np.array([object()])}, "ValueError"),
        (lambda: {"a": object()}, "TypeError"),
    ],
)
def test_whatever_the_child_does_is_one_clear_error(misdeed, sentence):
    with pytest.raises(BadScan, match=r"scan s\.laz") as caught:
        run(misdeed)
    assert sentence in str(caught.value)


def test_a_child_that_computes_without_end_is_stopped():
    with pytest.raises(BadScan, match="takes too long; at most 1 CPU seconds"):
        run(lambda: [None for _ in iter(int, 1)], limits=Limits(cpu_s=1))


def test_a_child_that_hangs_is_stopped():
    with pytest.raises(BadScan, match=r"takes too long; at most 0\.2 seconds"):
        run(time.sleep, 60, limits=Limits(wall_s=0.2))


def test_a_child_is_gone_when_the_call_returns():
    child = run(lambda: {"pid": os.getpid()})["pid"]
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


def test_nothing_is_left_behind(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    huge = Limits(memory_bytes=2**50)
    received = run(lambda: {"a": np.ones(1000)}, limits=huge)
    assert list(tmp_path.iterdir()) == []
    assert received["a"].sum() == 1000
    with pytest.raises(BadScan):
        run(os.abort, limits=huge)
    assert list(tmp_path.iterdir()) == []


def test_noise_on_the_standard_streams_is_swallowed(capfd):
    run(lambda: {"n": os.write(1, b"noise") + os.write(2, b"noise")})
    assert capfd.readouterr() == ("", "")


def test_the_child_dies_with_its_parent(tmp_path):
    def parent():
        run(lambda: time.sleep(60) or {}, limits=Limits(wall_s=60))

    process = multiprocessing.get_context("fork").Process(target=parent)
    process.start()
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while not (child := children.read_text().split()):
        os.sched_yield()
    process.kill()
    process.join()
    deadline = time.monotonic() + 10
    while Path(f"/proc/{child[0]}").exists() and "State:\tZ" not in Path(f"/proc/{child[0]}/status").read_text():
        assert time.monotonic() < deadline
    assert not process.is_alive()


def in_worker(_: int) -> float:
    return float(run(lambda: {"a": np.ones(10)})["a"].sum())


def test_it_works_inside_a_worker_process():
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(in_worker, range(4)) == [10.0] * 4


def test_what_the_parent_has_mapped_does_not_count():
    ballast = np.ones(SMALL.memory_bytes // 8)
    received = run(lambda: {"sum": float(ballast[:10].sum()), "a": np.ones(10**6)})
    assert received["sum"] == 10.0


def test_the_class_of_the_failure_is_the_callers():
    with pytest.raises(BadModel):
        isolated(os.abort, limits=SMALL, failure=BadModel, what="model m.ifc")
