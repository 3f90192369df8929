"""The datagram that stops a site: only who holds a key is heard, and a sender knows whether it was."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bim.errors import BadInput
from bim.verdict import Reason
from robots.robot import LinkLost
from robots.stop import Scope
from robots.stop_channel import PERSON_KEY, STOP_KEY, Message, StopSender, listen, make_keys, sign, verify

WHY = Reason("A person is near.", "附近有人。")


def exchange(folder: Path, send: Callable[[int], None]) -> list[tuple[str, bool]]:
    """What a listener took while `send` ran in a thread."""
    taken: list[tuple[str, bool]] = []

    def take(message: Message, by_person: bool) -> None:
        if message["type"] == "release" and not by_person:
            raise BadInput("a release by a watcher", "a person", "ask one")
        taken.append((message["type"], by_person))

    async def scenario() -> None:
        channel, port = await listen(folder, 0, take)
        try:
            await asyncio.to_thread(send, port)
        finally:
            channel.close()

    asyncio.run(scenario())
    return taken


def test_a_watcher_stops_and_only_a_person_releases(tmp_path: Path) -> None:
    make_keys(tmp_path)

    def send(port: int) -> None:
        watcher, person = StopSender(tmp_path / STOP_KEY, port, "c1"), StopSender(tmp_path / PERSON_KEY, port, "Li")
        watcher.stop("s1", Scope.SITE, "", WHY)
        watcher.people(["lobby"], [])
        with pytest.raises(BadInput, match="release by a watcher"):
            watcher.release("s1", "Li")
        person.release("s1", "Li")
        watcher.close()
        person.close()

    assert exchange(tmp_path, send) == [("stop", False), ("people", False), ("release", True)]


def test_a_clock_that_is_put_back_silences_no_watcher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_keys(tmp_path)
    clock = iter([2_000, 1_000, 500])
    monkeypatch.setattr(time, "time_ns", lambda: next(clock))

    def send(port: int) -> None:
        watcher = StopSender(tmp_path / STOP_KEY, port, "c1")
        watcher.people(["lobby"], [])
        watcher.people(["lobby"], ["lobby"])
        restarted = StopSender(tmp_path / STOP_KEY, port, "c1")
        with pytest.raises(BadInput, match="put the sender's clock right"):
            restarted.people(["lobby"], [])
        watcher.close()
        restarted.close()

    assert exchange(tmp_path, send) == [("people", False), ("people", False)]


def test_who_has_another_key_is_not_heard(tmp_path: Path) -> None:
    make_keys(tmp_path / "site")
    make_keys(tmp_path / "stranger")

    def send(port: int) -> None:
        stranger = StopSender(tmp_path / "stranger" / STOP_KEY, port, "x")
        with pytest.raises(LinkLost, match="nobody takes stops"):
            stranger.stop("s1", Scope.SITE, "", WHY)
        stranger.close()

    assert exchange(tmp_path / "site", send) == []


@pytest.mark.parametrize("datagram", [b"", b"x", b"00 {}", b"\xff" * 90, b"0" * 64 + b" " + b"[" * 4000])
def test_anything_else_is_ignored(datagram: bytes) -> None:
    assert verify({STOP_KEY: b"k" * 32}, datagram) is None


def test_a_changed_message_is_ignored() -> None:
    signed = sign(b"k" * 32, {"type": "stop", "scope": "robot"})
    assert verify({STOP_KEY: b"k" * 32}, signed)
    assert verify({STOP_KEY: b"k" * 32}, signed.replace(b"robot", b"site!")) is None


def test_keys_are_drawn_once_and_readable_by_their_user_alone(tmp_path: Path) -> None:
    make_keys(tmp_path)
    first = (tmp_path / STOP_KEY).read_bytes()
    make_keys(tmp_path)
    assert (tmp_path / STOP_KEY).read_bytes() == first
    assert (tmp_path / STOP_KEY).stat().st_mode & 0o077 == 0
