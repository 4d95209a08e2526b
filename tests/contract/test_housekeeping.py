"""`expire` removes what is old or unused and keeps what is young, running or named, on a folder and on a real S3 server."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cloning import keys
from cloning.clock import SystemClock
from cloning.jobs.claim import Claim
from cloning.jobs.housekeeping import Housekeeping, Removed
from cloning.jobs.store import JobStore
from cloning.ports import ObjectStore
from s3_utils import S3Store, s3_client
from tests.conftest import ROOT
from tests.contract.conftest import keys_of
from tests.servers import Server

SHA, OTHER = "a" * 64, "b" * 64
OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"


def documented(language: str) -> str:
    """The only block in that language on the page."""
    blocks = re.findall(rf"```{language}\n(.*?)```", OPERATIONS.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 1
    return str(blocks[0])


@dataclass
class Bucket:
    """A bucket and its jobs. The store reports each object's age; "old" is what was there before `grow_old`."""

    store: ObjectStore
    jobs: JobStore

    def ended(self, job_id: str, *, sha256: str = SHA) -> None:
        """A completed job with its result and an unneeded chunk."""
        claim = self.running(job_id)
        self.result(job_id, sha256)
        claim.complete({"audio": {"key": keys.result(job_id, sha256, "wav"), "sha256": sha256}})

    def running(self, job_id: str) -> Claim:
        """A job in progress that has finished one chunk."""
        claim = self.jobs.claim(job_id, "d" * 64, 7, delivery="d")
        assert isinstance(claim, Claim)
        claim.start(2)
        self.store.put(keys.chunk(job_id, 0, SHA), b"chunk", content_type="audio/wav")
        return claim

    def result(self, job_id: str, sha256: str = SHA) -> None:
        for extension in ("wav", "json"):
            self.store.put(keys.result(job_id, sha256, extension), b"speech", content_type="audio/wav")

    def tidy(self, *, days: float, dry_run: bool = False, limit: int = 100, after: str = "") -> Removed:
        """Run one round in which everything older than `days` is old: -1 makes everything old, 1 nothing."""
        before = SystemClock().now() - timedelta(days=days)
        return Housekeeping(self.store, self.jobs, before, dry_run).run(limit=limit, after=after)


@pytest.fixture
def house(any_store: ObjectStore) -> Bucket:
    jobs = JobStore(any_store, SystemClock(), worker="w1", new_id=lambda: "1", lease_s=3600)
    return Bucket(any_store, jobs)


def test_an_old_job_goes_with_all_that_it_owns(house: Bucket) -> None:
    """An old job goes with its record, chunks, result and manifest."""
    house.ended("j")

    removed = house.tidy(days=-1)

    assert (removed.jobs, removed.chunks, removed.results, removed.next_cursor) == (1, 1, 2, None)
    assert keys_of(house.store) == []


def test_a_young_job_keeps_its_result_and_loses_its_chunks(house: Bucket) -> None:
    """A young finished job keeps its result and loses its chunks, which only a further attempt could use."""
    house.ended("j")

    removed = house.tidy(days=1)

    assert (removed.jobs, removed.chunks, removed.results) == (0, 1, 0)
    assert keys_of(house.store) == [keys.job_record("j"), keys.result("j", SHA, "json"), keys.result("j", SHA, "wav")]


def test_a_running_job_keeps_everything_however_old(house: Bucket) -> None:
    """A running job keeps everything: its result may be written but not yet named."""
    house.running("j")
    house.result("j")
    there = keys_of(house.store)

    removed = house.tidy(days=-1)

    assert (removed.jobs, removed.chunks, removed.results) == (0, 0, 0)
    assert keys_of(house.store) == there


def test_an_abandoned_job_goes_once_it_is_old(any_store: ObjectStore) -> None:
    """An abandoned job goes once it is old and nobody has taken it over."""
    jobs = JobStore(any_store, SystemClock(), worker="w1", new_id=lambda: "1", lease_s=0)
    house = Bucket(any_store, jobs)
    house.running("j")

    assert house.tidy(days=1).jobs == 0
    assert house.tidy(days=-1).jobs == 1
    assert keys_of(any_store) == []


