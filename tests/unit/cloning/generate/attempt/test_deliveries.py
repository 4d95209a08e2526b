"""One job and its deliveries: it is done once, and taken over from a worker that stopped or fell silent."""

import hashlib
from typing import Any

import pytest

from cloning import keys
from cloning.errors import Conflict, ServiceError, StorageUnavailable
from cloning.requests.fields import Limits
from cloning.requests.models import parse
from cloning.service import Call, Service
from storage.folder_store import FolderStore
from tests.standins.fakes import ManualClock, ToneEngine
from tests.unit.cloning.asking import TEXT, act


def test_a_job_delivered_twice_is_done_once(service: Service, anna: str, engine: ToneEngine) -> None:
    """A second delivery gets the first one's result, and the engine isn't called."""
    first = act(service, text=TEXT, voice=anna)
    spoken = len(engine.history)

    second = act(service, text=TEXT, voice=anna)

    assert (second["audio"]["sha256"], len(engine.history)) == (first["audio"]["sha256"], spoken)


def test_a_finished_job_outlives_its_voice(service: Service, anna: str) -> None:
    """A job delivered again after its voice was deleted still has its result."""
    first = act(service, text=TEXT, voice=anna)
    act(service, action="delete", voice=anna)

    assert act(service, text=TEXT, voice=anna)["audio"]["sha256"] == first["audio"]["sha256"]


def test_one_job_id_with_another_text_is_a_conflict(service: Service, anna: str) -> None:
    """The same job_id with another text is a conflict, so that nobody gets another request's speech."""
    act(service, text="One.", voice=anna, job_id="mine")

    with pytest.raises(Conflict):
        act(service, text="Two.", voice=anna, job_id="mine")


def test_a_stopped_worker_gives_the_job_back(service: Service, anna: str, engine: ToneEngine) -> None:
    """A stopped worker gives the job back between two steps of the model; the next one goes on from the finished chunks to the same speech."""
    call = Call("j")
    engine.before_speaking = lambda _: call.stopped.set() if engine.history else None
    with pytest.raises(ServiceError) as caught:
        act(service, call, text=TEXT, voice=anna, seed=1)
    engine.before_speaking = lambda _: None

    assert (caught.value.code, caught.value.retryable) == ("INTERRUPTED", True)
    assert act(service, action="status", job_id="j")["status"] == "INTERRUPTED"
    again = act(service, Call("j"), text=TEXT, voice=anna, seed=1)
    assert again["manifest"]["attempt"] == 2
    assert again["manifest"]["chunks_reused"] == 1
    assert again["audio"]["sha256"] == act(service, Call("k"), text=TEXT, voice=anna, seed=1)["audio"]["sha256"]


def test_another_workers_job_is_waited_for(service: Service, anna: str, clock: ManualClock) -> None:
    """A duplicate delivery waits for the running worker's result, or takes over once that worker is silent."""
    request = parse({"text": TEXT, "voice": anna, "job_id": "j"}, Limits(20_000, 1))
    service.jobs.claim("j", request.digest(), 9, delivery="d")  # type: ignore[union-attr]  # it is a Generate
    before = clock.monotonic()

    reply = act(service, text=TEXT, voice=anna, job_id="j")

    assert clock.monotonic() - before >= service.settings.lease_s
    assert (reply["manifest"]["attempt"], reply["manifest"]["seed"]) == (2, 9)


def test_a_store_that_goes_down_leaves_a_job_that_can_be_taken_over(
    service: Service, store: FolderStore, anna: str, monkeypatch: pytest.MonkeyPatch, clock: ManualClock
) -> None:
    """If the store goes down, the lease ends by itself, and the next delivery finishes the job."""

    def down(*_: object, **__: object) -> str:
        raise StorageUnavailable("the bucket does not answer")

    with monkeypatch.context() as patch:
        patch.setattr(store, "create", down)
        patch.setattr(store, "replace", down)
        with pytest.raises(StorageUnavailable):
            act(service, text="Hello there.", voice=anna)
    clock.advance(61)

    assert act(service, text="Hello there.", voice=anna)["status"] == "COMPLETED"


def test_a_worker_thought_dead_overwrites_nothing(
    service: Service, store: FolderStore, anna: str, clock: ManualClock
) -> None:
    """A worker thought dead reports the other worker's result and removes its own late upload, whose name differs even if the bytes don't."""
    create = store.create
    told: list[dict[str, Any]] = []

    def stall(key: str, body: bytes, *, content_type: str) -> str:
        if key.startswith("results/") and not told:
            clock.advance(61)  # the lease lapses while the bytes are on their way
            store.create = create  # type: ignore[method-assign]
            told.append(act(service, Call("j"), text=TEXT, voice=anna))
        return create(key, body, content_type=content_type)

    store.create = stall  # type: ignore[method-assign]
    reply = act(service, Call("j"), text=TEXT, voice=anna)

    assert reply["audio"] == told[0]["audio"] | {"expires_at": reply["audio"]["expires_at"]}
    assert hashlib.sha256(store.get(reply["audio"]["key"]).body).hexdigest() == reply["audio"]["sha256"]
    assert [info.key for info in store.list("results/")] == sorted(
        [reply["audio"]["key"], keys.manifest_of(reply["audio"]["key"])]
    )


def test_a_worker_thought_dead_whose_own_attempt_fails_tells_the_others_result(
    service: Service, store: FolderStore, anna: str, clock: ManualClock
) -> None:
    """If a worker thought dead fails while the job is done by another, it reports that result and not its failure."""
    create = store.create
    told: list[dict[str, Any]] = []

    def stall(key: str, body: bytes, *, content_type: str) -> str:
        if key.startswith("results/") and not told:
            clock.advance(61)
            store.create = create  # type: ignore[method-assign]
            told.append(act(service, Call("j"), text=TEXT, voice=anna))
            raise RuntimeError("a bug of this worker's own")
        return create(key, body, content_type=content_type)

    store.create = stall  # type: ignore[method-assign]
    reply = act(service, Call("j"), text=TEXT, voice=anna)

    assert reply["status"] == "COMPLETED"
    assert reply["audio"]["key"] == told[0]["audio"]["key"]


def test_a_delivery_that_is_already_stopped_makes_no_record(service: Service, anna: str, store: FolderStore) -> None:
    """A delivery that was stopped already makes no record, whose lease nobody would release in time."""
    call = Call("j")
    call.stopped.set()

    with pytest.raises(ServiceError, match="stopped"):
        act(service, call, text=TEXT, voice=anna, seed=1)

    assert [info.key for info in store.list("jobs/")] == []
