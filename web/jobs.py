"""A durable queue in the database: nothing acknowledged is lost, nothing is done twice.

    queued ─ claim ─▶ running ─ finish ─▶ done        a lease that runs out makes it claimable again; the fence,
       ▲                 │  └── fail ──▶ failed        counted up by each claim, then keeps the former worker's
       └──── retry ──────┴── cancel ──▶ cancelled     result out

Workers on one machine share SQLite, on several PostgreSQL. What a job writes commits together with its `done`.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from sqlalchemy import Engine
from sqlmodel import Session, col, or_, select

from bim.errors import SitewrightError
from web.database import writing
from web.tables import Job, now
from web.trail import tell

BACK_OFF_S = 5.0
OPEN = ("queued", "running")
_FOLDERS = re.compile(r"(?<![^\s'\"(])(?:/[^/\s]+)+/(?=[^/\s])")


class LostLease(Exception):
    """Another worker has the job now, or it was cancelled: what was done of it does not count."""


def enqueue(session: Session, site_id: str, task: str, payload: dict[str, Any], by: str | None = None) -> Job:
    """Put a job into the queue, when and if this transaction commits."""
    job = Job(site_id=site_id, task=task, payload=payload, created_by=by)
    session.add(job)
    told(session, job)
    return job


def claim(engine: Engine, worker: str, lease: timedelta, attempts: int) -> Job | None:
    """Take the job that waits longest. One that killed its workers `attempts` times fails instead."""
    with writing(engine) as session:
        at = now()
        ready = or_(
            (col(Job.state) == "queued") & (col(Job.due_at) <= at),
            (col(Job.state) == "running") & (col(Job.lease_until) < at),
        )
        query = select(Job).where(ready).order_by(col(Job.due_at), col(Job.id)).limit(1)
        job = session.exec(query.with_for_update(skip_locked=True)).first()
        if job is None:
            return None
        job.fence += 1
        if job.cancel_asked:
            _settle(session, job, "cancelled")
        elif job.attempts >= attempts:
            _settle(session, job, "failed", _gave_up(job))
        else:
            job.state, job.attempts, job.worker = "running", job.attempts + 1, worker
            job.lease_until, job.share, job.step, job.error = at + lease, 0.0, "", None
            told(session, job)
        session.commit()
        return job


def renew(engine: Engine, job: Job, lease: timedelta) -> None:
    """Keep a job that is being worked on. Raises LostLease."""
    with writing(engine) as session:
        _held(session, job).lease_until = now() + lease
        session.commit()


def advance(engine: Engine, job: Job, step: str, share: float) -> None:
    """Say how far it is. Raises LostLease."""
    with writing(engine) as session:
        held = _held(session, job)
        held.step, held.share = step[:200], min(max(share, 0.0), 1.0)
        told(session, held)
        session.commit()


@contextmanager
def finishing(engine: Engine, job: Job) -> Iterator[tuple[Session, Job]]:
    """A transaction for what came of a job; it commits with the job's `done`, or not at all. Raises LostLease."""
    with writing(engine, {"actor": (f"job:{job.id}", job.task)}) as session:
        held = _held(session, job)
        yield session, held
        _settle(session, held, "done")
        session.commit()


def fail(engine: Engine, job: Job, error: dict[str, str], retry_in_s: float | None = None) -> None:
    """It went wrong: for good, or to be tried again after a while. Raises LostLease."""
    with writing(engine) as session:
        held = _held(session, job)
        if retry_in_s is None:
            _settle(session, held, "failed", error)
        else:
            held.state, held.due_at, held.error = "queued", now() + timedelta(seconds=retry_in_s), error
            told(session, held)
        session.commit()


def drop(engine: Engine, job: Job) -> None:
    """End a job that was cancelled while it ran, once nobody works on it any more."""
    with writing(engine) as session:
        held = session.get(Job, (job.site_id, job.id))
        if held and held.state == "running" and held.fence == job.fence and held.cancel_asked:
            _settle(session, held, "cancelled")
            session.commit()


def cancel(session: Session, job: Job) -> None:
    """Ask for the end of a job. One that waits ends at once, one that runs when its worker looks."""
    job.cancel_asked = True
    if job.state == "queued":
        _settle(session, job, "cancelled")


def retry(session: Session, job: Job) -> None:
    """Do a job again that has failed or was cancelled."""
    job.state, job.due_at, job.attempts, job.cancel_asked = "queued", now(), 0, False
    job.error, job.share, job.finished_at = None, 0.0, None
    told(session, job)


def told(session: Session, job: Job) -> None:
    """Tell the site how a job stands; deliveries to webhooks tell nobody."""
    if job.task != "deliver":
        data = {"job_id": job.id, "task": job.task, "state": job.state, "share": job.share, "step": job.step}
        tell(session, job.site_id, "job.updated", data)


def words_of(error: SitewrightError) -> dict[str, str]:
    """A refusal of the domain, for both languages. Files are named without the server's folders."""
    text = _FOLDERS.sub("", str(error))
    return {"en": text, "zh": f"无法完成：{text}"}


def _held(session: Session, job: Job) -> Job:
    query = select(Job).where(Job.site_id == job.site_id, Job.id == job.id).with_for_update()
    held = session.exec(query).first()
    if held is None or held.state != "running" or held.fence != job.fence or held.cancel_asked:
        raise LostLease(job.id)
    return held


def _settle(session: Session, job: Job, state: str, error: dict[str, str] | None = None) -> None:
    job.state, job.finished_at, job.lease_until, job.error = state, now(), None, error
    job.share = 1.0 if state == "done" else job.share
    told(session, job)


def _gave_up(job: Job) -> dict[str, str]:
    return {
        "en": f"its worker died {job.attempts} times; look at the worker's log, then try again",
        "zh": f"处理进程已中断 {job.attempts} 次；请查看其日志后重试",
    }
