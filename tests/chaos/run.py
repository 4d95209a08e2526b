"""One run: jobs, workers, strikes, faults; then what the bucket and the clients have."""

import hashlib
import os
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from cloning import keys
from cloning.clock import SystemClock
from cloning.jobs.record import Job, JobStatus
from local.job import JobState, Rules
from local.worker import LocalEndpoint, local_endpoint
from s3_utils import S3Store, s3_client
from tests.chaos.fleet import Fleet, Worker
from tests.chaos.light import LightWorker
from tests.chaos.weather import Ledger, Weather
from tests.chaos.work import ONE_THREAD, Request, calm_digests, chunks_of, requests_of, upload_voice
from tests.conftest import ROOT
from tests.servers import Server, moto, spoiling
from worker.assembly import build

BUCKET = "chaos"
_LOOK_S = 0.05
_MANY = 20  # jobs, from which a second process of the calm run is worth its start


@dataclass(frozen=True)
class Plan:
    """
    A run's sizes; times in seconds. "real" is handler.py on the small checkpoint, "light" an engine that takes `chunk_s` a chunk.

    A worker that is silent for `redeliver_s` has its jobs delivered to others; one that is paused stands still for `pause_s`, longer
    than its lease. Clients delete a share of `deletes` of their jobs once they are done. The clocks of light workers are wrong by up to
    `skew_s`, either way.
    """

    engine: Literal["real", "light"]
    jobs: int
    strike_every_s: float
    most_strikes: int | None = None
    skew_s: float = 0.0
    seed: int = 0
    workers: int = 4
    faults: float = 0.05
    chunk_s: float = 0.1
    nfe_step: int = 4
    lease_s: float = 4.0
    redeliver_s: float = 4.0
    grace_s: float = 6.0
    pause_s: float = 10.0
    deletes: float = 0.1
    timeout_s: float = 1800.0


@dataclass
class Report:
    """What a run led to."""

    jobs: int
    seconds: float = 0.0
    lost: list[str] = field(default_factory=list)
    written_twice: list[str] = field(default_factory=list)
    not_as_calm: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    back: list[str] = field(default_factory=list)
    deleted: int = 0
    strikes: Counter[str] = field(default_factory=Counter)
    odd_ends: Counter[str] = field(default_factory=Counter)
    weather: Counter[str] = field(default_factory=Counter)
    told_to_try_again: Counter[str] = field(default_factory=Counter)
    deliveries: int = 0
    attempts: int = 0
    chunks_needed: int = 0
    chunks_made: int = 0
    chunks_reused: int = 0

    @property
    def went_well(self) -> bool:
        """
        Whether all jobs completed, each once, with an undisturbed run's samples, and no worker ended wrongly.

        A large run must also have been struck, and have continued from finished chunks; otherwise it has shown nothing.
        """
        has_shown_it = self.jobs < _MANY or (self.strikes.total() > 0 and self.chunks_reused > 0)
        return has_shown_it and not (self.broken or self.odd_ends)

    @property
    def broken(self) -> list[str]:
        """Every job with which something went wrong."""
        return [*self.lost, *self.written_twice, *self.not_as_calm, *self.changed, *self.back]

    def lines(self) -> list[str]:
        """The report for people."""
        named = {
            "jobs": self.jobs, "jobs lost": _named(self.lost), "results written twice": _named(self.written_twice),
            "changed after their end": _named(self.changed), "jobs deleted": self.deleted, "deleted and back again": _named(self.back),
            "not sample-identical to the calm run": _named(self.not_as_calm), "strikes": _counted(self.strikes),
            "ends out of order": _counted(self.odd_ends), "requests to the bucket, and faults": _counted(self.weather),
            "calls told to try again": _counted(self.told_to_try_again), "deliveries": self.deliveries,
            "attempts": self.attempts, "chunks needed": self.chunks_needed, "chunks made (of a lost attempt: those it kept)": self.chunks_made,
            "chunks re-used": self.chunks_reused, "seconds": round(self.seconds, 1),
        }  # fmt: skip
        return [f"{name}: {value}" for name, value in named.items()]


def _named(jobs: list[str]) -> str:
    return f"{len(jobs)}" + (f" ({', '.join(jobs[:10])})" if jobs else "")


