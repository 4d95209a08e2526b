"""
One job id under every interleaving of store calls: workers that generate, their heartbeats, cancels and deletes.

Each is a lane that stops before every call of the bucket for as long as the test likes: beyond its lease, beyond another worker's end
of the job, beyond the job's deletion and the reuse of its id for another request. What must hold is checked after each call, and once
more when every lane has ended.

One pair of calls is a single step: the write by which `expire` holds off claims, and the removal of that record. A bucket has no conditional
delete: if a process stops exactly there for longer than claims are held off, and the id is used again, it removes the new job's record.
"""

import itertools
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from cloning import keys
from cloning.jobs.claim import Claim
from cloning.jobs.housekeeping import Housekeeping
from cloning.jobs.record import MOVES, Job, JobStatus
from cloning.jobs.records import Version
from cloning.jobs.store import JobStore
from tests.lanes import Lane
from tests.properties.jobs.stepped import JOB, LEASE_S, Ending, Running, Store, Worker, beat, generate, quietly, speech
from tests.standins.fakes import ManualClock
from tests.standins.memory_store import Bucket, Trouble

LANES = 7
REQUESTS = ("0" * 64, "1" * 64)
DELIVERIES = st.integers(0, 9).map("delivery-{}".format)
# How many calls somebody makes before others have a turn; mostly all of them.
CALLS = st.integers(0, 12) | st.just(99)
# Until a removal has come about.
FEW_CALLS = st.integers(1, 5) | CALLS
Check = Literal["records", "manifests", "audio", "leftovers"]
ALL: frozenset[Check] = frozenset({"records", "manifests", "audio", "leftovers"})


