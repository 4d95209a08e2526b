"""What a worker finds out about its store at the start, and how it works on a store that ignores conditions."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cloning.errors import StorageUnavailable
from cloning.jobs.claim import Claim, LeaseLost
from cloning.jobs.conditional_writes import Conditions
from cloning.jobs.store import JobStore
from cloning.ports import ObjectStore, StoredObject
from s3_utils import S3Store, s3_client
from storage.folder_store import FolderStore
from tests.contract.conftest import keys_of
from tests.servers import Fault, Server, rclone, spoiling
from tests.standins.fakes import ManualClock


class AgelessStore(S3Store):
    """A bucket without a server clock, whose users live by a clock that the test moves."""

    def get(self, key: str, *, most: int | None = None) -> StoredObject:
        return replace(super().get(key, most=most), age_s=None)


@pytest.fixture
def careless_store(tmp_path: Path) -> Iterator[AgelessStore]:
    """A real server that accepts conditions and ignores them."""
    (tmp_path / "served" / "bucket").mkdir(parents=True)
    with rclone(tmp_path / "served") as server:
        yield AgelessStore("bucket", s3_client(server.settings("bucket")))


def test_a_store_that_honours_conditions_is_known(any_store: ObjectStore) -> None:
    """The trial finds that conditions are honoured, and leaves nothing behind."""
    conditions = Conditions(any_store, lambda: "trial")

    assert (conditions.mode, conditions.probe(), conditions.mode) == ("unknown", "honoured", "honoured")
    assert keys_of(any_store) == []


def test_a_store_that_ignores_conditions_is_found_out(careless_store: ObjectStore) -> None:
    """A store that ignores conditions doesn't say so, so the trial has to find out."""
    conditions = Conditions(careless_store, lambda: "trial")

    assert conditions.probe() == "ignored"
    assert keys_of(careless_store) == []


def test_a_store_that_does_not_answer_is_asked_again(server: Server, bucket: str) -> None:
    """If the store doesn't answer, the result is unknown, never assumed, and the next call asks again."""
    with spoiling(server) as (spoilt, faults):
        store = S3Store(bucket, s3_client(spoilt.settings(bucket), attempts=1))
        conditions = Conditions(store, lambda: "trial")
        faults.always(Fault(status=503, code="SlowDown"), method="PUT")
        with pytest.raises(StorageUnavailable):
            conditions.probe()
        before = conditions.mode
        faults.choose = lambda _: None

        assert (before, conditions.probe()) == ("unknown", "honoured")


class HeldStore(FolderStore):
    """A folder that accepts no write until the test allows it."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.keep_going = threading.Event()

    def create(self, key: str, body: bytes, *, content_type: str) -> str:
        assert self.keep_going.wait(60)
        return super().create(key, body, content_type=content_type)


def test_a_process_that_ends_early_leaves_nothing_of_the_trial(tmp_path: Path) -> None:
    """A process whose job is done before the trial waits for the trial to end, so that nothing of it is left."""
    store = HeldStore(tmp_path / "bucket")
    conditions = Conditions(store, lambda: "trial")

    with conditions.probed_in_background():
        before = conditions.mode
        store.keep_going.set()

    assert (before, conditions.mode, keys_of(store)) == ("unknown", "honoured", [])


def test_a_late_worker_does_not_undo_an_end_where_conditions_are_ignored(careless_store: ObjectStore) -> None:
    """Where conditions are ignored, a late worker looks before it writes, and finds that the job is another's."""
    clock = ManualClock()
    late, other = (worker(name, careless_store, clock) for name in ("w1", "w2"))
    slow = late.claim("j", "d" * 64, 7, delivery="d")
    assert isinstance(slow, Claim)
    clock.advance(61)
    fast = other.claim("j", "d" * 64, 7, delivery="d")
    assert isinstance(fast, Claim)
    fast.start(1)
    fast.complete({"duration": 1.0})

    with pytest.raises(LeaseLost):
        slow.renew()

    assert other.get("j").status.value == "COMPLETED"


def worker(name: str, store: ObjectStore, clock: ManualClock) -> JobStore:
    conditions = Conditions(store, lambda: "trial")
    conditions.probe()
    return JobStore(store, clock, worker=name, new_id=lambda: "1", lease_s=60, conditions=conditions)
