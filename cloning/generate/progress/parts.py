"""
The parts of a running job's speech in the bucket, so that it can be heard before the rest is spoken.

Each attempt gives the same parts the same names, so a later attempt continues the list; a part that differs
(another engine or device speaks) starts the list again from there. The object is stored first, then the record names it.
"""

import hashlib
from contextlib import suppress

from cloning.audio.canonical import CONTENT_TYPES, encode_pcm16
from cloning.audio.clipping import Pcm16
from cloning.generate.progress.joiner import Joiner
from cloning.jobs.record import Job, Part, PartFormat, Parts
from cloning.jobs.results import MAY_PASS
from cloning.planning.f5 import SAMPLE_RATE, Plan
from cloning.ports import AlreadyExists, NoSuchObject, ObjectStore, Samples


class SpeechParts:
    """Stores the parts of one speech in the order of its chunks, whatever order these arrive in."""

    def __init__(self, store: ObjectStore, job: Job, plan: Plan, form: PartFormat) -> None:
        self._store = store
        self._job = job
        self._form: PartFormat = form
        self._joiner = Joiner(plan)
        self._early: dict[int, Samples] = {}
        self._next = 0
        self._known = job.parts.items if job.parts and job.parts.format == form else ()
        self._stored: list[Part] = []
        self._waiting: list[Pcm16] = []

    @property
    def parts(self) -> Parts:
        """The parts stored so far."""
        return Parts(format=self._form, items=tuple(self._stored))

    def offer(self, index: int, wave: Samples) -> None:
        """Take the wave of a chunk, and store the samples that are now final; if the store refuses them, they are tried again with the next."""
        self._early[index] = wave
        while self._next in self._early:
            pcm = self._joiner.add(self._early.pop(self._next))
            self._next += 1
            if len(pcm):
                self._waiting.append(pcm)
        with suppress(*MAY_PASS):
            self.flush()

    def flush(self) -> None:
        """Store what isn't stored yet. Raises what the store does."""
        while self._waiting:
            self._stored.append(self._part(len(self._stored), self._waiting[0]))
            self._waiting.pop(0)

    def _part(self, index: int, pcm: Pcm16) -> Part:
        digest = hashlib.sha256(pcm.tobytes()).hexdigest()
        if index < len(self._known) and self._known[index].pcm_sha256 == digest:
            return self._known[index]
        self._known = ()  # what follows there is not of this speech
        body = self._created(self._job.part_key(index, digest, self._form), encode_pcm16(pcm, SAMPLE_RATE, self._form))
        sha256 = hashlib.sha256(body).hexdigest()
        return Part(samples=len(pcm), bytes=len(body), sha256=sha256, pcm_sha256=digest)

    def _created(self, key: str, body: bytes) -> bytes:
        """Create the object and return its bytes: another attempt's, if that was first. Its samples are the same, its bytes (Ogg's) may not be."""
        try:
            self._store.create(key, body, content_type=CONTENT_TYPES[self._form])
        except AlreadyExists:
            with suppress(NoSuchObject):
                return self._store.get(key).body
        return body
