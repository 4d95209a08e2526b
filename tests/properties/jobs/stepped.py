"""Workers that stop before each call of their bucket, and what they do with one job there."""

import hashlib
from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal, cast

from cloning import keys
from cloning.errors import Conflict, GpuOutOfMemory, InvalidText, JobNotFound, ServiceError
from cloning.generate.chunk_store import removed_at_the_end
from cloning.jobs.claim import Claim, LeaseLost
from cloning.jobs.results import ResultWriter
from cloning.jobs.store import JobStore
from cloning.ports import ObjectInfo
from tests.lanes import Lane, SteppedLock
from tests.standins.memory_store import Bucket, MemoryStore

JOB, SEED, LEASE_S = "a", 7, 60.0
Ending = Literal["completes", "gives back", "fails"]


def speech(request: str) -> bytes:
    """The speech of a request with its fixed seed: the same bytes in each attempt and under each new job."""
    return f"{request}/{SEED}".encode()


class Store(MemoryStore):
    """A machine's way to the bucket, on which a lane stops before each call; listings say when an object was written."""

    def __init__(self, bucket: Bucket, written_at: Callable[[str], datetime]) -> None:
        super().__init__(bucket, before_call=Lane.stop_here)
        self._written_at = written_at

    def delete(self, key: str) -> None:
        with Lane.in_one_step() if key == keys.job_record(JOB) else nullcontext():  # with the write before it
            super().delete(key)

    def _info(self, key: str) -> ObjectInfo:
        return replace(super()._info(key), modified=self._written_at(key))


@dataclass
class Worker:
    """A machine and its way to the bucket."""

    store: MemoryStore
    jobs: JobStore


@dataclass
class Running:
    """A lane, the worker that it runs on, and the claim that it has or serves."""

    lane: Lane
    worker: Worker
    claim: list[Claim] = field(default_factory=list)
    deletes: bool = False


def generate(worker: Worker, request: str, delivery: str, ending: Ending, mine: list[Claim]) -> None:
    """Do what `generation.run_to_the_end` does, without a voice and an engine."""
    with suppress(Conflict, JobNotFound, LeaseLost, ServiceError):
        taken = worker.jobs.claim(JOB, request, SEED, delivery=delivery)
        if isinstance(taken, Claim):
            taken._lock = cast("Any", SteppedLock())
            mine.append(taken)
            with removed_at_the_end(taken, worker.store, lambda work: work()):
                _attempt(worker, taken, ending)


def _attempt(worker: Worker, claim: Claim, ending: Ending) -> None:
    """Do what `generation.Generation.run` does."""
    writer = ResultWriter(worker.store, worker.jobs, claim, claim.check_held)
    try:
        claim.start(2)
        chunk = keys.chunk(JOB, 0, hashlib.sha256(claim.job.request_digest.encode()).hexdigest())
        worker.store.put(chunk, b"chunk", content_type="audio/wav")
        claim.report(1, 2)
        claim.check_cancelled()
        claim.check_held()
        if ending != "completes":
            raise GpuOutOfMemory("full") if ending == "gives back" else InvalidText("nothing to speak")
        manifest = {"owner": claim.job.lease.owner, "attempt": claim.job.attempt}
        audio = writer.save(speech(claim.job.request_digest), "wav", manifest)
        writer.complete({"audio": audio, "manifest": manifest})
    except (LeaseLost, JobNotFound):
        raise
    except ServiceError as error:
        with suppress(LeaseLost, ServiceError):
            claim.fail(error)
    finally:
        writer.remove_unless_named()


def beat(claim: Claim) -> None:
    """Run one round of `claim.Heartbeat`."""
    with suppress(LeaseLost, ServiceError):
        claim.renew()


def quietly(act: Callable[[], object]) -> None:
    """Send a caller's request and accept any reply."""
    with suppress(ServiceError):
        act()
