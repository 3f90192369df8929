"""What a server may forget: events and answers that nobody can ask for any more, jobs that are long over.

What people enter, verdicts, the audit trail and files are never forgotten. An answer is kept far longer than any device
stays away: an outbox that was offline for a season still sends each item once.
"""

from datetime import timedelta

from sqlalchemy import Engine, delete, func, select
from sqlmodel import col

from web.database import writing
from web.tables import Answer, Event, Job, Link, SignIn, now

EVENTS, DELIVERIES, ANSWERS = timedelta(days=7), timedelta(days=30), timedelta(days=400)
EVERY_S = 3600.0


def forget(engine: Engine) -> None:
    """Remove what is older than anybody needs."""
    at = now()
    with writing(engine) as session:
        newest = select(func.max(Event.id)).scalar_subquery()  # stays: SQLite would count from 1 again without it
        session.execute(delete(Event).where(col(Event.at) < at - EVENTS, col(Event.id) < newest))
        session.execute(delete(Answer).where(col(Answer.at) < at - ANSWERS))
        session.execute(delete(Link).where(col(Link.expires_at) < at))
        session.execute(delete(SignIn).where(col(SignIn.expires_at) < at))
        old = (col(Job.task) == "deliver") & (col(Job.finished_at) < at - DELIVERIES)
        session.execute(delete(Job).where(old))
        session.commit()
