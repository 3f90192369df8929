"""One request, one transaction, one answer.

A route's changes, their audit, their events and the answer to an Idempotency-Key commit together, before the answer
leaves: what was acknowledged is there, and a request that is repeated after a lost answer changes nothing again.
"""

import hashlib
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool

from web.database import in_turn, reading, writing
from web.problems import Problem, conflict
from web.server_state import server_of
from web.tables import Answer

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
KEY = "idempotency-key"
KEPT_HEADERS = frozenset({"content-type", "etag", "location"})


class Repeated(Exception):
    """Ends a request that was answered before, with that answer."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer


class TransactionRoute(APIRoute):
    """A route whose handler finds its session in `request.state.session`, what was sent in `request.state.body`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler within a transaction."""
        handle = super().get_route_handler()

        async def transact(request: Request) -> Response:
            server, changes = server_of(request), request.method not in SAFE
            # The body comes before the transaction: a slow network holds nobody else up.
            request.state.body = await request.body() if changes else b""
            request.state.fingerprint, request.state.turn = _fingerprint(request), None
            opened = writing if changes else reading
            session = opened(server.engine)
            request.state.session = session
            try:
                response = await handle(request)
                if changes:
                    await run_in_threadpool(_commit, request, response)
                    server.feed.wake()
            except Repeated as repeated:
                response = _again(repeated.answer)
            finally:
                if session.in_transaction():  # it is to be rolled back; a committed one holds nothing any more
                    await run_in_threadpool(session.close)
                if request.state.turn:
                    request.state.turn.release()
            return response

        return transact


async def take_turn(request: Request) -> None:
    """Wait until this request's transaction may begin; its end lets the next one go on."""
    if request.state.turn is None:
        turns = server_of(request).turns
        turn = turns.reads if request.method in SAFE else turns.writes
        await turn.acquire()
        request.state.turn = turn


def _fingerprint(request: Request) -> str | None:
    if request.method in SAFE or KEY not in request.headers:
        return None
    parts = (request.method.encode(), str(request.url.path).encode(), request.state.body)
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def answer_again(request: Request, session: Session, actor: str) -> None:
    """Raise Repeated where this actor's key was answered before, once the actor is known and the body was read."""
    fingerprint: str | None = getattr(request.state, "fingerprint", None)
    if fingerprint is None:
        return
    key = request.headers[KEY]
    if not 1 <= len(key) <= 200 or not key.isprintable():
        raise Problem(400, "bad-idempotency-key", "an Idempotency-Key has 1 to 200 printable characters; use a UUID",
                      "Idempotency-Key 应为 1 至 200 个可打印字符；请使用 UUID")  # fmt: skip
    in_turn(session, f"answer {actor} {key}")
    answered = session.get(Answer, (actor, key))
    if answered and answered.fingerprint != fingerprint:
        raise Problem(422, "idempotency-key-reused", "this Idempotency-Key went with another request; take a new one",
                      "该 Idempotency-Key 已用于其他请求；请换用新的")  # fmt: skip
    if answered:
        raise Repeated(answered)
    request.state.actor = actor


def _commit(request: Request, response: Response) -> None:
    session: Session = request.state.session
    fingerprint, actor = request.state.fingerprint, getattr(request.state, "actor", None)
    if fingerprint and actor and response.status_code < 400:
        headers = {name: value for name, value in response.headers.items() if name in KEPT_HEADERS}
        session.add(Answer(actor=actor, key=request.headers[KEY], fingerprint=fingerprint,
                           status=response.status_code, headers=headers, body=bytes(response.body)))  # fmt: skip
    try:
        session.commit()
    except IntegrityError:
        raise conflict(
            "already-there", "this exists already, or what it refers to does not; look at it first",
            "该内容已存在，或其引用的内容不存在；请先查看",
        ) from None  # fmt: skip


def _again(answer: Answer) -> Response:
    return Response(answer.body, answer.status, {**answer.headers, "Idempotency-Replayed": "true"})