def _counted(counter: Counter[str]) -> str:
    return f"{', '.join(f'{name} {count}' for name, count in sorted(counter.items())) or 'none'}"


def run(plan: Plan, folder: Path, checkpoint: Path | None) -> Report:
    """Do a whole run. `checkpoint` is the small one's folder, and given for the real engine only."""
    requests = requests_of(plan.jobs, seed=plan.seed, nfe_step=plan.nfe_step)
    calm = calm_digests(requests, folder, checkpoint, processes=1 if plan.jobs < _MANY else 2)
    weather, ledger = Weather(plan.faults, plan.seed), Ledger(BUCKET)
    rules = Rules(redeliver_after_s=plan.redeliver_s, execution_timeout_s=plan.timeout_s, retention_s=86_400.0)
    with moto() as server, spoiling(server) as (proxy, faults), local_endpoint(rules=rules) as endpoint:
        bucket = _bucket(server, folder)
        faults.choose, faults.witness = weather.choose, ledger.witness
        extra = {**proxy.environment(BUCKET), **_settings(plan, folder, checkpoint)}
        start = _Start(plan, endpoint, folder, extra)
        begun = time.monotonic()
        with Fleet(start, plan.workers, seed=plan.seed, grace_s=plan.grace_s + 10, pause_s=plan.pause_s) as fleet:
            client = _Client(endpoint, requests, share=plan.deletes, seed=plan.seed)
            _storm(plan, fleet, client, ledger)
        report = Report(plan.jobs, seconds=time.monotonic() - begun)
        report.strikes, report.odd_ends, report.weather = fleet.strikes, fleet.odd_ends, weather.met
        report.chunks_needed = sum(map(chunks_of, requests))
        client.tell(report, calm)
        _read(bucket, ledger, calm, report, client.deleted)
    return report


def _bucket(server: Server, folder: Path) -> S3Store:
    """The bucket without faults; the voice is in it."""
    settings = server.settings(BUCKET, model_cache_dir=str(folder / "models"))
    s3_client(settings).create_bucket(Bucket=BUCKET)
    scratch = folder / "scratch"
    scratch.mkdir()
    upload_voice(build(settings, SystemClock(), scratch))
    return S3Store.from_settings(settings)


def _settings(plan: Plan, folder: Path, checkpoint: Path | None) -> Mapping[str, str]:
    return {
        **ONE_THREAD,
        "CHECKPOINT": str(checkpoint or "light"),
        "MODEL_CACHE_DIR": str(folder / "models"),
        "LEASE_S": str(plan.lease_s),
        "STOP_GRACE_S": str(plan.grace_s),
        "PYTHONPATH": str(ROOT),
    }


@dataclass(frozen=True)
class _Start:
    """Starts workers of the plan's kind."""

    plan: Plan
    endpoint: LocalEndpoint
    folder: Path
    extra: Mapping[str, str]

    def __call__(self, name: str) -> Worker:
        log = self.folder / f"{name}.log"
        if self.plan.engine == "real":
            script = ROOT / "handler.py"
            return self.endpoint.worker(script, log=log, worker_id=name, cwd=self.folder, extra=self.extra)
        environment = {**os.environ, **self.endpoint.environment(name), **self.extra}
        skew_s = float(np.random.default_rng(list(name.encode())).uniform(-1, 1)) * self.plan.skew_s
        return LightWorker(environment, log=log, cwd=self.folder, chunk_s=self.plan.chunk_s, skew_s=skew_s)


