"""A job that is taken over continues where its worker died, and its samples are the same."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloning.errors import InvalidText, ServiceError, StorageUnavailable
from cloning.generate.chunk_store import decode_chunk, encode_chunk
from cloning.service import Call, Service
from storage.folder_store import FolderStore
from tests.bombs import BOMBS
from tests.standins.fakes import ToneEngine
from tests.unit.cloning.asking import TEXT, act

SPEAK: dict[str, Any] = {"text": TEXT, "voice": "anna", "seed": 1}


def die_after(chunks: int, engine: ToneEngine, call: Call) -> None:
    """Tell the worker to stop when that many chunks are done."""

    def before(_: str) -> None:
        if len(engine.history) == chunks:
            call.stopped.set()

    engine.before_speaking = before


@pytest.fixture
def interrupted(service: Service, engine: ToneEngine, anna: str) -> Callable[..., int]:
    """Speak as job 'j' until two chunks and a third are done; return the number of all chunks."""

    def run(**changes: Any) -> int:
        total = len(act(service, Call("calm"), **(SPEAK | changes))["manifest"]["chunks"])
        engine.history.clear()
        call = Call("j")
        die_after(2, engine, call)
        with pytest.raises(ServiceError, match="deliver it again"):
            act(service, call, **(SPEAK | changes))
        engine.before_speaking = lambda _: None
        engine.history.clear()
        return total

    return run


def test_only_the_missing_chunks_are_made(
    service: Service, engine: ToneEngine, interrupted: Callable[..., int]
) -> None:
    """Two chunks were finished and the third was stopped: the next attempt makes the missing ones, and the speech is an undisturbed run's."""
    total = interrupted()

    reply = act(service, Call("j"), **SPEAK)

    assert (len(engine.history), reply["manifest"]["chunks_reused"], total > 3) == (total - 2, 2, True)
    assert reply["audio"]["sha256"] == act(service, action="result", job_id="calm")["audio"]["sha256"]


@pytest.mark.parametrize("change", ["engine", "damage", "gone"])
def test_a_chunk_that_would_come_out_otherwise_is_made_again(
    service: Service, engine: ToneEngine, store: FolderStore, interrupted: Callable[..., int], change: str
) -> None:
    """A chunk of another checkpoint, a damaged one or a lost one is made again: never a wrong sample."""
    total = interrupted()
    kept = [info.key for info in store.list("jobs/j/chunks/")]
    if change == "engine":
        engine.facts = replace(engine.facts, checkpoint_sha256="1" * 64)
    for key in kept:
        if change == "damage":
            store.put(key, store.get(key).body[:-4] + b"\0\0\0\0", content_type="audio/wav")
        if change == "gone":
            store.delete(key)

    reply = act(service, Call("j"), **SPEAK)

    assert (len(kept), len(engine.history), reply["manifest"]["chunks_reused"]) == (2, total, 0)
    assert reply["audio"]["sha256"] == act(service, action="result", job_id="calm")["audio"]["sha256"]


def under(store: FolderStore, job_id: str) -> list[str]:
    return [info.key for info in store.list(f"jobs/{job_id}/")]


def test_a_finished_job_leaves_no_chunk(
    service: Service, store: FolderStore, interrupted: Callable[..., int], engine: ToneEngine
) -> None:
    """A finished job leaves no chunk, of its own attempt or the one before; delivered again it is answered without speaking."""
    interrupted()
    kept = under(store, "j")
    reply = act(service, Call("j"), **SPEAK)
    spoken = len(engine.history)

    assert (len(kept), under(store, "calm"), under(store, "j")) == (3, ["jobs/calm/job.json"], ["jobs/j/job.json"])
    again = act(service, Call("j"), **SPEAK)
    assert (again["manifest"], again["audio"]["sha256"]) == (reply["manifest"], reply["audio"]["sha256"])
    assert len(engine.history) == spoken


@pytest.mark.parametrize("end", ["cancelled", "failed"])
def test_a_job_that_ended_without_a_result_leaves_no_chunk(
    service: Service, store: FolderStore, engine: ToneEngine, anna: str, end: str
) -> None:
    """A job that was cancelled or failed for good leaves no chunk, because nobody takes it over."""

    def stop(_: str) -> None:
        if len(engine.history) == 2 and end == "cancelled":
            service.jobs.cancel("j")
        if len(engine.history) == 3:
            raise InvalidText("nothing can be spoken")

    engine.before_speaking = stop
    with pytest.raises(ServiceError):
        act(service, Call("j"), **SPEAK)

    assert service.jobs.get("j").status.value == end.upper()
    assert under(store, "j") == ["jobs/j/job.json"]


