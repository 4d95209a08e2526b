"""Whether a job's chunks say their text: the requested check, and its findings."""

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cloning.checking import SLOWER, Evidence, Speech, Verdict, edits_of, evidence_of, judge
from cloning.checking.compare import without_endless_repeats
from cloning.checking.control import Control
from cloning.errors import InvalidRequest, ServiceError
from cloning.generate.chunk_store import ChunkStore
from cloning.generate.device_recovery import DEVICE_FAILED, HEARING, Recovery
from cloning.generate.job_tasks import JobTasks
from cloning.names import public_name
from cloning.planning.f5 import SAMPLE_RATE, Chunk
from cloning.ports import Alignment, Clock, LikelihoodRatio, Reference, Samples, Transcriber, Unaligned, Value
from cloning.ports.gpu import GpuTask
from cloning.reading.reader import read
from cloning.requests.generate import CheckMode, Generate, SubtitleFormat
from cloning.service import Service
from cloning.settings import Settings

log = logging.getLogger(__name__)

# The profile that checks by itself.
_CHECKING_PROFILE, _ITS_DRAWS = "ultra_quality", 3
_ITS_MODE: CheckMode = "fast"
# A recogniser that hears more of a voice's own recording otherwise than it is known to be can't judge that voice's speech.
_HARDLY_KNOWN = 0.5


@dataclass(frozen=True)
class CheckPolicy:
    """The check's mode, the most draws, whether a job fails if none passes, and whether the reply has what was heard."""

    mode: CheckMode
    draws: int
    fails: bool
    tells_heard: bool


def policy_of(request: Generate, settings: Settings) -> CheckPolicy | None:
    """The check of the request, its profile or else the deployment; None: none. Raises InvalidRequest for details without a check."""
    by_profile = request.profile == _CHECKING_PROFILE
    mode = request.check or (_ITS_MODE if by_profile and settings.check == "off" else settings.check)
    if mode == "off":
        for name in ("draws", "on_mismatch", "heard"):
            if getattr(request, name):
                raise InvalidRequest(
                    f"{name} does nothing without a check: send check 'fast' or 'full' too", field=name
                )
        return None
    draws = request.draws or (_ITS_DRAWS if by_profile else settings.check_draws)
    return CheckPolicy(mode, draws, (request.on_mismatch or settings.on_mismatch) == "fail", request.heard)


@dataclass(frozen=True)
class Proof:
    """The request's wishes: the check's policy (None: no check), word times, subtitles in these formats; and whether there are turns."""

    policy: CheckPolicy | None
    words: bool
    subtitles: tuple[SubtitleFormat, ...]
    has_turns: bool = False

    @property
    def needs_times(self) -> bool:
        return self.words or bool(self.subtitles)

    @property
    def needs_recogniser(self) -> bool:
        return self.policy is not None or self.needs_times


def proof_of(request: Generate, settings: Settings) -> Proof:
    """Read the wishes of the request. Raises InvalidRequest."""
    return Proof(policy_of(request, settings), request.words, tuple(request.subtitles or ()), bool(request.turns))


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
    ) -> Verdict:
        """The verdict by all that can be asked: what is `heard` without the text, and with it, and how much the sound speaks for either."""
        if isinstance(alignment, Unaligned):
            return judge(speech, alignment, heard, read)
        known = [self.hear(speech, knowing=speech.text, pace=pace) for pace in (1.0, SLOWER)]
        edits = edits_of(speech, alignment, [heard, *known], read, self._guess(speech), evidence=evidence)
        ratios = self._rescore(speech, [edit.text for edit in edits]) if edits else ()
        return judge(speech, alignment, heard, read, list(zip(edits, ratios, strict=True)), evidence=evidence)

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


