"""A worker: takes jobs from the queue one by one, and does each in a child process that can be stopped or can die.

    claim ─▶ fork ─▶ child does the job, commits its result with `done`
               └──▶ parent keeps the lease, looks whether the job was cancelled, and ends the child if so

A child that dies gives its job back at once; a worker that dies gives it back when the lease runs out, and its child
dies with it (PR_SET_PDEATHSIG).
"""

import contextlib
import ctypes
import os
import select
import signal
import socket
import traceback
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import NoReturn

from sqlalchemy import Engine

from bim.isolation import Limits
from web import jobs
from web.database import open_database
from web.settings import ServerSettings
from web.tables import Job
from web.work import do, tasks

LOOK_S, LOOKS_A_LEASE = 1.0, 5
"""How often a worker looks after its child, at least; and how many times while a lease lasts."""
IDLE_S = 0.3
DIED = {"en": "its process died; it is tried again", "zh": "处理进程中断；将重试"}
FAULT = {"en": "a fault in Sitewright; the worker's log has it", "zh": "程序内部错误；详见处理进程日志"}


def work(settings: ServerSettings, limits: Limits, cache: Path, wait: Callable[[float], bool]) -> None:
    """Work until `wait(seconds)` says that it is time to end. A database that is away is waited for."""
    engine, name = open_database(settings.database), f"{socket.gethostname()}:{os.getpid()}"
    lease, ends = timedelta(seconds=settings.lease_s), False
    tasks()  # imported before the fork: no child has to do it again
    while not ends:
        job = None
        with contextlib.suppress(Exception):
            job = jobs.claim(engine, name, lease, settings.job_attempts)
        if job is None:
            ends = wait(IDLE_S)
        elif job.state == "running":
            ends = look_after(engine, job, settings, limits, cache, wait)


def look_after(
    engine: Engine, job: Job, settings: ServerSettings, limits: Limits, cache: Path, wait: Callable[[float], bool]
) -> bool:
    """Do a job in a child and look after it. Returns whether the worker shall end."""
    engine.dispose()
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        _child(parent, job, settings, limits, cache)
    ended, lease = os.pidfd_open(child), timedelta(seconds=settings.lease_s)
    try:
        while not select.select([ended], [], [], min(LOOK_S, settings.lease_s / LOOKS_A_LEASE))[0]:
            if not _keep(engine, job, lease) or wait(0.0):
                os.kill(child, signal.SIGKILL)
    finally:
        os.close(ended)
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    _give_back(engine, job, os.waitstatus_to_exitcode(status))
    return wait(0.0)


def _keep(engine: Engine, job: Job, lease: timedelta) -> bool:
    """Renew the lease; whether the job is still ours. A database that is away for a while changes nothing."""
    try:
        jobs.renew(engine, job, lease)
        return True
    except jobs.LostLease:
        return False
    except Exception:
        return True


def _give_back(engine: Engine, job: Job, code: int) -> None:
    """A job that its child did not settle: cancelled if that was asked, else to be done again."""
    with contextlib.suppress(Exception):
        jobs.drop(engine, job)
        if code != 0:
            jobs.fail(engine, job, FAULT if code > 0 else DIED, jobs.BACK_OFF_S * job.attempts)


def _child(parent: int, job: Job, settings: ServerSettings, limits: Limits, cache: Path) -> NoReturn:
    code = 1
    try:
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
        if os.getppid() == parent:
            do(job, open_database(settings.database), settings, limits, cache)
            code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)
