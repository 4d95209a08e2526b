"""A job that is taken over goes on where its worker died, and comes out the same, sample for sample."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from cloning.chunks import decode_chunk, encode_chunk
from cloning.errors import ServiceError, StorageUnavailable
from cloning.service import Call, Service
from local.folder_store import FolderStore
from tests.fakes import ToneEngine
from tests.unit.test_generate import TEXT, act, anna  # noqa: F401 - a fixture

SPEAK: dict[str, Any] = {"text": TEXT, "voice": "anna", "seed": 1}


def die_after(chunks: int, engine: ToneEngine, call: Call) -> None:
    """The worker is told to stop when that many chunks are done."""

    def before(_: str) -> None:
        if len(engine.history) == chunks:
            call.stopped.set()

    engine.before_speaking = before


@pytest.fixture
def interrupted(service: Service, engine: ToneEngine, anna: str) -> Callable[..., int]:  # noqa: F811 - the fixture
    """Speaks as job 'j' until two chunks and a third are done; gives how many there will be."""

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
    """Two were finished, the third was stopped; the next attempt makes the rest, and the speech is that of a calm run."""
    total = interrupted()

    reply = act(service, Call("j"), **SPEAK)

    assert (len(engine.history), reply["manifest"]["chunks_reused"], total > 3) == (total - 2, 2, True)
    assert reply["audio"]["sha256"] == act(service, action="result", job_id="calm")["audio"]["sha256"]


@pytest.mark.parametrize("change", ["engine", "damage", "gone"])
def test_a_chunk_that_would_come_out_otherwise_is_made_again(
    service: Service, engine: ToneEngine, store: FolderStore, interrupted: Callable[..., int], change: str
) -> None:
    """Another checkpoint, a damaged object, a store that has lost it: never a wrong sample."""
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


def test_a_store_that_takes_no_chunk_costs_no_job(service: Service, store: FolderStore, anna: str) -> None:  # noqa: F811
    """They are kept for worse days only."""
    put = store.put

    def refuse(key: str, body: bytes, *, content_type: str) -> str:
        if "/chunks/" in key:
            raise StorageUnavailable("not now")
        return put(key, body, content_type=content_type)

    store.put = refuse  # type: ignore[method-assign]

    assert act(service, Call("j"), **SPEAK)["status"] == "COMPLETED"


def test_chunks_are_kept_without_loss() -> None:
    """Bit for bit, beyond full scale too; what was cut or changed is noticed."""
    wave = np.random.default_rng(1).standard_normal(5000).astype(np.float32) * 3
    body = encode_chunk(wave, 24_000)

    assert np.array_equal(decode_chunk(body), wave)  # type: ignore[arg-type]  # not None
    assert decode_chunk(body[:-8]) is None
    assert decode_chunk(b"no wav") is None
