"""A deleted job stays deleted: what is left of it refuses its late deliveries, holds nothing else, and goes with `expire`."""

import json

import pytest

from cloning import keys
from cloning.errors import JobNotFound, RecordDamaged
from cloning.jobs.claim import Claim
from tests.lanes import Lane
from tests.unit.cloning.jobs.world import DAY_S, DIGEST, World


def test_a_late_delivery_does_not_bring_a_deleted_job_back() -> None:
    """A worker that stood still between its look for the job and its claim makes nothing of a job that was done and deleted meanwhile."""
    world = World()
    _, late = world.machine("late")
    assert late.find("a") is None
    world.done("a", delivery="first")
    world.machine("other")[1].delete("a")

    with pytest.raises(
        JobNotFound,
        match="was deleted, and this is a late delivery of a request for it; to have it made again, send a new request",
    ):
        late.claim("a", DIGEST, 7, delivery="first", is_new=True)

    assert late.find("a") is None


def test_another_request_makes_a_deleted_job_again() -> None:
    """The id of a deleted job can be used again; neither the first request nor the second brings it back once that is deleted too."""
    world = World()
    _, jobs = world.machine("w")
    for delivery in ("first", "second"):
        world.done("a", delivery=delivery)
        jobs.delete("a")

    for delivery in ("first", "second"):
        with pytest.raises(JobNotFound):
            jobs.claim("a", DIGEST, 7, delivery=delivery)


def test_a_job_under_a_deleted_ones_id_survives_expire() -> None:
    """Whenever an id is used again while `expire` removes what stays of its deleted job, the new job keeps its record: its claim waits."""
    waited = [new_job_beside_expire(calls) for calls in range(1, 12)]

    assert sum(waited) >= 1
    assert waited[-1] == 0  # it had ended before


def new_job_beside_expire(calls: int) -> int:
    """Claim the id after so many calls of `expire` to the store; return how often the claim waited."""
    world = World()
    world.done("a")
    world.machine("w")[1].delete("a")
    world.clock.advance(40 * DAY_S)
    store, jobs = world.machine("housekeeper", Lane.stop_here)
    waits = list[float]()

    def tidy() -> None:
        world.expire(store, jobs)

    lane = Lane(tidy)

    def wait(seconds: float) -> None:
        waits.append(seconds)
        lane.go_on()

    world.clock.sleep = wait  # type: ignore[method-assign]
    for _ in range(calls):
        if not lane.done:
            lane.go_on()
    claim = world.machine("new")[1].claim("a", DIGEST, 7, delivery="another")
    while not lane.done:
        lane.go_on()
    assert isinstance(claim, Claim)
    claim.renew()
    return len(waits)


def test_a_removal_that_died_in_the_middle_holds_a_claim_up_for_seconds() -> None:
    """If `expire` ends between its two steps, the next request gets the id after ten seconds."""
    world = World()
    world.done("a")
    _, jobs = world.machine("w")
    jobs.records.mark_deleted("a", jobs.records.load("a"), (), hold_s=10)
    begun = world.clock.monotonic()

    claim = jobs.claim("a", DIGEST, 7, delivery="another")

    assert isinstance(claim, Claim)
    assert world.clock.monotonic() - begun == pytest.approx(10, abs=1)


@pytest.mark.parametrize(
    "kept",
    [
        {"result": {"text": "secret"}},
        {"status": "COMPLETED"},
        {"deliveries": ["a secret"]},
        {"request_digest": "secret"},
    ],
)
def test_a_deleted_jobs_record_that_is_not_empty_is_damaged(kept: dict[str, object]) -> None:
    """Whoever wrote it, `delete` empties it, and nothing of it stays."""
    world = World()
    _, jobs = world.machine("w")
    world.done("a")
    jobs.delete("a")
    record = json.loads(world.bucket.objects[keys.job_record("a")].body) | kept
    world.bucket.write(keys.job_record("a"), json.dumps(record).encode())
    with pytest.raises(RecordDamaged):
        jobs.find("a")

    jobs.delete("a")

    assert b"secret" not in world.bucket.objects[keys.job_record("a")].body
    assert jobs.find("a") is None


def test_the_delivery_that_brings_the_delete_may_make_the_job_again() -> None:
    """An id that brings a generate and a delete is none of a queue's, which has one for each request: a script calls the handler with it."""
    world = World()
    _, jobs = world.machine("w")
    world.done("a", delivery="local_test")

    jobs.delete("a", delivery="local_test")

    assert isinstance(jobs.claim("a", DIGEST, 7, delivery="local_test"), Claim)


def test_a_deleted_jobs_deliveries_are_refused_for_a_day() -> None:
    """No queue keeps a request for longer; who calls the handler with a fixed id isn't refused for ever."""
    world = World()
    _, jobs = world.machine("w")
    world.done("a", delivery="first")
    jobs.delete("a")
    world.clock.advance(DAY_S - 1)
    with pytest.raises(JobNotFound):
        jobs.claim("a", DIGEST, 7, delivery="first")

    world.clock.advance(1)

    assert isinstance(jobs.claim("a", DIGEST, 7, delivery="first"), Claim)


def test_a_delivery_that_is_another_request_does_not_get_a_deleted_job_either() -> None:
    """The delivery decides, not what it asks for: a late one whose text is another one's makes nothing."""
    world = World()
    _, jobs = world.machine("w")
    world.done("a", delivery="first")
    jobs.delete("a")

    with pytest.raises(JobNotFound):
        jobs.claim("a", "f" * 64, 7, delivery="first")


def test_a_waiting_delivery_makes_nothing_of_a_deleted_job() -> None:
    """A worker that has waited for the job of another makes nothing once that is deleted, whoever asked for it."""
    world = World()
    world.done("a", delivery="first")
    _, jobs = world.machine("w")
    jobs.delete("a")

    with pytest.raises(JobNotFound):
        jobs.claim("a", DIGEST, 7, delivery="second", may_create=False)


def test_of_a_deleted_job_nothing_stays_that_tells_of_its_content() -> None:
    """What stays of a deleted job is its id, the digests of its deliveries and the time; `expire` removes it once it is old."""
    world = World()
    store, jobs = world.machine("w")
    world.done("a", delivery="a-delivery")

    jobs.delete("a")

    body = world.bucket.objects[keys.job_record("a")].body
    left = {name: value for name, value in json.loads(body).items() if value}
    moment = left.pop("deleted_at")
    assert left.pop("lease")["owner"] == left.pop("request_digest") == "deleted"
    assert (left.pop("created_at"), left.pop("finished_at"), left.pop("attempt")) == (moment, moment, 1)
    assert left == {
        "job_id": "a",
        "status": "CANCELLED",
        "progress": {"done": 0, "total": 0},
        "deliveries": left["deliveries"],
    }
    assert DIGEST not in body.decode()
    assert "a-delivery" not in body.decode()
    assert not world.expire(store, jobs).jobs
    world.clock.advance(40 * DAY_S)
    assert world.expire(store, jobs, dry_run=True).jobs == world.expire(store, jobs).jobs == 1
    assert not world.bucket.objects


def test_a_delete_whose_reply_was_lost_removes_everything_at_once() -> None:
    """If the record's replacement arrives and its reply doesn't, the repeated write finds another version, and the results go all the same."""
    world = World()
    store, jobs = world.machine("w")
    world.done("a")
    store.troubles = ["again"] * 20  # every call

    jobs.delete("a")

    assert list(world.bucket.objects) == [keys.job_record("a")]
