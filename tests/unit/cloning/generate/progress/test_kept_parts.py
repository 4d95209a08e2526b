"""Parts stay valid and stay, or go: with the job, with another worker or device, and with what a check refuses."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from cloning import keys
from cloning.clock import Timings, no_timings
from cloning.errors import DeviceUnavailable, JobCancelled, SpeechMismatch, StorageUnavailable
from cloning.ports import Engine
from cloning.service import Call, Service
from storage.folder_store import FolderStore
from tests.conftest import with_settings
from tests.standins.fakes import ManualClock, ToneEngine
from tests.standins.stammerer import SPEAK as CHECKED
from tests.standins.stammerer import world
from tests.unit.cloning.asking import act
from tests.unit.cloning.generate.progress.listening import SPEAK, joined, parts_in, pcm_of


def test_parts_go_with_a_job_that_ends_without_a_result(
    service: Service, store: FolderStore, engine: ToneEngine, anna: str
) -> None:
    """If a job ends without a result, its parts are removed."""

    def cancel(_: str) -> None:
        if parts_in(store):
            act(service, action="cancel", job_id="j")

    engine.before_speaking = cancel
    with pytest.raises(JobCancelled):
        act(service, Call("j"), **SPEAK)

    assert not parts_in(store)
    assert "parts" not in act(service, action="status", job_id="j")


def test_parts_go_with_delete_and_stay_with_expire(
    service: Service, store: FolderStore, clock: ManualClock, anna: str
) -> None:
    """`delete` removes the parts; `expire` keeps those that the record names and removes others."""
    act(service, Call("j"), **SPEAK)
    named = parts_in(store)
    other = keys.part("j", service.jobs.get("j").created_at.isoformat(), 0, "f" * 64, "wav")
    store.put(other, b"of another engine", content_type="audio/wav")
    clock.advance(3600)

    act(service, action="expire", older_than_days=30)
    kept = parts_in(store)
    act(service, action="delete", job_id="j")

    assert kept == named
    assert not parts_in(store)


def test_a_worker_that_takes_over_goes_on_with_the_same_names(
    service: Service, store: FolderStore, engine: ToneEngine, clock: ManualClock, anna: str
) -> None:
    """A worker that takes over goes on with the same names, so that the parts reported before stay valid."""
    told: list[dict[str, Any]] = []

    def die(_: str) -> None:
        if len(parts_in(store)) > 1:
            raise StorageUnavailable("away")

    engine.before_speaking = die
    with pytest.raises(StorageUnavailable):
        act(service, Call("j", told.append), **SPEAK)
    before = {item["index"]: item["key"] for update in told for item in update["parts"]["items"]}
    engine.before_speaking = lambda _: None
    clock.advance(61)
    reply = act(service, Call("j"), **SPEAK)

    items = act(service, action="status", job_id="j", parts_after=-1)["parts"]["items"]
    assert reply["manifest"]["attempt"] == 2
    assert before
    assert before.items() <= {item["index"]: item["key"] for item in items}.items()
    assert np.array_equal(joined(service, store), pcm_of(store.get(reply["audio"]["key"]).body))


def test_a_part_that_the_bucket_does_not_take_comes_with_the_next(
    service: Service, store: FolderStore, anna: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part that the bucket refuses is stored with the next; all are there before the record says COMPLETED."""
    create, refused = store.create, 0

    def away(key: str, body: bytes, *, content_type: str) -> str:
        nonlocal refused
        if "/parts/" in key and refused < 3:
            refused += 1
            raise StorageUnavailable("not now")
        return create(key, body, content_type=content_type)

    monkeypatch.setattr(store, "create", away)
    reply = act(service, Call("j"), **SPEAK)

    assert refused == 3
    assert np.array_equal(joined(service, store), pcm_of(store.get(reply["audio"]["key"]).body))


