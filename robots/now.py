"""The wall clock, read here alone: it may jump, so it is shown and recorded, and nothing is decided by it."""

import datetime as dt


def utc() -> dt.datetime:
    """Now, aware UTC."""
    return dt.datetime.now(dt.UTC)
