"""Whether a job's chunks say their text: the requested check, and its findings."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from cloning.checking import Speech, Verdict, evidence_of, judge
from cloning.checking.control import Control
from cloning.errors import InvalidRequest
from cloning.generate.chunk_store import ChunkStore
from cloning.generate.proof.recogniser import Recogniser, recording_of
from cloning.names import EngineName
from cloning.parameters import REDRAW_SPEED
from cloning.planning.f5 import SAMPLE_RATE, Chunk
from cloning.ports import Alignment, Clock, Reference, Samples, Unaligned
from cloning.reading.reader import read
from cloning.requests.generate import CHECK_DETAILS, CheckMode, Generate, SubtitleFormat
from cloning.settings import Settings

# The profile that checks by itself.
_CHECKING_PROFILE, _ITS_DRAWS = "ultra_quality", 3
_ITS_MODE: CheckMode = "fast"
# A recogniser that hears more of a voice's own recording otherwise than it is known to be can't judge that voice's speech.
_HARDLY_KNOWN = 0.5


@dataclass(frozen=True)
class CheckPolicy:
    """
    The check's mode, the most draws, whether a job fails if none passes, and whether the reply has what was heard.

    F5-TTS speaks the further draws at `redraw_speed` of the request's speed.
    """

    mode: CheckMode
    draws: int
    redraw_speed: float
    fails: bool
    tells_heard: bool


def policy_of(request: Generate, settings: Settings, engines: Collection[EngineName]) -> CheckPolicy | None:
    """
    The check of the request, its profile or else the deployment, for speech by one of these engines; None: none.

    Raises InvalidRequest for details without a check, and for a `redraw_speed` without effect.
    """
    by_profile = request.profile == _CHECKING_PROFILE
    mode = request.check or (_ITS_MODE if by_profile and settings.check == "off" else settings.check)
    if mode == "off":
        for name in CHECK_DETAILS:
            if getattr(request, name):
                raise InvalidRequest(
                    f"{name} does nothing without a check: send check 'fast' or 'full' too", field=name
                )
        return None
    draws = request.draws or (_ITS_DRAWS if by_profile else settings.check_draws)
    if request.redraw_speed and (why := _of_no_effect(request, draws, engines)):
        raise InvalidRequest(f"redraw_speed {request.redraw_speed:g} {why}", field="redraw_speed")
    speed = request.redraw_speed or REDRAW_SPEED
    return CheckPolicy(mode, draws, speed, (request.on_mismatch or settings.on_mismatch) == "fail", request.heard)


def _of_no_effect(request: Generate, draws: int, engines: Collection[EngineName]) -> str:
    """Why the request's `redraw_speed` would change nothing, and what to do; "" if it may."""
    if "f5" not in engines:
        return "is of the engine 'f5', which may not speak here: leave it out"
    if request.fix_duration is not None:
        return "has no effect with fix_duration, which sets the length of every draw: send one of them"
    return "has no effect with one draw: send draws 2 to 4 too" if draws == 1 else ""


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


def proof_of(request: Generate, settings: Settings, engines: Collection[EngineName]) -> Proof:
    """Read the wishes of the request, which one of these engines speaks. Raises InvalidRequest."""
    return Proof(
        policy_of(request, settings, engines), request.words, tuple(request.subtitles or ()), bool(request.turns)
    )


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
        self.redraw_speed = policy.redraw_speed
        self.fails = policy.fails
        self._policy = policy
        self._recogniser = recogniser
        self._references = references
        self._clock = clock
        self._time_left = time_left
        self._round = (clock.monotonic(), 0)
        self.alignments: dict[tuple[int, int], Alignment | Unaligned] = {}
        self.controls: dict[str, Control] = {}

    @property
    def phone_model(self) -> str | None:
        """The name of the phone model that this check asks, if it does."""
        return self._recogniser.phone_model if self._policy.mode == "full" else None

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
        how: dict[str, object] = {
            "check": self._policy.mode,
            "recogniser": self._recogniser.model,
            "heard": self._policy.tells_heard,
        }
        if self.phone_model:
            how["phones"] = self.phone_model
        if not self._policy.tells_heard and (found := kept.find_verdict(chunk, how)):
            return found, None
        verdict, heard, alignment = self._judged(speech_of(chunk, wave, reference), mode=self._policy.mode)
        self.alignments[chunk.index, draw] = alignment
        kept.keep_verdict(chunk, how, verdict)
        return verdict, heard if self._policy.tells_heard else None

    def _judged(
        self, speech: Speech, *, mode: CheckMode, by_phones: bool = True
    ) -> tuple[Verdict, str | None, Alignment | Unaligned]:
        """Judge by the score alone and, if that is doubtful or with `full`, by a transcription too."""
        alignment = self._recogniser.align(speech)
        evidence = evidence_of(speech, alignment)
        verdict = judge(speech, alignment, evidence=evidence)
        if verdict.state == "unavailable" or (mode == "fast" and verdict.state == "passed"):
            return verdict, None, alignment
        heard = self._recogniser.hear(speech)
        told = self._recogniser.fully_judged(
            speech, alignment, evidence, heard, lambda text: read(text, speech.language).text, by_phones=by_phones
        )
        return told, heard, alignment

    def _control(self, reference: Reference) -> Control:
        """The control of the voice's recording: this job's, else the worker's, else asked of the recogniser."""
        if reference.sha256 not in self.controls:
            known = self._recogniser.known_control(reference)
            self.controls[reference.sha256] = known or self._heard_control(reference)
        return self.controls[reference.sha256]

    def _heard_control(self, reference: Reference) -> Control:
        samples, rate = recording_of(reference)
        speech = Speech(samples, rate, reference.text, reference.language)
        verdict, _, _ = self._judged(speech, mode="full", by_phones=False)
        unknown = "the recogniser hardly understands this voice's own recording"
        is_known = verdict.wer is None or verdict.wer <= _HARDLY_KNOWN
        reason = verdict.reason if verdict.state == "unavailable" else "" if is_known else unknown
        control = Control(verdict.state, verdict.score, verdict.wer, reason)
        self._recogniser.keep_control(reference, control)
        return control


def speech_of(chunk: Chunk, wave: Samples, reference: Reference) -> Speech:
    """A chunk's wave in the form of the check."""
    return Speech(wave, SAMPLE_RATE, chunk.text, reference.language, chunk.seconds, reference.text)
