"""A journal after whatever may happen to a file."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bim.errors import BadInput
from robots.journal import Journal, read
from robots.onboard import OrderMemory
from robots.robot import Order, Outcome, Result, StaleToken
from tests.contracts.robot_contract import spec

RECORDS = [{"n": n, "text": "门 door " * n} for n in range(8)]


def written(path: Path) -> bytes:
    journal = Journal(path)
    for record in RECORDS:
        journal.write(record)
    journal.close()
    return path.read_bytes()


@settings(deadline=None, max_examples=60)
@given(cut=st.integers(0, 700), rest=st.binary(max_size=20).filter(lambda b: b"\n" not in b))
def test_a_torn_tail_costs_no_record_before_it(cut: int, rest: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("journal") / "journal"
    whole = written(path)
    sound = whole[: min(cut, len(whole))]
    path.write_bytes(sound + rest)
    journal = Journal(path)
    assert journal.records == RECORDS[: sound.count(b"\n")]
    journal.write({"after": True})
    journal.close()
    assert read(path)[0] == [*RECORDS[: sound.count(b"\n")], {"after": True}]


@pytest.mark.parametrize("damage", ["flip", "drop", "double"])
def test_damage_before_the_end_is_refused(damage: str, tmp_path: Path) -> None:
    path = tmp_path / "journal"
    lines = written(path).splitlines(keepends=True)
    changed = {
        "flip": [b"0" + lines[3][1:] if lines[3][:1] != b"0" else b"1" + lines[3][1:]],
        "drop": [],
        "double": [lines[3]] * 2,
    }
    path.write_bytes(b"".join([*lines[:3], *changed[damage], *lines[4:]]))
    with pytest.raises(BadInput, match="is damaged"):
        Journal(path)


def test_two_processes_cannot_write_one_journal(tmp_path: Path) -> None:
    first = Journal(tmp_path / "journal")
    with pytest.raises(BadInput, match="in use"):
        Journal(tmp_path / "journal")
    first.close()


def test_many_that_wait_share_a_write_and_all_is_on_disk(tmp_path: Path) -> None:
    async def scenario() -> None:
        journal = Journal(tmp_path / "journal")

        async def one(number: int) -> None:
            journal.write({"n": number})
            await journal.synced()
            assert {"n": number} in read(tmp_path / "journal")[0]

        await asyncio.gather(*map(one, range(50)))
        journal.close()

    asyncio.run(scenario())


def test_a_robot_remembers_tokens_over_a_restart(tmp_path: Path) -> None:
    done = Result(Outcome.DONE, 2, spec("a", "marker", 1.0).title)
    memory = OrderMemory(tmp_path / "orders")
    assert memory.take(Order(spec("a", "marker", 1.0), 7)) is None
    memory.end("a", done)
    memory.cancel("b", 3)
    memory.close()
    again = OrderMemory(tmp_path / "orders")
    assert again.take(Order(spec("a", "marker", 1.0), 9)) == done
    with pytest.raises(StaleToken):
        again.take(Order(spec("b", "marker", 1.0), 2))
    assert again.cancel("b", 3).outcome is Outcome.CANCELLED
