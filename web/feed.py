"""The stream of events: one reader of the database for any number of listeners, who resume where they stopped."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from sqlalchemy import Engine
from sqlmodel import col, func, select
from starlette.concurrency import run_in_threadpool

from web.database import reading
from web.tables import Event

LOOK_S = 0.25
"""How often other processes' events are looked for; those of this process come at once."""
QUIET_S = 15.0
"""After so long without an event a listener hears that it is still connected."""
BATCH, BACKLOG = 500, 2000
FORGOTTEN = "stream.forgotten"
"""The first event for a listener who was away for so long that some are no longer kept: read everything anew."""


@dataclass(eq=False)
class _Listener:
    site_id: str
    events: asyncio.Queue[Event | None] = field(default_factory=lambda: asyncio.Queue(BACKLOG))
    is_slow: bool = False

    def put(self, event: Event) -> None:
        self.is_slow = self.is_slow or self.events.full()
        if not self.is_slow:
            self.events.put_nowait(event)

    def wake(self) -> None:
        if not self.events.full():
            self.events.put_nowait(None)

    async def next(self) -> Event | None:
        try:
            return await asyncio.wait_for(self.events.get(), QUIET_S)
        except TimeoutError:
            return None


class Feed:
    """Carries events from the table to listeners. `run` is its only task."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._listeners: set[_Listener] = set()
        self._news = asyncio.Event()
        self._last = 0
        self._ends = False

    def end(self) -> None:
        """Let every listener go: the server stops. They come back with their last id."""
        self._ends = True
        for listener in self._listeners:
            listener.wake()

    def wake(self) -> None:
        """Something was committed here."""
        self._news.set()

    async def run(self) -> None:
        """Carry events until cancelled. A database that is away for a while is asked again."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), LOOK_S)
            self._news.clear()
            if self._listeners:
                with contextlib.suppress(Exception):
                    await self._carry()

    async def listen(self, site_id: str, after: int | None) -> AsyncIterator[Event | None]:
        """The events of a site after an id, or from now on; None now and then, while nothing happens.

        Ends when the listener is too slow, or the server stops: it comes back with its last id.
        """
        listener = _Listener(site_id)
        if not self._listeners:
            self._last = await run_in_threadpool(self._newest)
        self._listeners.add(listener)
        last = self._last if after is None else after
        if last and last < await run_in_threadpool(self._oldest) - 1:
            yield Event(id=last, site_id=site_id, name=FORGOTTEN, data={})
        try:
            async for event in self._kept(site_id, last):
                last = event.id or last
                yield event
            while not (self._ends or (listener.is_slow and listener.events.empty())):
                news = await listener.next()
                if news is None or (news.id or 0) > last:
                    yield news
        finally:
            self._listeners.discard(listener)

    async def _kept(self, site_id: str, after: int) -> AsyncIterator[Event]:
        while found := await run_in_threadpool(self._after, after, site_id):
            for event in found:
                yield event
                after = event.id or after

    async def _carry(self) -> None:
        while found := await run_in_threadpool(self._after, self._last, None):
            for event in found:
                self._last = event.id or self._last
                for listener in self._listeners:
                    if listener.site_id == event.site_id:
                        listener.put(event)

    def _oldest(self) -> int:
        with reading(self._engine) as session:
            return session.exec(select(func.min(Event.id))).one() or 0

    def _newest(self) -> int:
        with reading(self._engine) as session:
            return session.exec(select(func.max(Event.id))).one() or 0

    def _after(self, after: int, site_id: str | None) -> list[Event]:
        query = select(Event).where(col(Event.id) > after).order_by(col(Event.id)).limit(BATCH)
        with reading(self._engine) as session:
            return list(session.exec(query if site_id is None else query.where(Event.site_id == site_id)))