class ChunkChecker:
    """
    Checks the chunks of one job by `policy`; `references` are the voices by passage.

    `time_left` returns the seconds that the job may still take: nothing is drawn again without time for it.
    """

    def __init__(
        self,
        policy: CheckPolicy,
        recogniser: Recogniser,
        references: Sequence[Reference],
        clock: Clock,
        time_left: Callable[[], float],
    ) -> None:
        self.draws = policy.draws
        self.fails = policy.fails
        self._policy = policy
        self._recogniser = recogniser
        self._references = references
        self._clock = clock
        self._time_left = time_left
        self._round = (clock.monotonic(), 0)
        self.alignments: dict[tuple[int, int], Alignment | Unaligned] = {}
        self.controls: dict[str, Control] = {}

    def has_time_for(self, chunks: int) -> bool:
        """Whether there is time to draw so many chunks again, each as slowly as those since the last call."""
        now, (since, done) = self._clock.monotonic(), self._round
        self._round = (now, 0)
        return (now - since) / max(1, done) * chunks < self._time_left()

    def verdict(self, chunk: Chunk, draw: int, wave: Samples, kept: ChunkStore) -> tuple[Verdict, str | None]:
        """Whether the chunk's wave says its text, and what was heard if it was transcribed; an earlier attempt's verdict if it is stored."""
        self._round = (self._round[0], self._round[1] + 1)
        reference = self._references[chunk.passage]
        if reason := self._control(reference).reason:
            return Verdict("unavailable", reason=reason), None
        how = {"check": self._policy.mode, "recogniser": self._recogniser.model, "heard": self._policy.tells_heard}
        if not self._policy.tells_heard and (found := kept.find_verdict(chunk, how)):
            return found, None
        verdict, heard, alignment = self._judged(speech_of(chunk, wave, reference), mode=self._policy.mode)
        self.alignments[chunk.index, draw] = alignment
        kept.keep_verdict(chunk, how, verdict)
        return verdict, heard if self._policy.tells_heard else None

    def _judged(self, speech: Speech, *, mode: CheckMode) -> tuple[Verdict, str | None, Alignment | Unaligned]:
        """Judge by the score alone and, if that is doubtful or with `full`, by a transcription too."""
        alignment = self._recogniser.align(speech)
        evidence = evidence_of(speech, alignment)
        verdict = judge(speech, alignment, evidence=evidence)
        if verdict.state == "unavailable" or (mode == "fast" and verdict.state == "passed"):
            return verdict, None, alignment
        heard = self._recogniser.hear(speech)
        told = self._recogniser.fully_judged(
            speech, alignment, evidence, heard, lambda text: read(text, speech.language).text
        )
        return told, heard, alignment

    def _control(self, reference: Reference) -> Control:
        """The control of the voice's recording: this job's, else the worker's, else asked of the recogniser."""
        if reference.sha256 not in self.controls:
            self.controls[reference.sha256] = self._recogniser.known_control(reference) or self._heard_control(
                reference
            )
        return self.controls[reference.sha256]

    def _heard_control(self, reference: Reference) -> Control:
        samples, rate = recording_of(reference)
        verdict, _, _ = self._judged(Speech(samples, rate, reference.text, reference.language), mode="full")
        unknown = "the recogniser hardly understands this voice's own recording"
        is_known = verdict.wer is None or verdict.wer <= _HARDLY_KNOWN
        reason = verdict.reason if verdict.state == "unavailable" else "" if is_known else unknown
        control = Control(verdict.score, verdict.wer, reason)
        self._recogniser.keep_control(reference, control)
        return control


def speech_of(chunk: Chunk, wave: Samples, reference: Reference) -> Speech:
    """A chunk's wave in the form of the check."""
    return Speech(wave, SAMPLE_RATE, chunk.text, reference.language, chunk.seconds, reference.text)


def recording_of(reference: Reference) -> tuple[Samples, int]:
    """The samples of a canonical WAV: 24 kHz, mono, PCM16."""
    import soundfile

    samples, rate = soundfile.read(reference.path, dtype="float32")
    return samples, rate
