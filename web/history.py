"""The comparisons of a site as epochs (bim.epochs), and what all of them say together."""

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
from sqlalchemy import delete, insert
from sqlmodel import Session, col, select

from bim.epochs import STATES, Epoch, Known, known
from bim.verdict import State
from web.tables import Comparison, Current, ElementVerdict


def epochs_of(session: Session, site_id: str) -> list[Epoch]:
    """The comparisons that are done, each as columns."""
    query = select(Comparison).where(Comparison.site_id == site_id, col(Comparison.is_done))
    return [_epoch(session, comparison) for comparison in session.exec(query.order_by(col(Comparison.at)))]


def _epoch(session: Session, comparison: Comparison) -> Epoch:
    v = ElementVerdict
    query = select(v.global_id, v.state, v.completion_low, v.completion_high, v.confidence, v.translation_m, v.sigma_m)  # type: ignore[call-overload]
    where = (v.site_id == comparison.site_id, v.comparison_id == comparison.id)
    rows = session.exec(query.where(*where).order_by(col(v.global_id))).all()
    nowhere = (np.nan,) * 3
    return Epoch(
        comparison.at,
        tuple(row[0] for row in rows),
        np.array([STATES.index(State(row[1])) for row in rows], np.uint8),
        np.array([row[2:4] for row in rows], np.float32).reshape(-1, 2),
        np.array([row[4] for row in rows], np.float32),
        np.array([row[5] or nowhere for row in rows], np.float32).reshape(-1, 3),
        np.array([np.nan if row[6] is None else row[6] for row in rows], np.float32),
    )


def renew_current(session: Session, site_id: str) -> None:
    """Write anew what all comparisons say together."""
    session.flush()
    session.execute(delete(Current).where(col(Current.site_id) == site_id))
    epochs = epochs_of(session, site_id)
    if epochs:
        now_known = known(epochs)
        rows = _rows(now_known, site_id, _provers(session, site_id))
        session.execute(insert(Current), rows)


def _provers(session: Session, site_id: str) -> dict[np.datetime64, str]:
    """The comparison of each time."""
    query = select(Comparison).where(Comparison.site_id == site_id, col(Comparison.is_done))
    return {np.datetime64(each.at.replace(tzinfo=None), "us"): each.id for each in session.exec(query)}


def _rows(found: Known, site_id: str, provers: dict[np.datetime64, str]) -> Sequence[dict[str, object]]:
    newest = max(provers)
    return [
        {
            "site_id": site_id,
            "global_id": global_id,
            "state": STATES[found.state[n]].value,
            "completion_low": float(found.completion[n, 0]),
            "completion_high": float(found.completion[n, 1]),
            "confidence": float(found.confidence[n]),
            "translation_m": _finite(found.translation_m[n]),
            "sigma_m": float(found.sigma_m[n]) if np.isfinite(found.sigma_m[n]) else None,
            "comparison_id": provers.get(found.proved_at[n], provers[newest]),
            "proved_at": _time(found.proved_at[n]),
            "looked_at": _time(found.looked_at[n]),
        }
        for n, global_id in enumerate(found.global_ids)
    ]


def _finite(vector: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> list[float] | None:
    return [float(v) for v in vector] if bool(np.isfinite(vector).all()) else None


def _time(at: np.datetime64) -> datetime | None:
    return None if np.isnat(at) else at.astype("datetime64[us]").item().replace(tzinfo=UTC)
