"""
What a device's failure leads to: memory is made, a model is loaded again, another device speaks if the caller allows it.

Each is tried once and told in the manifest; what is left then is the caller's failure.
A failed attempt is forgotten (its traceback holds its tensors) before the next one begins.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cloning.clock import Part, untold
from cloning.errors import DeviceMismatch, DeviceUnavailable, GpuOutOfMemory, Interrupted, ServiceError
from cloning.generate.synthesis import values_of
from cloning.planning.f5 import Chunk
from cloning.ports import (
    Engine,
    F5Parameters,
    Models,
    Parameters,
    Reference,
    Samples,
    SpeaksMany,
    Utterance,
    Value,
    go_on,
)
from cloning.ports.gpu import GpuTask
from cloning.service import Service

log = logging.getLogger(__name__)

_FALLBACK = "cpu"


@dataclass(frozen=True)
class DeviceUse:
    """Which device the deployment wants and which one spoke; `reason` is the failure's code and words, if they differ by fallback."""

    requested: str
    used: str
    reason: str | None = None

    def to_json(self) -> dict[str, object]:
        """For reply, record, manifest and log."""
        return {
            "device_requested": self.requested,
            "device_used": self.used,
            "device_fallback": self.reason is not None,
            "device_fallback_reason": self.reason,
        }


class Speaker:
    """
    One checkpoint on one device, chunk after chunk, in turns with others: at each one it asks for the engine again.

    Out of memory: what is cached and the speech recogniser go, and the chunk is made again; then once more frugally, if the
    engine knows how. Out of place: the engine is loaded from its file and the chunk made again. Loading and speaking run on the
    GPU's thread; `frugal` holds the places of the chunks that were made so.
    """

    def __init__(
        self,
        service: Service,
        checkpoint: str,
        device: str | None,
        before_step: Callable[[], None] = go_on,
        *,
        language: str | None = None,
        job: str | None = None,
        part: Part = untold,
    ) -> None:
        """Loads, and tells `part` of what. The text is in `language`; `job` is for the log. Raises what `Models.get` raises."""
        self._service = service
        self._before_step = before_step
        self._checkpoint = checkpoint
        self._device = device
        self._job = job
        engine = self._loaded(part)
        self.facts = engine.facts
        self.sample_rate = engine.sample_rate
        self.alphabet = engine.alphabet(language)  # and nothing that would keep the engine: it may have to go meanwhile
        self.frugal: set[int] = set()
        self._can_be_frugal = engine.can_be_frugal
        can_batch = isinstance(engine, SpeaksMany) and engine.facts.sampler == "fast"
        self._batch_size = (service.settings.batch_chunks or 1) if can_batch else 1

    def piece(self, reference: Reference, chunk: Chunk, parameters: Parameters) -> GpuTask[Samples]:
        """The chunk as work for the GPU's thread; others may be solved with it where the engine gains by that."""
        utterance, values = None, values_of(chunk, parameters)
        if self._batch_size > 1 and isinstance(values, F5Parameters):
            utterance = Utterance(reference, chunk.text, chunk.seed, values, self._before_step)
        return GpuTask(
            weights=(self._checkpoint, self._device),
            seconds=reference.duration + chunk.seconds,
            run=lambda: self.speak(reference, chunk, parameters),
            utterance=utterance,
            run_batch=self._speak_many if utterance else None,
            batch_key=self.facts,
            batch_size=self._batch_size,
        )

    def speak(self, reference: Reference, chunk: Chunk, parameters: Parameters) -> Samples:
        """The chunk's samples. Raises GpuOutOfMemory, DeviceMismatch, WorkerUnfit if it can't be helped."""
        try:
            return self._with_room(reference, chunk, parameters)
        except DeviceMismatch as failure:
            tell(failure, self._job)
        self._service.engines.unload(forget=True)
        return self._with_room(reference, chunk, parameters)

    def _speak_many(self, utterances: Sequence[Utterance]) -> list[Samples | Exception]:
        engine = self._same()
        assert isinstance(engine, SpeaksMany)  # noqa: S101 - it was when it was loaded
        return engine.speak_many(utterances)

    def _with_room(self, reference: Reference, chunk: Chunk, parameters: Parameters) -> Samples:
        def attempt(*, frugal: bool) -> Samples:
            return self._same().speak(
                reference,
                chunk.text,
                seed=chunk.seed,
                parameters=values_of(chunk, parameters),
                before_step=self._before_step,
                frugal=frugal,
            )

        frugal = self._can_be_frugal
        for _ in range(2 if frugal else 1):
            try:
                return attempt(frugal=False)
            except GpuOutOfMemory as failure:
                tell(failure, self._job)
            self._make_room()
        wave = attempt(frugal=frugal)
        if frugal:
            self.frugal.add(chunk.index)
        return wave

    def _same(self) -> Engine:
        """The engine, which may have been away meanwhile. One speech is of one checkpoint: raises Interrupted if its files were replaced."""
        engine = self._loaded()
        if engine.facts != self.facts:
            raise Interrupted("the checkpoint's files were replaced while the job was spoken; deliver it again")
        return engine

    def _loaded(self, part: Part = untold) -> Engine:
        def load() -> Engine:
            return self._service.engines.get(self._checkpoint, device=self._device, part=part)

        try:
            return load()
        except GpuOutOfMemory as failure:
            tell(failure, self._job)
        self._make_room()
        return load()

    def _make_room(self) -> None:
        self._service.transcribers.unload(forget=True)


def on_some_device(
    service: Service,
    speak: Callable[[str | None], Value],
    *,
    fallback: bool,
    models: Models[object] | None = None,
    job: str | None = None,
) -> tuple[Value, str | None]:
    """
    What `speak` makes of the deployment's device, or, if that fails and the caller allows it, of the CPU; then also why.

    `models` are those that `speak` uses, and this is the GPU's thread; without them they are engines, and it is the job's, whose
    pieces have turns there. They let go of the device first. The CPU speaks the whole text anew: its noise is another, and a voice
    must not change in the middle.
    """
    try:
        return speak(None), None
    except (DeviceUnavailable, GpuOutOfMemory) as failure:
        if not fallback or service.settings.device == _FALLBACK:
            raise
        tell(failure, job)
        reason = f"{failure.code}: {failure.message}"
    if models is None:
        service.gpu.run(lambda: service.engines.unload(forget=True))
    else:
        models.unload(forget=True)
    return speak(_FALLBACK), reason


def tell(failure: ServiceError, job: str | None = None) -> None:
    """A device failed and something is done about it: the log knows, whatever comes of it."""
    whose = {"job": job} if job else {}
    log.warning("device.failed", extra={**whose, "code": failure.code, **failure.details})
