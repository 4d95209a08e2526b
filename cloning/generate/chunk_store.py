"""
A job's finished chunks in the bucket, so that a job that is taken over continues where its worker died.

A chunk is named by everything that shapes its samples: only a chunk that would have the same samples is used
again. Chunks are kept losslessly (float32) in the background: the GPU never waits for the bucket. Once the job has ended for good
nobody needs them, and they are removed.
"""

import hashlib
import io
import json
import logging
import struct
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, fields
from functools import partial
from typing import Self

import numpy as np
from pydantic import TypeAdapter, ValidationError

from cloning import keys
from cloning.checking import Verdict
from cloning.errors import ServiceError
from cloning.jobs.claim import Claim
from cloning.jobs.record import Job, JobStatus
from cloning.planning.f5 import Chunk
from cloning.ports import EngineFacts, NoSuchObject, ObjectStore, Parameters, Reference, Samples, TooLarge

log = logging.getLogger(__name__)

# Some minutes of speech; no engine says more than one of them in a chunk.
_MOST_BYTES = 64_000_000
_MOST_VERDICT = 100_000
_VERDICT = TypeAdapter(Verdict)
_KEPT = TypeAdapter(dict[str, str])
_FORM = struct.Struct("<HHIIHH")
_HEAD_BYTES, _MOST_PARTS = 12, 16
_IEEE_FLOAT, _SAMPLE_BYTES = 3, 4
# What joins and finishes the whole speech shapes no single chunk, and of other values each chunk has its own.
_OF_THE_WHOLE = ("cross_fade_duration", "remove_silence", "fix_duration", "speed")


class ChunkStore:
    """The chunks of one job. Only an attempt that follows another one looks for stored chunks."""

    def __init__(
        self,
        store: ObjectStore,
        job: Job,
        facts: EngineFacts,
        parameters: Parameters,
        references: Sequence[Reference],
    ) -> None:
        """`references` are the voices by passage."""
        self._store = store
        self._job_id = job.job_id
        self._inputs = inputs_of(facts, parameters)
        self._by_passage = [_inputs_of_voice(reference) for reference in references]
        self._there = self._listed() if job.attempt > 1 else {}
        self._background = ThreadPoolExecutor(1, thread_name_prefix="chunks")
        self.reused = 0

    def find(self, chunk: Chunk) -> Samples | None:
        """The chunk's samples, if an earlier attempt finished it; None if the object is missing or damaged."""
        key = self._key(chunk)
        if self._there.get(key, _MOST_BYTES + 1) > _MOST_BYTES:
            return None
        try:
            wave = decode_chunk(self._store.get(key, most=_MOST_BYTES).body)
        except (NoSuchObject, TooLarge, ServiceError):
            return None
        self.reused += wave is not None
        return wave

    def keep(self, chunk: Chunk, wave: Samples, sample_rate: int) -> None:
        """Store the chunk in the background; if that fails, it only has to be made again."""
        key = self._key(chunk)
        self._background.submit(
            self._try, lambda: self._store.put(key, encode_chunk(wave, sample_rate), content_type="audio/wav")
        )

    def find_verdict(self, chunk: Chunk, how: Mapping[str, object]) -> Verdict | None:
        """The verdict of an earlier attempt's check of the chunk, made in the same way."""
        key = keys.verdict(self._job_id, chunk.index, self._digest(chunk, how))
        if self._there.get(key, _MOST_VERDICT + 1) > _MOST_VERDICT:
            return None
        try:
            return _decode_verdict(self._store.get(key, most=_MOST_VERDICT).body)
        except (NoSuchObject, TooLarge, ServiceError):
            return None

    def keep_verdict(self, chunk: Chunk, how: Mapping[str, object], verdict: Verdict) -> None:
        """Store a check's verdict on the chunk in the background."""
        key = keys.verdict(self._job_id, chunk.index, self._digest(chunk, how))
        self._background.submit(
            self._try, lambda: self._store.put(key, _encode_verdict(verdict), content_type="application/json")
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, failure: type[BaseException] | None, *_: object) -> None:
        """Wait for objects that are being stored, if another attempt may need them after a failure; otherwise drop them."""
        self._background.shutdown(wait=True, cancel_futures=failure is None)

    def _try(self, put: Callable[[], object]) -> None:
        try:
            put()
        except Exception as error:  # noqa: BLE001 - in the background nobody else would hear of it
            log.warning("chunk.not_kept", extra={"job": self._job_id, "kind": type(error).__name__})

    def _key(self, chunk: Chunk) -> str:
        return keys.chunk(self._job_id, chunk.index, self._digest(chunk))

    def _digest(self, chunk: Chunk, how: Mapping[str, object] | None = None) -> str:
        own = {"text": chunk.text, "seed": chunk.seed, "speed": chunk.speed, "fix_duration": chunk.fix_duration}
        shared = {**self._inputs, **self._by_passage[chunk.passage]}
        return hashlib.sha256(json.dumps({**shared, **own, **(how or {})}, sort_keys=True).encode()).hexdigest()

    def _listed(self) -> Mapping[str, int]:
        """The sizes of the stored objects."""
        try:
            return {info.key: info.size for info in self._store.list(keys.chunk_folder(self._job_id))}
        except ServiceError:
            return {}


