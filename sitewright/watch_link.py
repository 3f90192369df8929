"""What the watcher tells a server: hazards and cameras, for the app; and what people did there that it must know.

The network is a thread of its own, and the loop never waits for it. Of each hazard and camera the newest word is kept
and sent when the server is there; at each start all that is open is told again, and all that people did is heard. No
stop takes this way.
"""

import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

from bim.errors import BadInput
from site_safety.camera_health import CameraHealth, CameraState
from site_safety.hazards import Evidence, Hazard, Review
from site_safety.records import iso, to_json

SEND_EVERY_S = 0.2
HEAR_EVERY_S = 2.0
OVERLAP = timedelta(minutes=1)
"""Changes are asked for once more for so long: what was begun before another change may be seen after it."""
AT_ONCE = 1000
RETRY_S = 2.0
TIMEOUT_S = 10.0
CAMERAS_EVERY = timedelta(seconds=10)
"""A camera whose state stays is told again so often."""
WEBM = {"Content-Type": "video/webm"}
AGAIN = (401, 429)
"""Answers of the client's fault that time may change."""
MOST_BROUGHT = 10_000
"""Clips that are known to be there; one more, and they may be brought twice."""
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """What people did with a hazard on the server, as far as the watcher must know it."""

    hazard_id: str
    acknowledged_at: datetime | None
    review: Review | None
    closed: bool


