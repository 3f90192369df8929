"""A change, its trail, its event and its answer are one; what is repeated changes nothing again."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlmodel import select, update

from tests.web.people import API, HERE, Crowd
from web.database import reading, writing
from web.feed import FORGOTTEN, Feed
from web.forgetting import forget
from web.tables import Audit, Event, Hazard, Issue, Webhook, now

CRACK = {"title": "Crack", "issue_id": "made-offline", "element_ids": ["wall"]}


def rows(crowd: Crowd, table: type) -> list[object]:
    with reading(crowd.server.engine) as session:
        return list(session.exec(select(table)))


def test_a_repeated_request_is_answered_alike_and_done_once(crowd: Crowd) -> None:
    manager, key = crowd.as_("manager"), {"Idempotency-Key": "0b7c"}
    first, again = (manager("POST", "issues", key, json=CRACK) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["etag"] == first.headers["etag"]
    assert len(rows(crowd, Issue)) == 1
    assert len([each for each in rows(crowd, Event) if each.name == "issue.updated"]) == 1  # type: ignore[attr-defined]


def test_a_key_belongs_to_one_request_and_one_person(crowd: Crowd) -> None:
    key = {"Idempotency-Key": "0b7c"}
    assert crowd.as_("manager")("POST", "issues", key, json={"title": "Crack"}).status_code == 201
    assert crowd.as_("manager")("POST", "issues", key, json={"title": "Gap"}).status_code == 422
    assert crowd.as_("surveyor")("POST", "issues", key, json={"title": "Gap"}).status_code == 201


def test_what_failed_is_not_remembered(crowd: Crowd) -> None:
    manager, key = crowd.as_("manager"), {"Idempotency-Key": "0b7c"}
    assert manager("POST", "issues", key, json={"title": ""}).status_code == 422
    assert manager("POST", "issues", key, json={"title": "Crack"}).status_code == 201


def test_who_changes_what_another_changed_is_told(crowd: Crowd) -> None:
    manager = crowd.as_("manager")
    issue = manager("POST", "issues", json=CRACK)
    mine = {"If-Match": issue.headers["etag"]}
    assert manager("PATCH", "issues/made-offline", mine, json={"priority": "high"}).status_code == 200
    answer = crowd.as_("surveyor")("PATCH", "issues/made-offline", mine, json={"state": "closed"})
    assert (answer.status_code, answer.headers["etag"]) == (412, '"2"')
    assert answer.headers["content-type"] == "application/problem+json"
    assert manager("GET", "issues/made-offline").json()["state"] == "open"


def test_every_change_is_in_the_audit_with_what_it_was(crowd: Crowd) -> None:
    manager = crowd.as_("manager")
    manager("POST", "issues", json=CRACK)
    manager("PATCH", "issues/made-offline", json={"state": "closed", "priority": "high"})
    newest = crowd.as_("regulator")("GET", "audit?limit=1").json()["items"][0]
    assert (newest["actor"], newest["verb"], newest["kind"]) == ("person:manager", "changed", "issue")
    assert newest["changes"] == {"state": ["open", "closed"], "body.priority": ["normal", "high"]}


def test_no_secret_is_in_the_audit(crowd: Crowd) -> None:
    hook = {"url": "https://example.org/hook", "events": ["issue."]}
    key = crowd.as_("manager")("POST", "webhooks", json=hook).json()["key"]
    crowd.as_("manager")("POST", "/api/v1/tokens", json={"name": "reader", "scopes": ["read"]})
    webhook = rows(crowd, Webhook)[0]
    assert webhook.key == key  # type: ignore[attr-defined]
    assert not [each for each in rows(crowd, Audit) if key in str(each.changes) or "secret_hash" in each.changes]  # type: ignore[attr-defined]


def test_an_element_finds_what_speaks_of_it(crowd: Crowd) -> None:
    from sqlmodel import Session

    from web.tables import Mention

    manager = crowd.as_("manager")
    manager("POST", "issues", json=CRACK)
    with Session(crowd.server.engine) as session:
        assert [(each.what, each.ref) for each in session.exec(select(Mention))] == [("issue", "made-offline")]
    manager("PATCH", "issues/made-offline", json={"element_ids": []})
    assert rows(crowd, Mention) == []


def test_more_requests_at_once_than_there_are_threads_and_connections_all_end(crowd: Crowd) -> None:
    manager = crowd.as_("manager")
    asked = [("POST", "issues", {"title": f"Crack {n}"}) for n in range(120)] + [("GET", "today", None)] * 120

    async def send() -> list[int]:
        transport = httpx.ASGITransport(crowd.app)
        async with httpx.AsyncClient(transport=transport, base_url=f"http://here{API}/sites/{HERE}/") as client:
            sent = [client.request(verb, path, json=body, headers=manager.headers) for verb, path, body in asked]
            return [answer.status_code for answer in await asyncio.gather(*sent)]

    assert asyncio.run(send()) == [201] * 120 + [200] * 120
    numbers = [each["number"] for each in manager("GET", "issues?limit=1000").json()["items"]]
    assert sorted(numbers) == list(range(1, 121)), "one after another, none twice"


def test_who_sends_slowly_holds_nobody_up(crowd: Crowd) -> None:
    manager = crowd.as_("manager")

    async def send() -> tuple[int, int]:
        arrived, rest = asyncio.Event(), asyncio.Event()

        async def body() -> AsyncIterator[bytes]:
            yield b'{"title": '
            arrived.set()
            await rest.wait()
            yield b'"Slow"}'

        async with httpx.AsyncClient(transport=httpx.ASGITransport(crowd.app), base_url="http://here") as client:
            path, headers = f"{API}/sites/{HERE}/issues", manager.headers | {"Content-Type": "application/json"}
            slow = asyncio.create_task(client.post(path, content=body(), headers=headers))
            await arrived.wait()
            quick = await client.post(path, json={"title": "Quick"}, headers=headers)
            rest.set()
            return quick.status_code, (await slow).status_code

    assert asyncio.run(send()) == (201, 201)


@pytest.mark.parametrize("path", ["issues", "zones", "hazards"])
def test_lists_are_read_page_by_page_whole_and_in_order(one_crowd: Crowd, path: str) -> None:
    manager = one_crowd.as_("manager")
    body = {
        "issues": {"title": "Crack"},
        "zones": {"name": "Edge", "kind": "edge", "polygon_m": [[0, 0], [1, 0], [0, 1]]},
        "hazards": {"level": "warning", "text": {"en": "hole", "zh": "洞"}},
    }[path]
    for _ in range(7):
        assert manager("POST", path, json=body).status_code == 201
    whole = manager("GET", f"{path}?limit=1000").json()["items"]
    read, cursor = [], ""
    while True:
        page = manager("GET", f"{path}?limit=3{cursor}").json()
        read += page["items"]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert read == whole
    assert len(read) >= 7


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)


@given(ANY_JSON)
@settings(max_examples=100, deadline=None)
def test_whatever_is_sent_as_an_issue_is_taken_or_refused_with_words(one_crowd: Crowd, body: object) -> None:
    answer = one_crowd.as_("manager")("POST", "issues", json=body)
    assert answer.status_code in (201, 422)
    if answer.status_code == 422:
        assert set(answer.json()) >= {"type", "title", "status", "detail", "detail_zh"}


def test_a_clip_is_forgotten_a_month_after_its_hazard_was_closed(crowd: Crowd) -> None:
    clip, at = b"\x1a\x45\xdf\xa3 film", now().isoformat()
    evidence = {"kind": "clip", "sha256": hashlib.sha256(clip).hexdigest(), "file": "clip.webm"}
    alarm = {"rule": "no_vest", "level": "notice", "text": {"en": "No vest", "zh": "未穿反光衣"}, "camera_id": "c1",
             "source": "camera", "opened_at": at, "seen_at": at, "due_at": at, "evidence": [evidence]}  # fmt: skip
    watch, officer = crowd.program(), crowd.as_("safety_officer")
    for name in ("open", "closed"):
        assert watch("PUT", f"hazards/{name}", json=alarm).status_code == 200
    assert watch("POST", "hazards/closed/clips", {"Content-Type": "video/webm"}, content=clip).status_code == 201
    assert officer("POST", "hazards/closed/deeds", json={"deed": "review", "review": "false"}).status_code == 200
    shown = f"hazards/closed/clips/{evidence['sha256']}"
    forget(crowd.server.engine, crowd.server.files)
    assert officer("GET", shown).content == clip
    with writing(crowd.server.engine) as session:
        session.execute(update(Hazard).values(updated_at=now() - timedelta(days=31)))
        session.commit()
    forget(crowd.server.engine, crowd.server.files)
    assert officer("GET", shown).status_code == 404
    assert officer("GET", "hazards/closed").json()["evidence"][0]["sha256"] == evidence["sha256"]


def test_events_are_forgotten_after_a_while_and_listeners_told_and_nothing_else(crowd: Crowd) -> None:
    manager, key = crowd.as_("manager"), {"Idempotency-Key": "0b7c"}
    manager("POST", "issues", key, json=CRACK)
    for number in range(3):
        manager("PATCH", "issues/made-offline", json={"description": f"{number} mm"})
    audit = len(rows(crowd, Audit))
    with writing(crowd.server.engine) as session:
        for event in session.exec(select(Event)):
            event.at -= timedelta(days=8)
        session.commit()
    forget(crowd.server.engine, crowd.server.files)
    assert [each.id for each in rows(crowd, Event)] == [4], "the newest, from which ids are counted on"  # type: ignore[attr-defined]
    assert (len(rows(crowd, Issue)), len(rows(crowd, Audit))) == (1, audit)
    assert manager("POST", "issues", key, json=CRACK).headers["idempotency-replayed"] == "true"
    asyncio.run(_hears_that_something_was_forgotten(crowd))


async def _hears_that_something_was_forgotten(crowd: Crowd) -> None:
    first = await anext(Feed(crowd.server.engine).listen(HERE, after=1))
    assert first is not None
    assert first.name == FORGOTTEN
