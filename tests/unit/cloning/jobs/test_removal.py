"""A job is removed only in the version that the call has judged, and because of its age only while it is old."""

import pytest

from cloning import keys
from cloning.errors import Conflict, ServiceError, StorageMisconfigured, StorageUnavailable
from cloning.jobs.housekeeping import Removed
from cloning.jobs.store import Finished
from tests.lanes import Lane
from tests.unit.cloning.jobs.world import DAY_S, DIGEST, World


@pytest.mark.parametrize("calls", range(1, 4))
def test_a_removal_that_stood_still_spares_the_job_made_anew(calls: int) -> None:
    """A removal that was delayed, while the job was removed by another call, sent again and done, spares the new job."""
    world = World()
    world.done("a")
    _, asleep = world.machine("asleep", Lane.stop_here)
    lane = Lane(lambda: asleep.delete("a"))
    for _ in range(calls):
        lane.go_on()
    world.machine("awake")[1].delete("a")
    world.done("a")
    meant_for_the_new_one = calls == 1  # nothing was looked at before
    while not lane.done:
        lane.go_on()

    assert world.is_whole("a") != meant_for_the_new_one


@pytest.mark.parametrize("is_cancelled", [False, True])
def test_a_running_job_stays_and_the_refusal_says_what_to_do(is_cancelled: bool) -> None:  # noqa: FBT001
    """A job that a worker has can't be removed: it is to be cancelled, and once that was asked for, to be waited for."""
    world = World()
    world.abandoned("a")
    jobs = world.machine("other")[1]
    if is_cancelled:
        jobs.cancel("a")

    with pytest.raises(Conflict, match="wait until it is CANCELLED" if is_cancelled else "cancel it first"):
        jobs.delete("a")


def test_a_removal_that_stood_still_is_content_if_the_job_is_gone() -> None:
    """Two calls that remove one job both succeed."""
    world = World()
    world.done("a")
    lane = Lane(lambda: world.machine("asleep", Lane.stop_here)[1].delete("a"))
    for _ in range(3):
        lane.go_on()

    world.machine("awake")[1].delete("a")
    while not lane.done:
        lane.go_on()

    assert list(world.bucket.objects) == [keys.job_record("a")]
    assert world.machine("reader")[1].find("a") is None


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_job_that_is_done_while_old_ones_go_stays(dry_run: bool) -> None:  # noqa: FBT001
    """A job that was old and abandoned when it was listed, but has been sent again and done since, stays."""
    world = World()
    store, jobs = world.machine("w")
    world.abandoned("a")
    world.abandoned("b")
    world.clock.advance(40 * DAY_S)
    listed = store.list

    def list_and_be_overtaken(prefix: str = "", *, after: str = "") -> object:
        found = list(listed(prefix, after=after))
        if prefix == keys.JOBS:
            world.done("b")
        return iter(found)

    store.list = list_and_be_overtaken  # type: ignore[method-assign, assignment]
    removed = world.expire(store, jobs, dry_run=dry_run)

    assert world.is_whole("b")
    assert removed.jobs == 1


@pytest.mark.parametrize("calls", range(1, 6))
def test_a_job_that_is_done_while_its_age_is_looked_at_stays(calls: int) -> None:
    """A job that is done while its age is being checked stays, at whichever call the round was delayed."""
    world = World()
    world.abandoned("a")
    world.clock.advance(40 * DAY_S)
    store, jobs = world.machine("asleep", Lane.stop_here)
    removed: list[Removed] = []
    lane = Lane(lambda: removed.append(world.expire(store, jobs)))
    for _ in range(calls):
        lane.go_on()

    world.done("a")
    while not lane.done:
        lane.go_on()

    assert world.is_whole("a")
    assert removed[0].jobs == 0


def test_a_record_that_was_mended_meanwhile_stays() -> None:
    """A damaged record may be deleted, but not the repaired one that has replaced it meanwhile."""
    world = World()
    store, jobs = world.machine("w")
    world.done("a")
    body = world.bucket.objects[keys.job_record("a")].body
    world.bucket.write(keys.job_record("a"), b"[]")
    listed = store.list

    def list_and_be_overtaken(prefix: str = "", *, after: str = "") -> object:
        if prefix.startswith(keys.RESULTS):  # the record has been judged by then
            world.bucket.write(keys.job_record("a"), body)
        return listed(prefix, after=after)

    store.list = list_and_be_overtaken  # type: ignore[method-assign, assignment]
    with pytest.raises(Conflict, match="repaired"):
        jobs.delete("a")

    assert world.is_whole("a")


def test_an_old_look_creates_no_record_over_another() -> None:
    """On a store that ignores conditions, a job that was done between the look for it and its claim isn't overwritten."""
    world = World(conditional=False)
    _, late = world.machine("late")
    assert late.find("a") is None
    world.done("a")

    taken = late.claim("a", DIGEST, 7, is_new=True, delivery="d")

    assert isinstance(taken, Finished)
    assert world.is_whole("a")


REFUSALS = pytest.mark.parametrize("refusal", [StorageMisconfigured, StorageUnavailable])


@REFUSALS
def test_what_the_bucket_refuses_is_skipped_and_counted(refusal: type[ServiceError]) -> None:
    """A job whose record the bucket refuses is skipped and counted in each round, and the others are removed."""
    world = World()
    for job_id in ("a", "b", "c"):
        world.done(job_id)
    world.clock.advance(40 * DAY_S)
    store, jobs = world.machine("w")
    store.refused, store.refusal = {keys.job_record("b")}, refusal

    first, second = world.expire(store, jobs), world.expire(store, jobs)

    assert (first.jobs, first.skipped) == (2, {"b"})
    assert (second.jobs, second.skipped) == (0, {"b"})
    assert world.is_whole("b")


@REFUSALS
def test_a_bucket_that_refuses_every_job_is_an_error(refusal: type[ServiceError]) -> None:
    """A bucket that refuses every job is an error, because nothing would ever be removed."""
    world = World()
    for job_id in ("a", "b"):
        world.done(job_id)
    world.clock.advance(40 * DAY_S)
    store, jobs = world.machine("w")
    store.refused, store.refusal = {keys.job_record("a"), keys.job_record("b")}, refusal

    with pytest.raises(refusal, match="refuses"):
        world.expire(store, jobs)


def test_a_round_ends_once_the_bucket_is_away() -> None:
    """A round ends once the bucket is down, since waiting for each further job would be in vain."""
    world = World()
    ids = [f"job-{number}" for number in range(9)]
    for job_id in ids:
        world.done(job_id)
    world.clock.advance(40 * DAY_S)
    store, jobs = world.machine("w")
    store.refused, store.refusal = {keys.job_record(job_id) for job_id in ids[2:]}, StorageUnavailable

    with pytest.raises(StorageUnavailable):
        world.expire(store, jobs)

    assert store.times_refused == 3