class WatchLink:
    """One watcher's link to one site of a server. Use as a context manager."""

    def __init__(
        self,
        server: str,
        site: str,
        token: str,
        names: dict[str, str],
        file: Callable[[Evidence], Path | None] = lambda evidence: None,
    ) -> None:
        """`names` are those of the cameras, by id; `file` is where a piece of evidence lies."""
        self._names, self._file = names, file
        self._brought: set[str] = set()
        self._client = httpx.Client(
            base_url=f"{server.rstrip('/')}/api/v1/sites/{site}/",
            headers={"Authorization": f"Bearer {token}"},
            timeout=TIMEOUT_S,
        )
        self._hazards: dict[str, Hazard] = {}
        self._cameras: dict[str, CameraHealth] = {}
        self._waiting: dict[str, Any] = {}
        self._answers: dict[str, Answer] = {}
        self._heard_at: float | None = None
        self._heard_to: datetime | None = None
        self._lock, self._ended = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._send_for_ever, name="server")

    def tell(self, hazards: Collection[Hazard], cameras: Sequence[CameraHealth], now: datetime) -> None:
        """Keep what is new for the server; never waits for the network. Closed hazards are told once, if known."""
        new = [each for each in hazards if self._is_new(each)]
        changed = [each for each in cameras if self._is_due(self._cameras.get(each.camera_id), each, now)]
        self._hazards |= {each.hazard_id: each for each in new}
        if len(self._hazards) > len(hazards):
            kept = {each.hazard_id for each in hazards}
            self._hazards = {name: each for name, each in self._hazards.items() if name in kept}
        self._cameras |= {each.camera_id: each for each in changed}
        with self._lock:
            self._waiting |= {f"hazards/{each.hazard_id}": each for each in new}
            self._waiting |= {f"cameras/{each.camera_id}": self._camera_body(each) for each in changed}

    def answers(self) -> list[Answer]:
        """What people did with hazards since this was asked last: the newest of each."""
        with self._lock:
            answers, self._answers = self._answers, {}
        return list(answers.values())

    def _is_new(self, hazard: Hazard) -> bool:
        told = self._hazards.get(hazard.hazard_id)
        return told is not hazard and (hazard.open or told is not None)

    @staticmethod
    def _is_due(told: CameraHealth | None, now_is: CameraHealth, now: datetime) -> bool:
        same = told is not None and (told.state, told.trouble) == (now_is.state, now_is.trouble)
        return told is None or not same or not timedelta(0) <= now - told.at < CAMERAS_EVERY

    def _camera_body(self, health: CameraHealth) -> dict[str, Any]:
        return {
            "camera_id": health.camera_id,
            "name": self._names[health.camera_id],
            "storey": health.storey or "",
            "state": health.state.value,
            "frame_age_s": health.frame_age_s,
            "reason": None if health.state is CameraState.LIVE else to_json(health.reason),
            "at": iso(health.at),
        }

    # --- In the thread ----------------------------------------------------------------------------------------------

    def _send_for_ever(self) -> None:
        while not self._ended.wait(SEND_EVERY_S):
            if not self._send():
                self._ended.wait(RETRY_S)
        self._send()

    def _send(self) -> bool:
        """Send what waits and hear what people did; what the server did not take waits, unless something newer does."""
        with self._lock:
            words, self._waiting = self._waiting, {}
        try:
            self._send_cameras(words)
            for path in [path for path in words if path.startswith("hazards/")]:
                if self._ask("PUT", path, json=_hazard_body(words[path])) is not None:
                    self._bring_clips(path, words[path])
                del words[path]
            if self._heard_at is None or time.monotonic() - self._heard_at > HEAR_EVERY_S:
                self._hear()
        except httpx.HTTPError as error:
            _LOG.info("the server is away: %s", type(error).__name__)
        with self._lock:
            self._waiting = words | self._waiting
        return not words

    def _hear(self) -> None:
        """Every hazard that changed since the last time, page by page; at first all of them."""
        self._heard_at = time.monotonic()
        query: dict[str, Any] = {"limit": AT_ONCE}
        if self._heard_to:
            query["changed_after"] = iso(self._heard_to - OVERLAP)
        newest, cursor = self._heard_to, ""
        while cursor is not None:
            answer = self._client.get("hazards", params=query | ({"cursor": cursor} if cursor else {}))
            found = answer.raise_for_status().json()
            for each in found["items"]:
                changed = datetime.fromisoformat(each["updated_at"])
                newest = max(newest or changed, changed)
            with self._lock:
                self._answers |= {each["hazard_id"]: _answer(each) for each in found["items"]}
            cursor = found["next"]
        self._heard_to = newest

    def _send_cameras(self, words: dict[str, Any]) -> None:
        paths = [path for path in words if path.startswith("cameras/")]
        if paths:
            self._ask("POST", "cameras/states", json=[words[path] for path in paths])
            for path in paths:
                del words[path]

    def _bring_clips(self, path: str, hazard: Hazard) -> None:
        """Each clip once, as far as it is still there and as it was."""
        for each in hazard.evidence:
            if each.kind == "clip" and each.sha256 not in self._brought:
                try:
                    file = self._file(each)
                except BadInput as error:
                    _LOG.warning("no clip for %s: %s", path, error)
                    continue
                if file is not None:
                    self._ask("POST", f"{path}/clips", content=file.read_bytes(), headers=WEBM)
                if len(self._brought) >= MOST_BROUGHT:
                    self._brought.clear()
                self._brought.add(each.sha256)

    def _ask(self, method: str, path: str, **body: Any) -> Any:
        """The server's answer; None where it has nothing to say or refuses, which is logged."""
        answer = self._client.request(method, path, **body)
        if answer.is_server_error or answer.status_code in AGAIN:
            answer.raise_for_status()
        if answer.is_client_error:
            _LOG.warning("the server refused %s: %s", path, answer.text[:200])
        return answer.json() if answer.is_success and answer.content else None

    def __enter__(self) -> "WatchLink":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ended.set()
        self._thread.join()
        self._client.close()


def _answer(kept: Mapping[str, Any]) -> Answer:
    acknowledged = kept["acknowledged_at"] and datetime.fromisoformat(kept["acknowledged_at"])
    return Answer(kept["hazard_id"], acknowledged, kept["review"], kept["state"] == "closed")


def _hazard_body(hazard: Hazard) -> dict[str, Any]:
    body: dict[str, Any] = to_json(hazard)
    del body["hazard_id"]
    return body
