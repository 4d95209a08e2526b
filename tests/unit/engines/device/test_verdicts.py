"""One proof a card: remembered, made once, and never by a worker that would die of it."""

import threading
from pathlib import Path
from typing import Any

import pytest

from cloning import keys
from cloning.errors import GpuOutOfMemory, StorageUnavailable, WorkerUnfit
from cloning.ports import AlreadyExists, NoSuchObject
from engines.device.verdicts import Findings, Verdict, Verdicts, key_of
from storage.folder_store import FolderStore
from tests.standins.fakes import ManualClock

CARD = {"card": "NVIDIA L4", "driver": "580", "code": "aa"}
KEY = keys.proof(key_of(CARD))


class Killed(BaseException):
    """The process ends here."""


class Place:
    """A bucket, workers with a disk each, and how often a model was run for a proof."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = ManualClock()
        self.bucket = FolderStore(folder / "bucket")
        self.proofs = 0

    def worker(self, name: str = "one", *, bucket: Any = None) -> Verdicts:
        return Verdicts(FolderStore(self.folder / name), bucket or self.bucket, self.clock, worker=name)

    def good(self) -> Findings:
        self.proofs += 1
        return Findings({"velocity": 0.001})

    def bad(self) -> Findings:
        self.proofs += 1
        return Findings({"velocity": None}, ("velocity: no number",))

    def killed(self) -> Findings:
        self.proofs += 1
        raise Killed


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def known(verdict: Verdict) -> tuple[str, bool, str]:
    return verdict.state, verdict.holds, verdict.why


@pytest.mark.parametrize("name", ["one", "two"])
def test_what_is_proved_is_remembered_by_all(place: Place, name: str) -> None:
    """The same worker finds it on its disk, another in the bucket: no model is run for it again."""
    first = place.worker().prove(CARD, place.good)
    second = place.worker(name).prove(CARD, place.good)

    assert (known(first), known(second)) == (("proved", True, ""), ("remembered", True, ""))
    assert place.proofs == 1
    assert second.distances == {"velocity": 0.001}


def test_what_is_on_the_disk_needs_no_bucket(place: Place) -> None:
    """A cold start beside a network volume asks nobody."""
    place.worker().prove(CARD, place.good)

    class Nobody:
        def __getattr__(self, name: str) -> Any:
            raise AssertionError(name)

    assert known(place.worker(bucket=Nobody()).prove(CARD, place.good)) == ("remembered", True, "")


def test_what_failed_is_remembered_until_somebody_removes_it(place: Place) -> None:
    """An operator's action clears it, whichever worker made it."""
    first = place.worker().prove(CARD, place.bad)
    second = place.worker().prove(CARD, place.good)
    place.bucket.delete(KEY)
    third = place.worker().prove(CARD, place.good)

    assert known(first) == ("failed", False, "velocity: no number")
    assert known(second) == ("remembered", False, "velocity: no number")
    assert known(third) == ("proved", True, "")


def test_other_circumstances_are_another_question(place: Place) -> None:
    """A changed file of the solver, driver or card is proved anew."""
    for change in ({}, {"code": "bb"}, {"driver": "590"}, {"card": "NVIDIA L40S"}):
        assert place.worker().prove(CARD | change, place.good).state == "proved"

    assert place.proofs == 4


def test_a_worker_that_dies_in_the_proof_takes_no_other_along(place: Place) -> None:
    """Its mark stays: the others speak officially and say why, until an operator removes it."""
    with pytest.raises(Killed):
        place.worker().prove(CARD, place.killed)
    at_once = place.worker("two").prove(CARD, place.killed)
    place.clock.advance(121)
    later = place.worker("two").prove(CARD, place.killed)
    place.bucket.delete(KEY)

    assert (at_once.state, at_once.holds, later.state, later.holds) == ("skipped", False, "remembered", False)
    assert "worker one" in at_once.why
    assert "is at it" in at_once.why
    assert later.why == (
        f"worker one began the proof at 2026-01-01T00:00:00Z and died in it: remove {KEY} from the bucket to try again"
    )
    assert place.proofs == 1
    assert place.worker("two").prove(CARD, place.good).state == "proved"


def test_two_workers_at_once_make_one_proof(place: Place) -> None:
    """The second finds the first one's mark, and goes on officially."""
    begun, go_on = threading.Event(), threading.Event()

    def slow() -> Findings:
        begun.set()
        go_on.wait(10)
        return place.good()

    verdicts: list[Verdict] = []
    first = threading.Thread(target=lambda: verdicts.append(place.worker().prove(CARD, slow)))
    first.start()
    begun.wait(10)
    second = place.worker("two").prove(CARD, place.good)
    go_on.set()
    first.join()

    assert (verdicts[0].state, second.state, second.holds, place.proofs) == ("proved", "skipped", False, 1)