def test_another_device_begins_the_parts_anew(service: Service, store: FolderStore, anna: str) -> None:
    """Another device's samples differ, so its parts start again; the first device's parts are removed."""
    first, second = ToneEngine(), _Other()

    def fail(_: str) -> None:
        if len(parts_in(store)) > 1:
            raise DeviceUnavailable("the GPU fell off the bus")

    first.before_speaking = fail
    real = service.engines.get

    def get(found: Any, *, device: str | None = None, part: Timings = no_timings) -> Engine:
        real(found, device=device, part=part)
        return second if device == "cpu" else first

    service.engines.get = get  # type: ignore[method-assign]
    reply = act(with_settings(service, device="cuda"), Call("j"), **SPEAK, device_fallback=True)

    assert len(first.history) > 1
    assert np.array_equal(joined(service, store), pcm_of(store.get(reply["audio"]["key"]).body))
    assert len(parts_in(store)) == reply["parts"]["ready"]


class _Other(ToneEngine):
    """The same noise, louder."""

    def speak(self, *asked: Any, **how: Any) -> Any:
        return super().speak(*asked, **how) * 2


def test_a_checked_part_is_published_when_it_has_passed(tmp_path: Any, human_wav: bytes) -> None:
    """A part is published once its chunk has passed the check; the result is the same as without parts."""
    service, engine, _ = world(tmp_path, human_wav, (0, 0), (0, 1), (2, 0))
    store = service.store
    assert isinstance(store, FolderStore)
    there: list[int] = []
    engine.before_speaking = lambda _: there.append(len(parts_in(store)))

    early = act(service, Call("j"), **CHECKED, parts=True)
    plain = act(service, Call("p"), **CHECKED)

    assert there[:4] == [0, 0, 0, 1]
    assert early["audio"]["sha256"] == plain["audio"]["sha256"]
    assert early["check"]["chunks"] == plain["check"]["chunks"]
    assert np.array_equal(joined(service, store), pcm_of(store.get(early["audio"]["key"]).body))


def test_what_fails_the_check_is_not_published_where_that_fails_the_job(tmp_path: Any, human_wav: bytes) -> None:
    """With `on_mismatch: fail` neither the chunk that fails its check nor a later one is published."""
    service, engine, _ = world(tmp_path, human_wav, (1, 0), (1, 1), (1, 2))
    store = service.store
    assert isinstance(store, FolderStore)
    most: list[int] = []
    engine.before_speaking = lambda _: most.append(len(parts_in(store)))

    with pytest.raises(SpeechMismatch):
        act(service, Call("j"), **CHECKED, parts=True, on_mismatch="fail")

    assert max(most) == 1
    assert not parts_in(store)


def test_a_job_that_is_cancelled_while_nobody_runs_it_leaves_nothing(
    service: Service, store: FolderStore, engine: ToneEngine, clock: ManualClock, anna: str
) -> None:
    """Cancelling a job whose worker is gone removes what it made; a finished job's parts stay."""
    act(service, Call("done"), **SPEAK, job_id="done")
    finished = parts_in(store, "done")

    def die(_: str) -> None:
        if len(parts_in(store)) > 1:
            raise StorageUnavailable("away")

    engine.before_speaking = die
    with pytest.raises(StorageUnavailable):
        act(service, Call("j"), **SPEAK)
    clock.advance(61)
    act(service, action="cancel", job_id="j")
    act(service, action="cancel", job_id="done")

    assert [info.key for info in store.list(keys.job_folder("j"))] == [keys.job_record("j")]
    assert parts_in(store, "done") == finished


def test_what_an_ended_job_leaves_is_removed_without_touching_a_later_one(
    service: Service, store: FolderStore, anna: str, clock: ManualClock
) -> None:
    """A late removal of an ended job's files doesn't touch a new job that has the same id by then."""
    later: list[Callable[[], None]] = []
    act(replace(service, in_background=later.append), Call("j"), **SPEAK)
    act(service, action="delete", job_id="j")
    clock.advance(1)
    act(service, Call("again"), job_id="j", **{**SPEAK, "text": "Another text. " * 40})
    named = parts_in(store)

    for work in later:
        work()

    assert parts_in(store) == named