@pytest.mark.parametrize("call", ["list", "delete"])
def test_chunks_that_can_not_be_removed_cost_no_job(
    service: Service,
    store: FolderStore,
    anna: str,
    call: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """If chunks can't be removed, the job is done all the same, `expire` removes them later, and the log says that they are there."""
    asked: list[str] = []

    def refuse(key: str, **_: object) -> None:
        asked.append(key)
        raise StorageUnavailable("not now")

    with monkeypatch.context() as patch:
        patch.setattr(store, call, refuse)
        reply = act(service, Call("j"), **SPEAK)

    assert reply["status"] == service.jobs.get("j").status.value == "COMPLETED"
    assert [key.startswith("jobs/j/chunks/") for key in asked] == [True]
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == ["chunks.not_removed"]
    assert len(under(store, "j")) > 1
    act(service, action="expire", older_than_days=30)
    assert under(store, "j") == ["jobs/j/job.json"]


def test_chunks_are_removed_while_nobody_waits(service: Service, store: FolderStore, anna: str) -> None:
    """Chunks are removed after the reply, which doesn't wait for a slow bucket."""
    later: list[Callable[[], None]] = []
    patient = replace(service, in_background=later.append)

    reply = act(patient, Call("j"), **SPEAK)
    before = len(under(store, "j"))
    later[0]()

    assert (reply["status"], len(later), before > 1) == ("COMPLETED", 1, True)
    assert under(store, "j") == ["jobs/j/job.json"]


def test_a_store_that_takes_no_chunk_costs_no_job(service: Service, store: FolderStore, anna: str) -> None:
    """If the store takes no chunk, the job goes on: chunks only help after a failure."""
    put = store.put

    def refuse(key: str, body: bytes, *, content_type: str) -> str:
        if "/chunks/" in key:
            raise StorageUnavailable("not now")
        return put(key, body, content_type=content_type)

    store.put = refuse  # type: ignore[method-assign]

    assert act(service, Call("j"), **SPEAK)["status"] == "COMPLETED"


def test_chunks_are_kept_without_loss() -> None:
    """Chunks are stored bit for bit, also beyond full scale."""
    for count in (1, 5000):
        wave = np.random.default_rng(1).standard_normal(count).astype(np.float32) * 3

        assert np.array_equal(decode_chunk(encode_chunk(wave, 24_000)), wave)  # type: ignore[arg-type]  # not None


# What `encode_chunk` wrote of the samples 0, 1, 2, 3, 4 in the first workers.
STORED = bytes.fromhex(
    "52494646b200000057415645666d74201000000003000100c05d00000077010004002000666163740400000005000000"
    "4c4953544e000000494e464f49434d544200000038646562393036363865613361363834356435633034343534373938"
    "63636236333832396138386666383237383932663264633131633830386261616337616600005045414b100000000100"
    "0000fef00b6b00008040040000006461746114000000000000000000803f000000400000404000008040"
)


def test_a_chunk_of_an_older_worker_is_read() -> None:
    """A chunk of an older worker can be read: its bytes are those of today."""
    wave = decode_chunk(STORED)

    assert wave is not None
    assert wave.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("cut", range(len(STORED)))
def test_a_chunk_that_was_cut_is_made_again(cut: int) -> None:
    """A chunk that is cut anywhere, or longer than it says, is made again."""
    assert decode_chunk(STORED[:cut]) is None
    assert decode_chunk(STORED[:cut] + STORED[cut + 1 :]) is None
    assert decode_chunk(STORED + STORED[: cut + 1]) is None


@given(st.integers(0, len(STORED) - 1), st.integers(1, 255))
def test_a_changed_byte_brings_no_other_samples(at: int, change: int) -> None:
    """A chunk with a changed byte is rejected, or has the same samples if the byte doesn't concern them."""
    body = bytearray(STORED)
    body[at] ^= change

    wave = decode_chunk(bytes(body))

    assert wave is None or wave.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("make", BOMBS.values(), ids=BOMBS)
def test_a_foreign_file_is_no_chunk(make: Callable[[], bytes], capfd: pytest.CaptureFixture[str]) -> None:
    """A foreign file of any format and any claimed length is no chunk, and no library logs anything about it."""
    assert decode_chunk(make()) is None

    assert capfd.readouterr() == ("", "")


def test_a_foreign_file_in_a_chunks_place_costs_its_making(
    service: Service, engine: ToneEngine, store: FolderStore, interrupted: Callable[..., int]
) -> None:
    """If a foreign file has a chunk's name, that chunk is made again; one that is far too large isn't even fetched."""
    total = interrupted()
    small, large = [info.key for info in store.list("jobs/j/chunks/")]
    store.put(small, BOMBS["flac 2^36 samples"](), content_type="audio/wav")
    with (store._root / large).open("r+b") as file:
        file.truncate(10**12)

    reply = act(service, Call("j"), **SPEAK)

    assert (reply["status"], len(engine.history), reply["manifest"]["chunks_reused"]) == ("COMPLETED", total, 0)
