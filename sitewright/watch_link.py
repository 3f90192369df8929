"""What the watcher tells a server: hazards and cameras, for the app; and what people did there that it must know.

The network is a thread of its own, and the loop never waits for it. Of each hazard and camera the newest word is kept
and sent when the server is there; at each start all that is open is told again. No stop takes this way.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

from bim.errors import BadInput
from site_safety.camera_health import CameraHealth
from site_safety.hazards import Evidence, Hazard
from site_safety.records import iso, to_json

SEND_EVERY_S = 0.2
RETRY_S = 2.0
TIMEOUT_S = 10.0
CAMERAS_EVERY = timedelta(seconds=10)
"""A camera whose state stays is told again so often."""
WEBM = {"Content-Type": "video/webm"}
AGAIN = (401, 429)
"""Answers of the client's fault that time may change."""
_LOG = logging.getLogger(__name__)


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
        self._answers: deque[dict[str, Any]] = deque(maxlen=1000)
        self._lock, self._ended = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._send_for_ever, name="server")

    def tell(self, hazards: Iterable[Hazard], cameras: Sequence[CameraHealth], now: datetime) -> None:
        """Keep what is new for the server; never waits for the network. Closed hazards are told once, if known."""
        new = [each for each in hazards if self._is_new(each)]
        changed = [each for each in cameras if self._is_due(self._cameras.get(each.camera_id), each, now)]
        self._hazards |= {each.hazard_id: each for each in new}
        self._cameras |= {each.camera_id: each for each in changed}
        with self._lock:
            self._waiting |= {f"hazards/{each.hazard_id}": _hazard_body(each) for each in new}
            self._waiting |= {f"cameras/{each.camera_id}": self._camera_body(each) for each in changed}

    def answers(self) -> list[dict[str, Any]]:
        """Hazards as the server keeps them after what it was told, people's deeds in them; each once."""
        return [self._answers.popleft() for _ in range(len(self._answers))]

    def _is_new(self, hazard: Hazard) -> bool:
        told = self._hazards.get(hazard.hazard_id)
        return told is not hazard and (hazard.open or told is not None)

    @staticmethod
    def _is_due(told: CameraHealth | None, now_is: CameraHealth, now: datetime) -> bool:
        return told is None or told.state != now_is.state or not timedelta(0) <= now - told.at < CAMERAS_EVERY

    def _camera_body(self, health: CameraHealth) -> dict[str, Any]:
        return {
            "camera_id": health.camera_id,
            "name": self._names[health.camera_id],
            "storey": health.storey or "",
            "state": health.state.value,
            "frame_age_s": health.frame_age_s,
            "at": iso(health.at),
        }

    # --- In the thread ----------------------------------------------------------------------------------------------

    def _send_for_ever(self) -> None:
        while not self._ended.wait(SEND_EVERY_S):
            if not self._send():
                self._ended.wait(RETRY_S)
        self._send()

    def _send(self) -> bool:
        """Send what waits; what the server did not take waits again, unless something newer does."""
        with self._lock:
            words, self._waiting = self._waiting, {}
        try:
            self._send_cameras(words)
            for path in [path for path in words if path.startswith("hazards/")]:
                if (answer := self._ask("PUT", path, json=words[path])) is not None:
                    self._answers.append(answer)
                    self._bring_clips(path, self._hazards[path.removeprefix("hazards/")])
                del words[path]
        except httpx.HTTPError as error:
            _LOG.info("the server is away: %s", type(error).__name__)
        with self._lock:
            self._waiting = words | self._waiting
        return not words

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


def _hazard_body(hazard: Hazard) -> dict[str, Any]:
    body: dict[str, Any] = to_json(hazard)
    del body["hazard_id"]
    return body
