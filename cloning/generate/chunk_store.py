"""
A job's finished chunks in the bucket, so that a job that is taken over goes on where its worker died.

A chunk is named by everything that shapes its samples: only a chunk that would come out the same, sample for sample, is used
again. They are kept losslessly (float32) in the background: the GPU never waits for the bucket. Once the job has ended for good
they serve nobody, and go.
"""

import hashlib
import io
import json
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial

import numpy as np

from cloning import keys
from cloning.errors import ServiceError
from cloning.jobs.claim import Claim
from cloning.planning.f5 import Chunk
from cloning.ports import EngineFacts, NoSuchObject, ObjectStore, Parameters, Reference, Samples

log = logging.getLogger(__name__)

# What joins and finishes the whole speech shapes no single chunk.
_OF_THE_WHOLE = ("cross_fade_duration", "remove_silence", "fix_duration")


class ChunkStore:
    """The chunks of one job. Only an attempt that follows another one looks for what is there."""

    def __init__(self, store: ObjectStore, job_id: str, *, attempt: int, inputs: dict[str, object]) -> None:
        self._store = store
        self._job_id = job_id
        self._inputs = inputs
        self._there = self._listed() if attempt > 1 else frozenset()
        self._background = ThreadPoolExecutor(1, thread_name_prefix="chunks")
        self.reused = 0

    def find(self, chunk: Chunk) -> Samples | None:
        """The chunk's samples, if an earlier attempt finished it; None also if it arrives damaged or not at all."""
        key = self._key(chunk)
        if key not in self._there:
            return None
        try:
            wave = decode_chunk(self._store.get(key).body)
        except (NoSuchObject, ServiceError):
            return None
        self.reused += wave is not None
        return wave

    def keep(self, chunk: Chunk, wave: Samples, sample_rate: int) -> None:
        """Store the chunk in the background; that it could not be stored costs nothing but its making again."""
        self._background.submit(self._put, self._key(chunk), wave, sample_rate)

    def close(self, *, needed: bool) -> None:
        """Wait for what is still on its way, if another attempt may need it; else let it go."""
        self._background.shutdown(wait=True, cancel_futures=not needed)

    def _put(self, key: str, wave: Samples, sample_rate: int) -> None:
        try:
            self._store.put(key, encode_chunk(wave, sample_rate), content_type="audio/wav")
        except Exception as error:  # noqa: BLE001 - in the background nobody else would hear of it
            log.warning("chunk.not_kept", extra={"job": self._job_id, "kind": type(error).__name__})

    def _key(self, chunk: Chunk) -> str:
        own = {"text": chunk.text, "seed": chunk.seed, "fix_duration": chunk.fix_duration}
        digest = hashlib.sha256(json.dumps({**self._inputs, **own}, sort_keys=True).encode()).hexdigest()
        return keys.chunk(self._job_id, chunk.index, digest)

    def _listed(self) -> frozenset[str]:
        try:
            return frozenset(info.key for info in self._store.list(keys.chunk_folder(self._job_id)))
        except ServiceError:
            return frozenset()


@contextmanager
def removed_at_the_end(claim: Claim, store: ObjectStore, later: Callable[[Callable[[], None]], None]) -> Iterator[None]:
    """
    Remove the job's chunks, by `later`, if it has ended for good when the block is left. Raises what the block raises.

    Who has lost the job looks whether it has ended meanwhile: the chunks that it stored since then would stay. While another worker
    has the job they stay for that one. A chunk is never missed: whoever doesn't find it makes it again.
    """
    try:
        yield
    finally:
        job = claim.job
        # The last chunk of an attempt is never kept: a job of one chunk has none, unless it was tried before.
        if (job.status.is_final or claim.lost) and (job.attempt > 1 or job.progress.total > 1):
            later(partial(_remove_if_over, claim, store))


def _remove_if_over(claim: Claim, store: ObjectStore) -> None:
    """What can't be removed is left to `expire`."""
    job_id = claim.job.job_id
    try:
        if claim.lost and not claim.is_over():
            return
        for info in list(store.list(keys.chunk_folder(job_id))):
            store.delete(info.key)
    except ServiceError as error:
        log.warning("chunks.not_removed", extra={"job": job_id, "code": error.code})


def inputs_of(facts: EngineFacts, reference: Reference, parameters: Parameters) -> dict[str, object]:
    """What shapes every chunk of a job alike: who speaks, on what, in which language, with whose voice and which values."""
    values = {name: value for name, value in asdict(parameters).items() if name not in _OF_THE_WHOLE}
    return {
        **asdict(facts),
        **values,
        "voice": reference.sha256,
        "words": reference.text,
        "language": reference.language,
    }


def encode_chunk(wave: Samples, sample_rate: int) -> bytes:
    """A WAV of float32 samples, with their digest as its comment."""
    import soundfile

    buffer = io.BytesIO()
    with soundfile.SoundFile(buffer, "w", sample_rate, 1, "FLOAT", format="WAV") as file:
        file.comment = _digest(wave)
        file.write(wave)
    return buffer.getvalue()


def decode_chunk(body: bytes) -> Samples | None:
    """The samples, or None if they are not the ones that were stored."""
    import soundfile

    try:
        with soundfile.SoundFile(io.BytesIO(body)) as file:
            wave = np.asarray(file.read(dtype="float32"))
            return wave if file.comment == _digest(wave) else None
    except soundfile.LibsndfileError:
        return None


def _digest(wave: Samples) -> str:
    return hashlib.sha256(np.ascontiguousarray(wave, dtype=np.float32).tobytes()).hexdigest()
