"""An engine that is loaded again when it has been away, and helped when its device fails."""

from collections.abc import Callable, Hashable, Sequence

from cloning.clock import Timings, no_timings
from cloning.errors import Interrupted
from cloning.generate.device_recovery import DEVICE_FAILED, LOADING, SPEAKING, Recovery
from cloning.planning.f5 import Chunk, utterance_of, values_of
from cloning.ports import Engine, Parameters, Reference, Samples, SpeaksMany, Utterance, keep_going
from cloning.ports.gpu import GpuTask
from cloning.service import Service


def weights_of(found: Hashable, device: str | None) -> Hashable:
    """The name of a checkpoint's weights on a device, by which the GPU's queue tells a change of weights."""
    return found, device


class Speaker:
    """
    One checkpoint on one device, chunk after chunk, in turns with others: at each one it asks for the engine again.

    What is done about a failing device says `device_recovery.SPEAKING`. Loading and speaking run on the GPU's thread; `frugal`
    holds the places of the chunks that were made so.
    """

    def __init__(
        self,
        service: Service,
        checkpoint: Hashable,
        device: str | None,
        before_step: Callable[[], None] = keep_going,
        *,
        language: str | None = None,
        job: str | None = None,
        part: Timings = no_timings,
    ) -> None:
        """Loads the engine of a checkpoint that `Engines.check` found, and tells `part` of what. The text is in `language`; `job` is for the log. Raises what `Engines.get` raises."""
        self._service = service
        self._before_step = before_step
        self._checkpoint = checkpoint
        self._device = device
        self._job = job
        engine = self._load(part)
        self.facts = engine.facts
        self.sample_rate = engine.sample_rate
        self.alphabet = engine.alphabet(language)  # and nothing that would keep the engine: it may have to go meanwhile
        self.frugal: set[int] = set()
        self._can_be_frugal = engine.can_be_frugal
        can_batch = isinstance(engine, SpeaksMany) and engine.facts.sampler == "fast"
        self._batch_size = (service.settings.batch_chunks or 1) if can_batch else 1

    def task(self, reference: Reference, chunk: Chunk, parameters: Parameters) -> GpuTask[Samples]:
        """The chunk as a task for the GPU; others may be solved with it where the engine gains by that."""
        is_batched = self._batch_size > 1
        utterance = utterance_of(reference, chunk, parameters, self._before_step) if is_batched else None
        weights = weights_of(self._checkpoint, self._device)
        return GpuTask(
            weights=weights,
            seconds=reference.duration + chunk.seconds,
            run=lambda: self.speak(reference, chunk, parameters),
            utterance=utterance,
            run_batch=self._speak_many if utterance else None,
            # One name may stand for other files by now.
            batch_key=(weights, self.facts, utterance.steps) if utterance else None,
            batch_size=self._batch_size,
        )

    def speak(self, reference: Reference, chunk: Chunk, parameters: Parameters) -> Samples:
        """The chunk's samples. Raises GpuOutOfMemory, DeviceMismatch, WorkerUnfit if it can't be helped."""
        recovery = Recovery(SPEAKING, can_be_frugal=self._can_be_frugal, job=self._job)
        while True:
            try:
                wave = self._same().speak(
                    reference,
                    chunk.text,
                    seed=chunk.seed,
                    parameters=values_of(chunk, parameters),
                    before_step=self._before_step,
                    frugal=recovery.frugal,
                )
                break
            except DEVICE_FAILED as failure:
                if (remedy := recovery.next(failure)) is None:
                    raise
            remedy.apply(self._service)
        if recovery.frugal:
            self.frugal.add(chunk.index)
        return wave

    def _speak_many(self, utterances: Sequence[Utterance]) -> list[Samples | Exception]:
        engine = self._same()
        assert isinstance(engine, SpeaksMany)  # noqa: S101 - it was when it was loaded
        return engine.speak_many(utterances)

    def _same(self) -> Engine:
        """The engine, which may have been away meanwhile. One speech is of one checkpoint: raises Interrupted if its files were replaced."""
        engine = self._get()
        if engine.facts != self.facts:
            raise Interrupted("the checkpoint's files were replaced while the job was spoken; deliver it again")
        return engine

    def _load(self, part: Timings) -> Engine:
        recovery = Recovery(LOADING, job=self._job)
        while True:
            try:
                return self._get(part)
            except DEVICE_FAILED as failure:
                if (remedy := recovery.next(failure)) is None:
                    raise
            remedy.apply(self._service)

    def _get(self, part: Timings = no_timings) -> Engine:
        return self._service.engines.get(self._checkpoint, device=self._device, part=part)
