"""Requests made up by machine (schemathesis) from the API's own description, counted, and how they were answered."""

import json
import os
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.web.people import HERE, Crowd
from web import openapi
from web.server import create_app
from web.settings import ServerSettings

NEEDS_SHARED = False
REQUESTS = int(os.environ.get("SITEWRIGHT_TEST_REQUESTS", "100000"))
A_ROUND = 25
"""Requests of one operation in one go, at most: some have few different ones."""
BINARY = (
    "application/zip", "application/pdf", "image/jpeg", "text/csv", "video/webm", "application/offset+octet-stream",
)  # fmt: skip


def measure(shared: Path) -> dict[str, Any]:
    """Round after round over all operations, as an administrator, until there were enough."""
    for kind in BINARY:
        schemathesis.serializer(kind)(lambda _, value: value if isinstance(value, bytes) else str(value).encode())
    api = schemathesis.openapi.from_dict(json.loads(openapi.PATH.read_text(encoding="utf-8")))
    strange = api.exclude(path_regex="/events$").exclude(path="/api/v1/session", method="DELETE")
    operations = [each.ok() for each in strange.get_all_operations()]
    statuses: Counter[int] = Counter()
    broken: list[str] = []
    begun, rounds = time.monotonic(), 0
    with _crowd() as crowd:
        while statuses.total() < REQUESTS:
            for operation in operations:
                _ask(operation, crowd, rounds, statuses, broken)
            rounds += 1
    return {
        "requests": statuses.total(),
        "operations": len(operations),
        "answers": {f"{hundred}xx": sum(n for status, n in statuses.items() if status // 100 == hundred)
                    for hundred in range(2, 6)},
        "too_large_for_the_disk": statuses[507],
        "broken": broken,
        "seconds": time.monotonic() - begun,
    }  # fmt: skip


@contextmanager
def _crowd() -> Iterator[Crowd]:
    with tempfile.TemporaryDirectory() as folder:
        app = create_app(ServerSettings(data=Path(folder), requests_per_s=1e6))
        with TestClient(app, raise_server_exceptions=False) as client:
            yield Crowd(app, client)


def _ask(operation: Any, crowd: Crowd, turn: int, statuses: "Counter[int]", broken: list[str]) -> None:
    @seed(turn)
    @settings(max_examples=A_ROUND, deadline=None, database=None, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(operation.as_strategy())
    def ask(case: Any) -> None:
        if "site_id" in (case.path_parameters or {}):
            case.path_parameters["site_id"] = HERE
        request = case.as_transport_kwargs(base_url="http://testserver")
        request.pop("cookies", None)
        request["headers"] = {**request["headers"], **crowd.as_("admin").headers}
        answer = crowd.send(**request)
        statuses[answer.status_code] += 1
        if answer.status_code >= 500 and answer.status_code != 507:
            broken.append(f"{case.method} {case.path}: {answer.status_code} {answer.text[:200]}")

    ask()
