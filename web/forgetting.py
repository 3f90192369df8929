"""What a server may forget: events and answers that nobody can ask for any more, jobs that are long over, and the clips
of hazards that were closed a month ago, because they show people.

What people enter, verdicts, the audit trail and other files are never forgotten. An answer is kept far longer than any
device stays away: an outbox that was offline for a season still sends each item once.
"""

from datetime import timedelta

from sqlalchemy import Engine, delete, func, select
from sqlmodel import col

from web.database import reading, writing
from web.files import Files
from web.tables import Answer, Event, Hazard, Job, Link, SignIn, now

EVENTS, DELIVERIES, ANSWERS, CLIPS = timedelta(days=7), timedelta(days=30), timedelta(days=400), timedelta(days=30)
EVERY_S = 3600.0


def forget(engine: Engine, files: Files) -> None:
    """Remove what is older than anybody needs."""
    at = now()
    _forget_clips(engine, files)
    with writing(engine) as session:
        newest = select(func.max(Event.id)).scalar_subquery()  # stays: SQLite would count from 1 again without it
        session.execute(delete(Event).where(col(Event.at) < at - EVENTS, col(Event.id) < newest))
        session.execute(delete(Answer).where(col(Answer.at) < at - ANSWERS))
        session.execute(delete(Link).where(col(Link.expires_at) < at))
        session.execute(delete(SignIn).where(col(SignIn.expires_at) < at))
        old = (col(Job.task) == "deliver") & (col(Job.finished_at) < at - DELIVERIES)
        session.execute(delete(Job).where(old))
        session.commit()


def _forget_clips(engine: Engine, files: Files) -> None:
    with reading(engine) as session:
        closed = select(Hazard).where(col(Hazard.state) == "closed", col(Hazard.updated_at) < now() - CLIPS)
        evidence = [each for hazard in session.scalars(closed) for each in hazard.body["evidence"]]
    for each in evidence:
        if each["kind"] == "clip":
            files.drop(each["sha256"])
