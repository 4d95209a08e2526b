"""A job is removed only in the version that the call has judged, and because of its age only while it is old."""

import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from cloning import keys
from cloning.errors import Conflict, JobNotFound, RecordDamaged, ServiceError, StorageMisconfigured, StorageUnavailable
from cloning.jobs.claim import Claim
from cloning.jobs.conditional_writes import Conditions
from cloning.jobs.housekeeping import Housekeeping, Removed
from cloning.jobs.record import JobStatus
from cloning.jobs.results import ResultWriter
from cloning.jobs.store import Finished, JobStore
from cloning.ports import ObjectInfo, StoredObject
from tests.fakes import ManualClock
from tests.lanes import Lane
from tests.memory_store import Bucket, MemoryStore

DIGEST, LEASE_S = "0" * 64, 60
DAY_S = 86_400


class Store(MemoryStore):
    """A way to a bucket that reports when an object was written. `refused` are keys that it doesn't return."""

    def __init__(self, bucket: Bucket, begun_at: datetime, before_call: Callable[[], None] = lambda: None) -> None:
        super().__init__(bucket, before_call=before_call)
        self._begun_at = begun_at
        self.refused: set[str] = set()
        self.times_refused = 0
        self.refusal: type[ServiceError] = StorageMisconfigured
        self.after_delete: Callable[[str], None] = lambda _: None

    def get(self, key: str, *, most: int | None = None) -> StoredObject:
        if key in self.refused:
            self.times_refused += 1
            raise self.refusal("the bucket refuses the object")
        return super().get(key, most=most)

    def delete(self, key: str) -> None:
        super().delete(key)
        self.after_delete(key)

    def _info(self, key: str) -> ObjectInfo:
        written = self._begun_at + timedelta(seconds=self.bucket._written[key])
        return replace(super()._info(key), modified=written)


class World:
    """A bucket and machines that share it."""

    def __init__(self, *, conditional: bool = True) -> None:
        self.clock = ManualClock()
        self.bucket = Bucket(conditional=conditional, now=self.clock.monotonic)
        self._begun_at = self.clock.now() - timedelta(seconds=self.clock.monotonic())
        self._ids = itertools.count()

    def machine(self, name: str, before_call: Callable[[], None] = lambda: None) -> tuple[Store, JobStore]:
        store = Store(self.bucket, self._begun_at, before_call)
        conditions = Conditions(MemoryStore(self.bucket), lambda: f"{name}-{next(self._ids)}")
        conditions.probe()
        new_id = lambda: str(next(self._ids))  # noqa: E731
        return store, JobStore(store, self.clock, worker=name, new_id=new_id, lease_s=LEASE_S, conditions=conditions)

    def delivery(self) -> str:
        """The id of another request."""
        return f"delivery-{next(self._ids)}"

    def abandoned(self, job_id: str) -> None:
        """A job whose worker fell silent."""
        claim = self.machine("dead")[1].claim(job_id, DIGEST, 7, delivery=self.delivery())
        assert isinstance(claim, Claim)
        claim.start(1)

    def done(self, job_id: str, delivery: str | None = None) -> None:
        """A job that was sent, perhaps again, and done."""
        store, jobs = self.machine("other")
        claim = jobs.claim(job_id, DIGEST, 7, delivery=delivery or self.delivery())
        assert isinstance(claim, Claim)
        claim.start(1)
        writer = ResultWriter(store, jobs, claim, claim.check_held)
        writer.complete({"audio": writer.save(b"speech", "wav", {}), "manifest": {}})

    def is_whole(self, job_id: str) -> bool:
        """Whether the job is COMPLETED with its audio and its manifest."""
        job = self.machine("reader")[1].find(job_id)
        audio = job.audio if job and job.status is JobStatus.COMPLETED else None
        return audio is not None and {audio.key, keys.manifest_of(audio.key)} <= self.bucket.objects.keys()

    def expire(self, store: Store, jobs: JobStore, *, days: float = 30, dry_run: bool = False) -> Removed:
        before = self.clock.now() - timedelta(days=days)
        return Housekeeping(store, jobs, before, dry_run).run(limit=100, after="")


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
