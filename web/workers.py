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
from pathlib import Path
from typing import NoReturn

from sqlalchemy import Engine

from bim.isolation import Limits
from web import jobs
from web.database import open_database
from web.settings import ServerSettings
from web.tables import Job
from web.work import do

LOOK_S, RENEW_EVERY = 1.0, 5
"""How often a worker looks after its child, and at which of these looks it renews the lease."""
IDLE_S = 0.3
DIED = {"en": "its process died; it is tried again", "zh": "处理进程中断；将重试"}
FAULT = {"en": "a fault in Sitewright; the worker's log has it", "zh": "程序内部错误；详见处理进程日志"}


def work(settings: ServerSettings, limits: Limits, cache: Path, wait: Callable[[float], bool]) -> None:
    """Work until `wait(seconds)` says that it is time to end. A database that is away is waited for."""
    engine, name = open_database(settings.database), f"{socket.gethostname()}:{os.getpid()}"
    ends = False
    while not ends:
        job = None
        with contextlib.suppress(Exception):
            job = jobs.claim(engine, name, settings.job_attempts)
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
    ended, looks = os.pidfd_open(child), 0
    try:
        while not select.select([ended], [], [], LOOK_S)[0]:
            looks += 1
            if not _keep(engine, job, looks) or wait(0.0):
                os.kill(child, signal.SIGKILL)
    finally:
        os.close(ended)
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    _give_back(engine, job, os.waitstatus_to_exitcode(status))
    return wait(0.0)


def _keep(engine: Engine, job: Job, looks: int) -> bool:
    """Whether the job is still ours; its lease is renewed now and then. A database that is away changes nothing."""
    try:
        if looks % RENEW_EVERY == 0:
            jobs.renew(engine, job)
        return jobs.is_ours(engine, job)
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
