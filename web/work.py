"""What workers do, a function a task. Each ends by writing what came of it together with the job's `done`."""

import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType

from sqlalchemy import Engine

from bim.errors import SitewrightError
from bim.isolation import Limits
from web import jobs
from web.files import Files
from web.settings import ServerSettings
from web.tables import Job

TELL_S = 0.5


@dataclass
class Work:
    """A job in hand: what it needs of the server, and a folder that is removed after it."""

    job: Job
    engine: Engine
    files: Files
    settings: ServerSettings
    limits: Limits
    cache: Path
    folder: Path
    _told: float = field(default=0.0)

    def advance(self, step: str, share: float) -> None:
        """Say how far it is; not more often than anybody can read. Raises LostLease."""
        if time.monotonic() - self._told > TELL_S:
            jobs.advance(self.engine, self.job, step, share)
            self._told = time.monotonic()


class TryLater(Exception):
    """It did not work this time; `after_s` says when to try again."""

    def __init__(self, error: dict[str, str], after_s: float) -> None:
        self.error, self.after_s = error, after_s
        super().__init__(error["en"])


Task = Callable[[Work], None]


@cache
def tasks() -> Mapping[str, Task]:
    """What there is to do. Imported when a worker needs them: the server itself stays light."""
    from web import work_archive, work_building, work_programme, work_viewer, work_webhooks

    return MappingProxyType({
        "read_model": work_building.read_model,
        "pack": work_viewer.make_pack,
        "copc": work_viewer.make_copc,
        "compare": work_building.compare,
        "read_schedule": work_programme.read_schedule,
        "progress": work_programme.report_progress,
        "export": work_archive.export,
        "import": work_archive.bring_in,
        "deliver": work_webhooks.deliver,
    })  # fmt: skip


def do(job: Job, engine: Engine, settings: ServerSettings, limits: Limits, cache: Path) -> None:
    """Do a job. Whatever goes wrong is written into it; a lost lease means that it is somebody else's now."""
    try:
        with tempfile.TemporaryDirectory(prefix="sitewright-job-") as folder:
            work = Work(job, engine, Files(settings.files), settings, limits, cache, Path(folder))
            tasks()[job.task](work)
    except jobs.LostLease:
        return
    except TryLater as later:
        jobs.fail(engine, job, later.error, later.after_s if job.attempts < settings.job_attempts else None)
    except SitewrightError as error:
        jobs.fail(engine, job, jobs.words_of(error))