def test_what_no_record_names_goes_once_it_is_old(house: Bucket) -> None:
    """A second result of a worker that lost its lease, and what a half-deleted job left, go once they are old."""
    house.ended("j")
    house.result("j", OTHER)
    house.result("gone")
    house.store.put(keys.chunk("gone", 0, SHA), b"chunk", content_type="audio/wav")

    young = house.tidy(days=1)
    # The record is as old as its result; that it is looked at as a young one shows that the named result is safe by its name.
    before = SystemClock().now() + timedelta(days=1)
    housekeeping = Housekeeping(house.store, house.jobs, before, dry_run=False)
    housekeeping._tidy_results("j", list(house.store.list(keys.result_prefix("j"))))

    assert (young.jobs, young.chunks, young.results) == (0, 1, 0)
    assert (housekeeping.removed.results, keys.result("j", SHA, "wav") in keys_of(house.store)) == (2, True)
    assert (house.tidy(days=-1).results, keys_of(house.store)) == (4, [])


def test_a_dry_run_removes_nothing_and_counts_the_same(house: Bucket) -> None:
    """A dry run counts the same objects and removes none, so that an operator can look first."""
    house.ended("a")
    house.ended("b")
    house.result("gone")
    there = keys_of(house.store)

    counted = house.tidy(days=-1, dry_run=True)

    assert keys_of(house.store) == there
    # What goes with a job in a real round is counted with the job there, and with the results here.
    assert (counted.jobs, counted.chunks) == (2, 2)
    assert house.tidy(days=-1).jobs == 2


def test_rounds_go_on_where_the_last_one_ended(house: Bucket) -> None:
    """A large bucket is cleaned up in several calls that each end in time; foreign objects are left alone."""
    for number in range(5):
        house.ended(f"job-{number}", sha256=f"{number}" * 64)
    house.store.put("jobs/readme.txt", b"a person's note", content_type="text/plain")

    rounds, after = 0, ""
    while True:
        rounds += 1
        removed = house.tidy(days=-1, limit=2, after=after)
        if removed.next_cursor is None:
            break
        after = removed.next_cursor

    assert rounds >= 3
    assert keys_of(house.store) == ["jobs/readme.txt"]


def test_a_server_takes_the_documented_lifecycle_rules(server: Server, new_bucket: Callable[[], str]) -> None:
    """By the documented lifecycle rules records go a day before results."""
    name = new_bucket()
    client: Any = s3_client(server.settings(name))
    rules = json.loads(documented("json"))

    client.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration=rules)

    stored = {rule["ID"]: rule for rule in client.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]}
    assert stored["jobs"]["Expiration"]["Days"] < stored["results"]["Expiration"]["Days"]
    assert set(stored) == {"jobs", "results", "parts", "probes", "versions"}
    assert stored["versions"]["NoncurrentVersionExpiration"]["NoncurrentDays"] == 1


def test_the_documented_loop_goes_through_a_whole_bucket(server: Server, new_bucket: Callable[[], str]) -> None:
    """The documented loop cleans up a whole bucket from any machine that has its settings, in as many rounds as it takes."""
    name = new_bucket()
    store = S3Store.from_settings(server.settings(name))
    jobs = JobStore(store, SystemClock(), worker="w1", new_id=lambda: "1", lease_s=3600)
    for number in range(5):
        Bucket(store, jobs).ended(f"job-{number}")
    loop = (
        documented("python")
        .replace('"limit": 1000', '"limit": 2')
        .replace('"older_than_days": 30', '"older_than_days": 0')
    )
    environment = {**os.environ, **server.environment(name)}

    done = subprocess.run(
        [sys.executable, "-"], input=loop, cwd=ROOT, env=environment, check=True, capture_output=True, text=True
    )

    assert len(done.stdout.splitlines()) >= 3
    assert keys_of(store) == []