class _Client:
    """Sends the jobs with the unchanged RunPod client, and tries again if the reply says that it may."""

    def __init__(self, endpoint: LocalEndpoint, requests: list[Request], *, share: float, seed: int) -> None:
        self._endpoint = endpoint
        self._runpod = endpoint.client()
        self.told_to_try_again: Counter[str] = Counter()
        self._ids = {self._runpod.run({"input": request}).job_id: request["job_id"] for request in requests}
        chance = np.random.default_rng([seed, 1])
        self._unwanted = {job for job in self._ids.values() if chance.random() < share}
        self._deletes: dict[str, str] = {}

    def is_done(self) -> bool:
        """Whether every job has ended."""
        open_jobs = 0
        for job_id in [*self._ids, *self._deletes]:
            job = self._endpoint.queue.jobs[job_id]
            output: Any = job.reply.get("output")
            if job.state is JobState.FAILED and isinstance(output, dict) and output.get("retryable"):
                self.told_to_try_again[str(output["code"])] += 1
                self._runpod.rp_client.post(f"{self._endpoint.endpoint_id}/retry/{job_id}", None)
            open_jobs += not job.final
            ours = self._ids.get(job_id, "")
            if job.state is JobState.COMPLETED and ours in self._unwanted:
                self._unwanted.discard(ours)
                delete = {"action": "delete", "job_id": ours}
                self._deletes[self._runpod.run({"input": delete}).job_id] = ours
                open_jobs += 1
        return not open_jobs

    @property
    def deleted(self) -> set[str]:
        """The jobs that were reported to a client as deleted."""
        return {
            ours
            for job_id, ours in self._deletes.items()
            if self._endpoint.queue.jobs[job_id].state is JobState.COMPLETED
        }

    def tell(self, report: Report, calm: Mapping[str, str]) -> None:
        """Report what the clients have."""
        report.told_to_try_again = self.told_to_try_again
        for job_id, ours in self._ids.items():
            job = self._endpoint.queue.jobs[job_id]
            report.deliveries += job.deliveries
            output: Any = job.reply.get("output")
            if job.state is not JobState.COMPLETED:
                report.lost.append(f"{ours}: {job.state.value} for its client, {job.reply.get('error')}")
            elif output["audio"]["sha256"] != calm[ours]:
                report.not_as_calm.append(f"{ours} as told to its client")


def _storm(plan: Plan, fleet: Fleet, client: _Client, ledger: Ledger) -> None:
    """Strike workers until every job is done, from when there is something to lose."""
    end = time.monotonic() + plan.timeout_s
    strike_at: float | None = None
    while not client.is_done() and (now := time.monotonic()) < end:
        if strike_at is None and ledger.chunks:
            strike_at = now + plan.strike_every_s
        if strike_at and now >= strike_at and fleet.strikes.total() != plan.most_strikes:
            strike_at += plan.strike_every_s
            fleet.strike()
        fleet.tend()
        time.sleep(_LOOK_S)
    fleet.wake_all()
    while fleet.is_seeing_off() and time.monotonic() < end:  # whoever stood still may do now what it had begun
        fleet.tend()
        time.sleep(_LOOK_S)


def _read(bucket: S3Store, ledger: Ledger, calm: Mapping[str, str], report: Report, deleted: set[str]) -> None:
    """Read what the bucket has at the end."""
    report.changed, report.deleted = sorted(ledger.changed), len(deleted)
    results = [info.key for info in bucket.list(keys.RESULTS)]
    for job_id, digest in calm.items():
        if job_id in deleted:
            record = _record(bucket, job_id)
            left = [keys.job_record(job_id)] if record and not record.deleted_at else []
            left += [info.key for info in bucket.list(keys.job_folder(job_id)) if not keys.job_of(info.key)]
            left += [key for key in results if keys.is_result_of(job_id, key)]
            if left:
                report.back.append(f"{job_id}: {', '.join(left)}")
            continue
        job = _record(bucket, job_id)
        if job is None or job.status is not JobStatus.COMPLETED or job.result is None:
            report.lost.append(f"{job_id}: {job.status if job else 'no record'} in the bucket")
            continue
        own = sorted(key.rsplit(".", 1)[1] for key in results if keys.is_result_of(job_id, key))
        if own != ["json", "wav"] or ledger.completed[job_id] != 1:
            report.written_twice.append(job_id)
        if hashlib.sha256(bucket.get(job.result["audio"]["key"]).body).hexdigest() != digest:
            report.not_as_calm.append(job_id)
        report.attempts += job.attempt
        for attempt in job.attempts:
            kept = len(ledger.chunks.get((job_id, attempt.number), ()))
            report.chunks_made += attempt.effort.chunks_made if attempt.effort else kept
            report.chunks_reused += attempt.effort.chunks_reused if attempt.effort else 0


def _record(bucket: S3Store, job_id: str) -> Job | None:
    keys_there = [info.key for info in bucket.list(keys.job_record(job_id))]
    return Job.model_validate_json(bucket.get(keys_there[0]).body) if keys_there else None