class Interleavings(RuleBasedStateMachine):
    """The rules start lanes and let them go on; `checks` are verified."""

    checks: ClassVar[frozenset[Check]] = ALL

    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock()
        self.bucket = Bucket(now=self.clock.monotonic)
        self.bucket.watch = self._watch
        self.ids = itertools.count()
        self.workers = [self._worker(f"w{n}") for n in range(2)]
        self.running: list[Running] = []
        self.faults: list[str] = []
        self.begun_at = self.clock.now() - timedelta(seconds=self.clock.monotonic())
        self.judged: dict[Lane | None, Job] = {}  # the record that each lane has read last
        self.expiring: dict[Lane | None, datetime] = {}  # before which moment a record is old for that lane
        self.was_calm = True  # nobody died, no call failed, and no two deletes met: nothing may be left to `expire`

    def _worker(self, name: str) -> Worker:
        store = Store(self.bucket, self._written_at)
        jobs = JobStore(store, self.clock, worker=name, new_id=lambda: str(next(self.ids)), lease_s=LEASE_S)
        load = jobs.records.load_any

        def noted(job_id: str) -> Version:
            found = load(job_id)
            self.judged[Lane.here()] = found.job
            return found

        jobs.records.load_any = noted  # type: ignore[method-assign]
        return Worker(store, jobs)

    def _written_at(self, key: str) -> datetime:
        return self.begun_at + timedelta(seconds=self.bucket._written[key])

    # What happens.

    @precondition(lambda self: len(self.running) < LANES)
    @rule(
        worker=st.integers(0, 1),
        request=st.sampled_from([*REQUESTS[:1] * 3, *REQUESTS]),
        delivery=DELIVERIES,
        ending=st.sampled_from(["completes"] * 6 + ["gives back", "fails"]),
        calls=st.integers(3, 11) | st.integers(0, 2),
    )
    def deliver(self, worker: int, request: str, delivery: str, ending: Ending, calls: int) -> None:
        """Deliver the job to a worker, for the first time, again or in another request; it goes on for some steps."""
        machine, claim = self.workers[worker], list[Claim]()
        self._begin(machine, lambda: generate(machine, request, delivery, ending, claim), claim, calls)

    @precondition(lambda self: len(self.running) < LANES and any(one.claim for one in self.running))
    @rule(pick=st.integers(0, 9), calls=CALLS)
    def beat(self, pick: int, calls: int) -> None:
        """Start a heartbeat of a claim."""
        live = [one for one in self.running if one.claim]
        one = live[pick % len(live)]
        self._begin(one.worker, lambda: beat(one.claim[0]), one.claim, calls)

    @precondition(lambda self: len(self.running) < LANES)
    @rule(worker=st.integers(0, 1), calls=FEW_CALLS)
    def delete(self, worker: int, calls: int) -> None:
        """Start a caller's delete."""
        machine = self.workers[worker]
        self.was_calm &= not any(one.deletes for one in self.running)
        self._begin(machine, lambda: quietly(lambda: machine.jobs.delete(JOB)), [], calls, deletes=True)

    @precondition(lambda self: len(self.running) < LANES)
    @rule(worker=st.integers(0, 1), calls=FEW_CALLS)
    def expire(self, worker: int, calls: int) -> None:
        """Start a round of expire in which everything older than half a lease is old."""
        machine, before = self.workers[worker], self.clock.now() - timedelta(seconds=LEASE_S / 2)
        house = Housekeeping(machine.store, machine.jobs, before, dry_run=False)
        self.was_calm &= not any(one.deletes for one in self.running)

        def tidy() -> None:
            self.expiring[Lane.here()] = before
            quietly(lambda: house.run(limit=100, after=""))

        self._begin(machine, tidy, [], calls, deletes=True)

    @precondition(lambda self: len(self.running) < LANES)
    @rule(worker=st.integers(0, 1), calls=CALLS)
    def cancel(self, worker: int, calls: int) -> None:
        """Start a caller's cancel."""
        machine = self.workers[worker]
        self._begin(machine, lambda: quietly(lambda: machine.jobs.cancel(JOB)), [], calls)

    @precondition(lambda self: self.running)
    @rule(pick=st.integers(0, 9), calls=CALLS)
    def go_on(self, pick: int, calls: int) -> None:
        """Let one lane go on."""
        self._step(self.running[pick % len(self.running)], calls)

    @precondition(lambda self: self.running)
    @rule(pick=st.integers(0, 9), trouble=st.sampled_from(["before", "after", "again"]))
    def go_on_badly(self, pick: int, trouble: Trouble) -> None:
        """Let a call fail, lose its reply, or be made twice."""
        self.was_calm &= trouble == "again"
        one = self.running[pick % len(self.running)]
        one.worker.store.troubles = [trouble]
        self._step(one, 1)
        one.worker.store.troubles = []

    @precondition(lambda self: any(one.claim for one in self.running))
    @rule(pick=st.integers(0, 9))
    def die(self, pick: int) -> None:
        """Kill a worker together with its heartbeat."""
        live = [one for one in self.running if one.claim]
        claim = live[pick % len(live)].claim
        self.was_calm = False
        for one in [one for one in self.running if one.claim is claim]:
            one.lane.kill()
        self._tidy()

    @rule()
    def leases_lapse(self) -> None:
        """Let everything stand still for longer than a lease."""
        self.clock.advance(LEASE_S + 1)

    @rule(
        request=st.sampled_from([*REQUESTS[:1] * 3, *REQUESTS]),
        delivery=DELIVERIES,
        deleted=st.sampled_from(["not", "before", "afterwards"]),
    )
    def another_finishes(self, request: str, delivery: str, deleted: str) -> None:
        """Let another worker finish the job while everything stands still; its caller may delete the one before, or it."""
        self.leases_lapse()
        worker = self.workers[1]
        if deleted == "before":
            self.delete(1, 99)
        self._begin(worker, lambda: generate(worker, request, delivery, "completes", []), [], 99)
        if deleted == "afterwards":
            self.delete(1, 99)

    # What must hold.

    def teardown(self) -> None:
        """Let every lane end: then everything that a record names is there, and nothing else, for good."""
        try:
            while self.running and not self.faults:
                for one in list(self.running):
                    self._step(one, 1)
            self._look()
            if "leftovers" in self.checks and not self.faults:
                self._check_what_is_left()
        finally:
            for one in self.running:
                one.lane.kill()

    def _check_what_is_left(self) -> None:
        if not self.was_calm:  # what is left then goes with the job, when it is old
            self.clock.advance(LEASE_S + 1)
            later = self.clock.now() + timedelta(days=10_000)
            Housekeeping(self.workers[0].store, self.workers[0].jobs, later, dry_run=False).run(limit=100, after="")
            assert not self.bucket.objects
            return
        job = self._stored()
        there = {key for key in self.bucket.objects if key != keys.job_record(JOB)}
        chunks = {key for key in there if key.startswith(keys.JOBS)}
        assert there - chunks == self._named(job), f"results that no record names: {there - chunks - self._named(job)}"
        if job is None or job.status in (JobStatus.COMPLETED, JobStatus.FAILED):
            assert not chunks, f"chunks of a job that is {job.status if job else 'gone'}: {chunks}"

    def _watch(self, key: str, before: bytes | None, after: bytes | None) -> None:
        """Watch every write of a record as it happens."""
        if key != keys.job_record(JOB) or "records" not in self.checks:
            return
        if after is None:
            self._watch_removal(Job.model_validate_json(before or b""))
            return
        new = Job.model_validate_json(after)
        if before is None:
            if (new.attempt, new.status) != (1, JobStatus.IN_QUEUE):
                self.faults.append("a deleted record came back")
            return
        old = Job.model_validate_json(before)
        if new.deleted_at:
            self._watch_removal(old)
            return
        if old.deleted_at:
            self._watch_return(old, new)
            return
        if old.status.is_final or new.status not in (old.status, *MOVES[old.status]):
            self.faults.append(f"a job that was {old.status} became {new.status}")
        if (new.request_digest, new.created_at) != (old.request_digest, old.created_at):
            self.faults.append("a job became another one")

    def _watch_return(self, old: Job, new: Job) -> None:
        """A deleted job is made again only by another request than those that had asked for it."""
        if (new.attempt, new.status) != (1, JobStatus.IN_QUEUE):
            self.faults.append("a deleted record came back")
        if len(new.deliveries) != len(old.deliveries) + 1:
            self.faults.append("a deleted job was made again by its own delivery")

    def _watch_removal(self, old: Job) -> None:
        """A finished job is removed only by a call that judged this version of its record, and because of its age only while it is old."""
        if old.status is not JobStatus.COMPLETED:
            return
        lane = Lane.here()
        if self.judged.get(lane) != old:
            self.faults.append("a COMPLETED job went that nobody had meant")
        if lane in self.expiring and self._written_at(keys.job_record(JOB)) >= self.expiring[lane]:
            self.faults.append("a job that was completed a moment ago went as an old one")

    def _look(self) -> None:
        job = self._stored()
        if job and job.status is JobStatus.COMPLETED and job.result:
            self._look_at_result(job, job.result)
        assert not self.faults, self.faults

    def _look_at_result(self, job: Job, result: dict[str, Any]) -> None:
        audio = self.bucket.objects.get(result["audio"]["key"])
        manifest = self.bucket.objects.get(keys.manifest_of(result["audio"]["key"]))
        if "audio" in self.checks and (audio is None or audio.body != speech(job.request_digest)):
            self.faults.append("COMPLETED without its audio")
        if "audio" in self.checks and manifest is None:
            self.faults.append("COMPLETED without its manifest")
        if "manifests" in self.checks and manifest and json.loads(manifest.body)["manifest"] != result["manifest"]:
            self.faults.append("the manifest of another attempt")

    # How.

    def _begin(
        self, worker: Worker, work: Callable[[], None], claim: list[Claim], calls: int, *, deletes: bool = False
    ) -> None:
        one = Running(Lane(work), worker, claim, deletes)
        self.running.append(one)
        self._step(one, calls)

    def _step(self, one: Running, calls: int) -> None:
        """Start a lane; its first step leads to its first call."""
        for _ in range(calls):
            if one.lane.done:
                break
            one.lane.go_on()
            self._look()
        self._tidy()

    def _tidy(self) -> None:
        self.running = [one for one in self.running if not one.lane.done]

    def _stored(self) -> Job | None:
        there = self.bucket.objects.get(keys.job_record(JOB))
        job = Job.model_validate_json(there.body) if there else None
        return None if job is None or job.deleted_at else job

    def _named(self, job: Job | None) -> set[str]:
        key = job.result["audio"]["key"] if job and job.result else None
        return {key, keys.manifest_of(key)} if key else set()


TestInterleavings = Interleavings.TestCase
TestInterleavings.settings = settings(max_examples=600, stateful_step_count=25, deadline=None)
