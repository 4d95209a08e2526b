"""
One attempt's speech and manifest in the bucket.

Each attempt's objects have unique names, made from the speech's digest and the claim's owner. So they can be removed at any time,
however late the request arrives at the store, without touching the objects of another attempt, or of a later job of the same id;
a bucket has no conditional delete. An attempt that loses its job removes what it made. A later attempt removes what earlier ones
left, under its own lease: only the job's owner may still finish it.

All GPU seconds of a job depend on these few requests, so they are retried while the lease holds.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

from cloning import keys
from cloning.audio.canonical import CONTENT_TYPES, SAMPLE_RATE
from cloning.errors import RecordDamaged, ServiceError, StorageMisconfigured, StorageUnavailable
from cloning.jobs.claim import Claim
from cloning.jobs.record import Effort, Parts
from cloning.jobs.store import JobStore
from cloning.ports import AlreadyExists, Changed, NoSuchObject, ObjectStore

log = logging.getLogger(__name__)

BESIDE_TYPES = {
    "words": "application/json",
    "srt": "application/x-subrip",
    "vtt": "text/vtt",
    "ass": "text/x-ssa",
}
PAUSE_S = 1.0
# Including a refusal or a damaged reply: stores under repair sometimes send one.
MAY_PASS = (StorageUnavailable, StorageMisconfigured, RecordDamaged)


class ResultWriter:
    """
    Stores the result of one claim. `check` is called between tries, and raises to end them (at a cancel, a stop).

    Methods raise LeaseLost once another worker has the job, and the store's last error after failing for a whole lease.
    """

    def __init__(self, store: ObjectStore, jobs: JobStore, claim: Claim, check: Callable[[], None]) -> None:
        self._store = store
        self._jobs = jobs
        self._claim = claim
        self._check = check
        self._made: set[str] = set()

    def save(self, data: bytes, audio_format: str, manifest: dict[str, Any]) -> dict[str, Any]:
        """Store the encoded speech and its manifest; return the record's facts of the audio."""
        job_id, sha256 = self._claim.job.job_id, hashlib.sha256(data).hexdigest()
        key = keys.result(job_id, self._name(sha256), audio_format)
        audio = {"key": key, "format": audio_format, "sample_rate": SAMPLE_RATE, "bytes": len(data), "sha256": sha256}
        body = json.dumps({"job_id": job_id, "audio": audio, "manifest": manifest}, indent=2).encode()
        self.repeat(self._renew_and_tidy)
        self.repeat(lambda: self._create(key, data, CONTENT_TYPES[audio_format]))
        self.repeat(lambda: self._create(keys.manifest_of(key), body, "application/json"))
        return audio

    def save_beside(self, audio_key: str, files: Mapping[str, bytes]) -> list[dict[str, Any]]:
        """Store what belongs beside the speech, by extension; return the record's facts of it."""
        return [self._save_beside(audio_key, extension, content) for extension, content in files.items()]

    def _save_beside(self, audio_key: str, extension: str, content: bytes) -> dict[str, Any]:
        key, kind = keys.beside(audio_key, extension), BESIDE_TYPES[extension]
        self.repeat(lambda: self._create(key, content, kind))
        return {"kind": extension, "key": key, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}

    def complete(self, result: dict[str, Any], effort: Effort | None = None, parts: Parts | None = None) -> None:
        """Name the result and its parts in the record."""
        self.repeat(lambda: self._claim.complete(result, effort, parts))

    def remove_unless_named(self) -> None:
        """Remove this attempt's objects if the record certainly won't name them. What can't be removed is left to `expire`."""
        if not self._claim.will_name_no_result:
            return
        for key in sorted(self._made):
            try:
                self._store.delete(key)
            except ServiceError as error:
                log.warning("result.not_removed", extra={"job": self._claim.job.job_id, "code": error.code})

    def _name(self, sha256: str) -> str:
        return hashlib.sha256(f"{sha256} {self._claim.job.lease.owner}".encode()).hexdigest()

    def _renew_and_tidy(self) -> None:
        """
        Check that the job is still ours, and remove what earlier attempts left.

        The renewal comes after the listing: it proves that the job was ours throughout, so that no other attempt can have finished
        it with a listed object. (A store without conditional writes proves nothing, so nothing is removed there.)
        """
        follows = self._claim.job.attempt > 1 and self._jobs.records.are_guarded
        left = self._jobs.owned_results(self._claim.job.job_id) if follows else []
        self._claim.renew()
        for key in left:
            self._store.delete(key)

    def _create(self, key: str, body: bytes, content_type: str) -> None:
        self._made.add(key)
        try:
            self._store.create(key, body, content_type=content_type)
        except AlreadyExists:
            self._make_equal(key, body, content_type)

    def _make_equal(self, key: str, body: bytes, content_type: str) -> None:
        """Make sure that the object holds these bytes. Its name is unique to us, so it is our own write whose reply was lost."""
        try:
            there = self._store.get(key)
            if there.body != body:
                self._store.replace(key, body, etag=there.etag, content_type=content_type)
        except (NoSuchObject, Changed):
            raise StorageUnavailable("the result changes while it is stored; try again") from None

    def repeat(self, step: Callable[[], None]) -> None:
        """
        Run the step until the store accepts it, for at most one lease.

        A worker that alone can't reach the store must not keep the job from the others.
        """
        begun = self._jobs.clock.monotonic()
        while True:
            try:
                return step()
            except MAY_PASS:
                if self._jobs.clock.monotonic() - begun >= self._jobs.lease_s:
                    raise
            if not self._claim.is_sure:
                self._claim.renew()
            self._jobs.clock.sleep(PAUSE_S)
            self._check()