@contextmanager
def removed_at_the_end(
    claim: Claim,
    store: ObjectStore,
    later: Callable[[Callable[[], None]], None],
    *,
    is_checked: bool = False,
    has_parts: bool = False,
) -> Iterator[None]:
    """
    Remove the job's chunks, by `later`, if the job has ended for good when the block is left. Raises what the block raises.

    Parts that its record doesn't name are removed too: all of a failed job, and those of an engine that gave up.

    A worker that has lost the job checks whether it has ended meanwhile, because the chunks that it stored since then would stay. While
    another worker has the job, the chunks stay for that one. A missing chunk is only made again.
    """
    try:
        yield
    finally:
        job = claim.job
        # Without a check the last chunk of an attempt is never kept: a job of one chunk has none, unless it was tried before.
        may_be_there = is_checked or job.attempt > 1 or job.progress.total > 1
        if (job.status.is_final or claim.lost) and may_be_there:
            later(partial(_remove_if_over, claim, store))
        if job.status.is_final and has_parts:
            later(partial(_remove_unnamed_parts, job, store))


def _remove_if_over(claim: Claim, store: ObjectStore) -> None:
    """Remove the chunks if the job has ended; `expire` removes what is left."""
    job_id = claim.job.job_id
    try:
        if claim.lost and not claim.is_over():
            return
    except ServiceError as error:
        log.warning("chunks.not_removed", extra={"job": job_id, "code": error.code})
    else:
        _remove_all(job_id, keys.chunk_folder(job_id), [], store)


def removed_after_cancel(job: Job, store: ObjectStore, later: Callable[[Callable[[], None]], None]) -> None:
    """Remove what a job that no worker runs has left, by `later`, if a cancel has just ended it."""
    if job.status is JobStatus.CANCELLED and job.started_at is not None:
        later(partial(_remove_all, job.job_id, keys.chunk_folder(job.job_id), [], store))
        later(partial(_remove_unnamed_parts, job, store))


def _remove_unnamed_parts(job: Job, store: ObjectStore) -> None:
    _remove_all(job.job_id, job.part_prefix, job.part_keys(), store)


def _remove_all(job_id: str, prefix: str, kept: Collection[str], store: ObjectStore) -> None:
    """Remove everything under the prefix except `kept`; `expire` removes what is left."""
    try:
        for info in list(store.list(prefix)):
            if info.key not in kept:
                store.delete(info.key)
    except ServiceError as error:
        log.warning("chunks.not_removed", extra={"job": job_id, "code": error.code})


def inputs_of(facts: EngineFacts, parameters: Parameters) -> dict[str, object]:
    """The inputs that shape all chunks of a job: engine, device and values."""
    values = {name: value for name, value in asdict(parameters).items() if name not in _OF_THE_WHOLE}
    speaks = {one.name: getattr(facts, one.name) for one in fields(facts) if one.compare}
    return {**speaks, **values}


def _inputs_of_voice(reference: Reference) -> dict[str, object]:
    """The inputs that shape all chunks of one voice: the voice, and the language in which it speaks."""
    return {"voice": reference.sha256, "words": reference.text, "language": reference.language}


def _encode_verdict(verdict: Verdict) -> bytes:
    """The verdict as JSON, with a digest as for a chunk."""
    told = _VERDICT.dump_json(verdict, exclude={"phones"} if verdict.phones is None else None).decode()
    return json.dumps({"sha256": hashlib.sha256(told.encode()).hexdigest(), "verdict": told}).encode()


def _decode_verdict(body: bytes) -> Verdict | None:
    """The verdict; None if it differs from the one that was stored."""
    try:
        kept = _KEPT.validate_json(body)
        is_whole = kept["sha256"] == hashlib.sha256(kept["verdict"].encode()).hexdigest()
        return _VERDICT.validate_json(kept["verdict"]) if is_whole else None
    except (ValidationError, KeyError):
        return None


def encode_chunk(wave: Samples, sample_rate: int) -> bytes:
    """A WAV of float32 samples, with their digest as its comment."""
    import soundfile

    buffer = io.BytesIO()
    with soundfile.SoundFile(buffer, "w", sample_rate, 1, "FLOAT", format="WAV") as file:
        file.comment = _digest(wave)
        file.write(wave)
    return buffer.getvalue()


def decode_chunk(body: bytes) -> Samples | None:
    """
    The samples; None if they differ from those that were stored.

    Only the form that `encode_chunk` writes is read, and without a library: any other file there may claim any length.
    """
    if len(body) < _HEAD_BYTES or body[:_HEAD_BYTES] != b"RIFF" + (len(body) - 8).to_bytes(4, "little") + b"WAVE":
        return None
    parts = _parts(body[_HEAD_BYTES:])
    samples, notes = parts.get(b"data", b""), _parts(parts.get(b"LIST", b"").removeprefix(b"INFO"))
    if not _is_float32_mono(parts.get(b"fmt ", b"")) or len(samples) % _SAMPLE_BYTES:
        return None
    wave = np.frombuffer(samples, dtype="<f4").astype(np.float32)
    return wave if notes.get(b"ICMT", b"").rstrip(b"\0") == _digest(wave).encode() else None


def _parts(body: bytes) -> dict[bytes, bytes]:
    """The parts of a RIFF file by name; none if their sizes don't add up to the whole."""
    parts: dict[bytes, bytes] = {}
    at = 0
    while at < len(body) and len(parts) < _MOST_PARTS:
        name, size = body[at : at + 4], int.from_bytes(body[at + 4 : at + 8], "little")
        if name in parts:
            return {}
        parts[name] = body[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
    return parts if at == len(body) else {}


def _is_float32_mono(form: bytes) -> bool:
    if len(form) != _FORM.size:
        return False
    kind, channels, rate, byte_rate, block, bits = _FORM.unpack(form)
    told = (kind, channels, byte_rate, block, bits)
    return rate > 0 and told == (_IEEE_FLOAT, 1, rate * _SAMPLE_BYTES, _SAMPLE_BYTES, 8 * _SAMPLE_BYTES)


def _digest(wave: Samples) -> str:
    return hashlib.sha256(np.ascontiguousarray(wave, dtype=np.float32).tobytes()).hexdigest()