def test_who_comes_between_look_and_mark_is_heard(place: Place) -> None:
    """The mark is made only where nothing is: of two that found nothing one makes the proof."""

    class Late(FolderStore):
        def create(self, key: str, body: bytes, *, content_type: str) -> str:
            place.worker("two").prove(CARD, place.good)
            raise AlreadyExists(key)

    verdict = place.worker(bucket=Late(place.folder / "bucket")).prove(CARD, place.good)

    assert (known(verdict), place.proofs) == (("remembered", True, ""), 1)


def test_memory_that_did_not_suffice_is_not_remembered(place: Place) -> None:
    """It says nothing of the solver: the next load tries again."""

    def full() -> Findings:
        raise GpuOutOfMemory("the memory of cuda did not suffice", device="cuda")

    verdict = place.worker().prove(CARD, full)

    assert known(verdict) == ("skipped", False, "GPU_OUT_OF_MEMORY: the memory of cuda did not suffice")
    with pytest.raises(NoSuchObject):
        place.bucket.get(KEY)


def test_a_gpu_that_fails_in_the_proof_ends_the_worker_and_not_the_next(place: Place) -> None:
    """Nothing can go on in such a process; the verdict is there for those to come."""

    def broken() -> Findings:
        raise WorkerUnfit("cuda failed", kind="CUDA error: an illegal memory access was encountered")

    with pytest.raises(WorkerUnfit):
        place.worker().prove(CARD, broken)

    why = "the GPU failed in the proof: CUDA error: an illegal memory access was encountered"
    assert known(place.worker("two").prove(CARD, place.good)) == ("remembered", False, why)


def test_a_proof_that_breaks_is_a_failed_one(place: Place) -> None:
    """A bug in it costs speed, never speech."""

    def buggy() -> Findings:
        raise ZeroDivisionError

    assert known(place.worker().prove(CARD, buggy)) == ("failed", False, "ZeroDivisionError in the proof")


@pytest.mark.parametrize("call", ["get", "create"])
def test_without_a_bucket_nothing_is_tried(place: Place, call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mark that can't be left would not keep the next worker from dying too."""

    def fail(*_: Any, **__: Any) -> Any:
        raise StorageUnavailable("the bucket doesn't answer")

    monkeypatch.setattr(place.bucket, call, fail)

    verdict = place.worker().prove(CARD, place.good)

    assert (known(verdict), place.proofs) == (("skipped", False, "STORAGE_UNAVAILABLE: the bucket doesn't answer"), 0)


def test_a_verdict_that_can_not_be_kept_counts_here(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """One worker knows; the mark keeps the others official, which is safe."""

    def fail(*_: Any, **__: Any) -> Any:
        raise StorageUnavailable("the bucket doesn't answer")

    monkeypatch.setattr(place.bucket, "replace", fail)

    assert place.worker().prove(CARD, place.good).holds
    assert not place.worker("two").prove(CARD, place.good).holds


@pytest.mark.parametrize("body", [b"", b"{}", b"x" * 200_000])
def test_a_damaged_record_proves_nothing(place: Place, body: bytes) -> None:
    """Nor does it bring a worker down."""
    place.bucket.put(KEY, body, content_type="application/json")

    verdict = place.worker().prove(CARD, place.good)

    assert (verdict.state, verdict.holds, place.proofs) == ("remembered", False, 0)
    assert KEY in verdict.why


def test_a_record_of_another_card_proves_nothing(place: Place) -> None:
    """A verdict copied under another name is not believed."""
    place.worker().prove(CARD | {"card": "NVIDIA H100"}, place.good)
    other = place.bucket.get(keys.proof(key_of(CARD | {"card": "NVIDIA H100"}))).body
    place.bucket.put(KEY, other, content_type="application/json")

    assert not place.worker("two").prove(CARD, place.good).holds


def test_a_damaged_disk_is_only_a_shortcut_lost(place: Place) -> None:
    """The bucket knows."""
    place.worker().prove(CARD, place.good)
    FolderStore(place.folder / "one").put(KEY, b"{", content_type="application/json")

    assert known(place.worker().prove(CARD, place.good)) == ("remembered", True, "")


def test_health_is_told_everything(place: Place) -> None:
    """State, reason, distances, and what it was made on."""
    told = place.worker().prove(CARD, place.good).to_json()

    assert told == {
        "state": "proved", "holds": True, "why": "", "key": key_of(CARD), **CARD, "distances": {"velocity": 0.001}, "seconds": 0.0,
    }  # fmt: skip
