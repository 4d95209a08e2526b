"""The recogniser of one job: every question to the models that hear, in its turn on the GPU or beside it."""

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from cloning.checking import SLOWER, Evidence, Speech, Verdict, edits_of, judge
from cloning.checking.compare import without_endless_repeats
from cloning.checking.control import Control
from cloning.errors import ServiceError
from cloning.generate.device_recovery import DEVICE_FAILED, HEARING, Recovery
from cloning.generate.job_tasks import JobTasks
from cloning.names import public_name
from cloning.ports import (
    AddedPhones,
    Alignment,
    LikelihoodRatio,
    PhoneModel,
    Reference,
    Samples,
    Transcriber,
    Unaligned,
    Value,
)
from cloning.ports.gpu import GpuTask
from cloning.service import Service

log = logging.getLogger(__name__)


class Recogniser:
    """The speech recogniser in its turns on the GPU, for one job on one device, with every remedy for a failing device."""

    def __init__(
        self, service: Service, tasks: JobTasks, device: str | None, before_step: Callable[[], None], job: str
    ) -> None:
        self._service = service
        self._tasks = tasks
        self._device = device
        self._before_step = before_step
        self._job = job
        self.model = public_name(service.settings.asr_model)

    def align(self, speech: Speech) -> Alignment | Unaligned:
        """The speech's text laid over its samples."""

        def ask(one: Transcriber) -> Alignment | Unaligned:
            samples, rate, language = speech.samples, speech.sample_rate, speech.language
            return one.align(samples, rate, speech.text, language=language, before_step=self._before_step)

        return self._in_turn(ask)

    def hear(self, speech: Speech, *, knowing: str = "", pace: float = 1.0) -> str:
        """What is heard in the speech's samples at a pace, without endless repeats; or by a recogniser `knowing` a text's words, as it is."""

        def ask(one: Transcriber) -> str:
            samples, rate, language = speech.samples, round(speech.sample_rate * pace), speech.language
            return one.hear(samples, rate, language=language, knowing=knowing, before_step=self._before_step)

        heard = self._in_turn(ask)
        return heard if knowing else without_endless_repeats(heard)

    def fully_judged(
        self,
        speech: Speech,
        alignment: Alignment | Unaligned,
        evidence: Evidence | None,
        heard: str,
        read: Callable[[str], str],
        *,
        by_phones: bool = True,
    ) -> Verdict:
        """
        The verdict by all that can be asked: what is `heard` without the text, and with it, and how much the sound speaks for either.

        What passes by these a phone model is asked about, too, if there is one (and `by_phones`): it can only add a doubt.
        """
        if isinstance(alignment, Unaligned):
            return judge(speech, alignment, heard, read)
        known = [self.hear(speech, knowing=speech.text, pace=pace) for pace in (1.0, SLOWER)]
        edits = edits_of(speech, alignment, [heard, *known], read, self._guess(speech), evidence=evidence)
        ratios = self._rescore(speech, [edit.text for edit in edits]) if edits else ()
        rescored = list(zip(edits, ratios, strict=True))
        verdict = judge(speech, alignment, heard, read, rescored, evidence=evidence)
        if not by_phones or self._service.phone_model is None or verdict.state != "passed":
            return verdict
        added = self._added(speech, self._service.phone_model)
        if added is not None:
            verdict = judge(speech, alignment, heard, read, rescored, evidence=evidence, added=added)
        return replace(verdict, phones=added is not None)

    @property
    def phone_model(self) -> str | None:
        """The name of the phone model that `full` asks, if there is one."""
        return self._service.phone_model.name if self._service.phone_model else None

    def _added(self, speech: Speech, model: PhoneModel) -> AddedPhones | None:
        """The phone model's opinion; None if it fails or has none, because a further witness never costs a finished speech."""
        self._before_step()
        with self._tasks.watch.timing("check"):
            try:
                samples, rate, language = speech.samples, speech.sample_rate, speech.language
                found = model.added(samples, rate, speech.text, language=language)
            except Exception:  # whatever it is, the speech is finished
                log.warning("phone_model.failed", extra={"job": self._job, "model": model.name}, exc_info=True)
                return None
        return found if found is not None and math.isfinite(found.gain) else None

    def _guess(self, speech: Speech) -> tuple[str, ...]:
        def ask(one: Transcriber) -> tuple[str, ...]:
            samples, rate, language = speech.samples, speech.sample_rate, speech.language
            return one.guess(samples, rate, speech.text, language=language, before_step=self._before_step)

        return self._in_turn(ask)

    def _rescore(self, speech: Speech, others: Sequence[str]) -> tuple[LikelihoodRatio, ...]:
        def ask(one: Transcriber) -> tuple[LikelihoodRatio, ...]:
            samples, rate, language = speech.samples, speech.sample_rate, speech.language
            return one.rescore(samples, rate, speech.text, others, language=language, before_step=self._before_step)

        return self._in_turn(ask)

    def known_control(self, reference: Reference) -> Control | None:
        """The control of a voice's recording, if an earlier job of this worker asked for it."""
        return self._service.controls.find(self._control_key(reference))

    def keep_control(self, reference: Reference, control: Control) -> None:
        """Keep it for later jobs."""
        self._service.controls.keep(self._control_key(reference), control)

    def _control_key(self, reference: Reference) -> tuple[str | None, ...]:
        return reference.sha256, reference.text, reference.language, self.model, self._device

    @property
    def has_speaker_model(self) -> bool:
        return self._service.speaker_model is not None

    def likeness(self, samples: Samples, reference: Reference) -> float | None:
        """How alike the voice in the samples is to that of the reference; None if the speaker model can't say."""
        own, rate = recording_of(reference)
        return self._tasks.run("check", [GpuTask(None, 0.0, lambda: self._similarity(samples, own, rate))])[0]

    def _similarity(self, samples: Samples, own: Samples, rate: int) -> float | None:
        """The speaker model's figure; None if it fails or has none, because a report never costs a finished speech."""
        model = self._service.speaker_model
        assert model is not None  # noqa: S101 - see has_speaker_model
        facts = {"job": self._job, "model": model.name}
        try:
            figure = model.similarity(samples, own, rate)
        except ServiceError as error:
            log.warning("speaker_model.failed", extra={**facts, "code": error.code, "reason": error.message})
            return None
        except Exception:  # whatever it is, the speech is finished
            log.warning("speaker_model.failed", extra=facts, exc_info=True)
            return None
        return figure if figure is not None and math.isfinite(figure) else None

    def _in_turn(self, ask: Callable[[Transcriber], Value]) -> Value:
        return self._tasks.run("check", [GpuTask(None, 0.0, lambda: self._helped(ask))])[0]

    def _helped(self, ask: Callable[[Transcriber], Value]) -> Value:
        recovery = Recovery(HEARING, job=self._job)
        while True:
            try:
                return ask(self._service.transcribers.get(self._service.settings.asr_model, device=self._device))
            except DEVICE_FAILED as failure:
                if (remedy := recovery.next(failure)) is None:
                    raise
            remedy.apply(self._service)


def recording_of(reference: Reference) -> tuple[Samples, int]:
    """The samples of a canonical WAV: 24 kHz, mono, PCM16."""
    import soundfile

    samples, rate = soundfile.read(reference.path, dtype="float32")
    return samples, rate
