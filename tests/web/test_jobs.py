"""The queue, on both databases: every job is done once, whoever dies."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from bim.errors import BadInput
from tests.web.people import HERE, Crowd
from web import jobs
from web.database import open_database, reading, writing
from web.tables import Event, Job, Scan, now
from web.work_webhooks import pinned

LEASE = timedelta(seconds=30)
PAST = timedelta(seconds=-1)


@pytest.fixture
def engine(crowd: Crowd) -> Engine:
    return crowd.server.engine


def add(engine: Engine, task: str = "count") -> Job:
    with writing(engine) as session:
        job = jobs.enqueue(session, HERE, task, {})
        session.commit()
        return job


def state(engine: Engine, job: Job) -> Job:
    with reading(engine) as session:
        found = session.get(Job, (HERE, job.id))
        assert found
        return found


def take(engine: Engine, lease: timedelta = LEASE) -> Job:
    job = jobs.claim(engine, "worker", lease, attempts=3)
    assert job
    return job


def test_many_workers_share_the_queue_and_none_takes_anothers_job(engine: Engine) -> None:
    wanted, taken, lock = {add(engine).id for _ in range(40)}, [], threading.Lock()

    def work(number: int) -> None:
        while job := jobs.claim(engine, f"worker {number}", LEASE, attempts=3):
            with lock:
                taken.append(job.id)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert sorted(taken) == sorted(wanted)


def test_the_result_and_done_are_one(engine: Engine) -> None:
    add(engine)
    job = take(engine)
    with pytest.raises(ZeroDivisionError):
        _scan_and_fall(engine, job)
    with reading(engine) as session:
        assert session.exec(select(Scan)).all() == []
    assert state(engine, job).state == "running"
    with jobs.finishing(engine, job) as (_, held):
        held.result = {"count": 1}
    assert (state(engine, job).state, state(engine, job).result) == ("done", {"count": 1})


def _scan_and_fall(engine: Engine, job: Job) -> None:
    with jobs.finishing(engine, job) as (session, _):
        session.add(Scan(site_id=HERE, name="S", filename="s", sha256="0" * 64, size=1, taken_at=now()))
        raise ZeroDivisionError


def test_who_lost_the_lease_writes_nothing_more(engine: Engine) -> None:
    add(engine)
    first = take(engine, PAST)
    second = take(engine)
    assert (second.id, second.fence) == (first.id, first.fence + 1)
    for late in (lambda: jobs.renew(engine, first, LEASE), lambda: jobs.advance(engine, first, "step", 0.5),
                 lambda: jobs.fail(engine, first, {"en": "", "zh": ""})):  # fmt: skip
        with pytest.raises(jobs.LostLease):
            late()
    with pytest.raises(jobs.LostLease), jobs.finishing(engine, first):
        pass
    with jobs.finishing(engine, second):
        pass
    assert state(engine, first).state == "done"


def test_a_job_that_kills_its_workers_is_given_up_with_words(engine: Engine) -> None:
    job = add(engine)
    for _ in range(4):
        take(engine, PAST)
    assert jobs.claim(engine, "worker", LEASE, attempts=3) is None
    found = state(engine, job)
    assert found.state == "failed"
    assert found.error is not None
    assert "died 3 times" in found.error["en"]


def test_cancelled_work_stops_and_can_be_done_again(crowd: Crowd) -> None:
    engine, surveyor = crowd.server.engine, crowd.as_("surveyor")
    waiting = add(engine)
    assert surveyor("POST", f"jobs/{waiting.id}/cancel").json()["state"] == "cancelled"
    assert jobs.claim(engine, "worker", LEASE, attempts=3) is None
    running = add(engine)
    held = take(engine)
    assert surveyor("POST", f"jobs/{running.id}/cancel").status_code == 200
    with pytest.raises(jobs.LostLease):
        jobs.renew(engine, held, LEASE)
    jobs.drop(engine, held)
    assert surveyor("POST", f"jobs/{running.id}/cancel").status_code == 409
    assert surveyor("POST", f"jobs/{running.id}/retry").json()["state"] == "queued"
    assert take(engine).id == running.id


def test_every_step_is_told_to_the_site(engine: Engine) -> None:
    add(engine)
    job = take(engine)
    jobs.advance(engine, job, "placing the scan", 0.45)
    with jobs.finishing(engine, job):
        pass
    with reading(engine) as session:
        told = [each.data["state"] for each in session.exec(select(Event)) if each.name == "job.updated"]
    assert told == ["queued", "running", "running", "done"]


def test_a_database_that_is_no_database_is_refused() -> None:
    from bim.errors import BadInput

    with pytest.raises(BadInput, match="mysql"):
        open_database("mysql://somewhere")


# --- Webhooks ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", [
    "http://127.0.0.1/", "http://localhost:8420/x", "http://[::1]/", "http://10.1.2.3/", "http://169.254.169.254/latest",
    "http://192.168.0.1/", "http://0.0.0.0/", "http://[::ffff:127.0.0.1]/", "http://2130706433/", "http://0x7f.1/",
    "http://[fe80::1]/", "http://224.0.0.1/", "http://[64:ff9b::7f00:1]/", "http://no-such-host.invalid/",
])  # fmt: skip
def test_no_webhook_reaches_into_this_machine_or_its_network(url: str) -> None:
    from bim.errors import BadInput

    with pytest.raises(BadInput):
        pinned(url, private=False)


def test_the_connection_goes_to_the_address_that_was_checked() -> None:
    url, more = pinned("https://localhost:9/hook?x=1", private=True)
    assert url in ("https://127.0.0.1:9/hook?x=1", "https://[::1]:9/hook?x=1")
    assert more == {"headers": {"Host": "localhost:9"}, "extensions": {"sni_hostname": "localhost"}}


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("/srv/sitewright/ab12/tower.ifc has no units", "tower.ifc has no units"),
        ("cannot open '/srv/data/scan 1.laz'", "cannot open 'scan 1.laz'"),
        ("a header of version 0/3, 20 km/h", "a header of version 0/3, 20 km/h"),
    ],
)
def test_a_refusal_names_files_without_the_servers_folders(said: str, shown: str) -> None:
    assert jobs.words_of(BadInput(said))["en"] == shown
