"""
Stand-ins for what can't be made to fail or wait on demand.

Each is held to the contract of the real thing (tests/contract): ToneEngine to the engine's, EchoTranscriber to the transcriber's.
"""

import re
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from threading import Event
from typing import Generic, TypeVar

import numpy as np

from cloning.audio.canonical import Canonical, Measures, check_and_make_canonical
from cloning.audio.decoding import Recording, decode_speech
from cloning.clock import Timings, no_timings
from cloning.errors import Interrupted, TranscriptionFailed
from cloning.names import EngineName
from cloning.ports import (
    Alignment,
    Alphabet,
    EngineFacts,
    LikelihoodRatio,
    Parameters,
    Reference,
    Samples,
    Token,
    Transcript,
    Unaligned,
    keep_going,
)
from engines.device.lazy import Lazy

Value = TypeVar("Value")


class ManualClock:
    """A clock that moves only when somebody sleeps or the test says so."""

    def __init__(self) -> None:
        self._now = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._now.timestamp()

    def sleep(self, seconds: float) -> None:
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)


class ToneEngine:
    """
    Noise of a predictable length instead of speech: the samples are a function of the arguments alone, as an engine's must be.

    `history` has what was asked; `before_speaking` is called with each text and may raise or wait. `knows` is its alphabet.
    """

    sample_rate = 24_000
    can_be_frugal = True

    def __init__(self, before_speaking: Callable[[str], None] = lambda _: None) -> None:
        self.history: list[tuple[str, int, Parameters]] = []
        self.voices: list[str] = []
        self.before_speaking = before_speaking
        self.languages: tuple[str, ...] = ()
        self.knows: Callable[[str], bool] = lambda _: True
        self.facts = EngineFacts(
            engine="tone", device="cpu", dtype="float32", sampler="none", checkpoint="tone", checkpoint_sha256="0" * 64,
            checkpoint_license="none", checkpoint_note="a stand-in of the tests", license_notice="none", vocoder="none",
        )  # fmt: skip

    def speak(
        self,
        reference: Reference,
        text: str,
        *,
        seed: int,
        parameters: Parameters,
        before_step: Callable[[], None] = keep_going,
        frugal: bool = False,
    ) -> Samples:
        self.before_speaking(text)
        for _ in range(getattr(parameters, "nfe_step", 1)):
            before_step()
        self.history.append((text, seed, parameters))
        self.voices.append(reference.sha256)
        length = int(len(text.encode()) * 1200 / parameters.speed)
        return (np.random.default_rng(seed).standard_normal(length) * 0.05).astype(np.float32)

    def alphabet(self, language: str | None) -> Alphabet:
        return Alphabet("tone", self.languages, self.knows)

    def memory(self) -> dict[str, object]:
        return {"loaded_on": "cpu", "gpu_bytes": 0, "host_bytes": 0}


class EchoTranscriber:
    """Hears the same words in everything that isn't silent."""

    model = "echo"

    def __init__(self, words: str = "Some call me nature.") -> None:
        self.words = words
        self.calls = 0

    def transcribe(
        self, samples: Samples, sample_rate: int, *, language: str | None, before_step: Callable[[], None] = keep_going
    ) -> Transcript:
        self.calls += 1
        before_step()
        if not np.abs(samples).max() > 0:
            raise TranscriptionFailed("silence")
        return Transcript(self.words, self.model)

    def hear(
        self,
        samples: Samples,
        sample_rate: int,
        *,
        language: str | None,
        knowing: str = "",
        before_step: Callable[[], None] = keep_going,
    ) -> str:
        before_step()
        return self.words if np.abs(samples).max(initial=0) > 0 else ""

    def align(
        self,
        samples: Samples,
        sample_rate: int,
        text: str,
        *,
        language: str | None,
        before_step: Callable[[], None] = keep_going,
    ) -> Alignment | Unaligned:
        """Give every word the same time and full certainty."""
        before_step()
        return evenly_spread(text, len(samples) / sample_rate, self.model)

    def rescore(
        self,
        samples: Samples,
        sample_rate: int,
        text: str,
        others: Sequence[str],
        *,
        language: str | None,
        before_step: Callable[[], None] = keep_going,
    ) -> tuple[LikelihoodRatio, ...]:
        """No other text is likelier."""
        before_step()
        return tuple(LikelihoodRatio(-20.0, 0.0) for _ in others)

    def guess(
        self,
        samples: Samples,
        sample_rate: int,
        text: str,
        *,
        language: str | None,
        before_step: Callable[[], None] = keep_going,
    ) -> tuple[str, ...]:
        """Nothing."""
        before_step()
        return ()

    def memory(self) -> dict[str, object]:
        return {"loaded_on": "cpu", "gpu_bytes": 0, "host_bytes": 0}


def evenly_spread(text: str, seconds: float, model: str, unsaid: Collection[str] = ()) -> Alignment | Unaligned:
    """Give every word the same time, and full certainty unless it is among the `unsaid`."""
    spans = [match.span() for match in re.finditer(r"\S+", text)]
    if not spans or not seconds:
        return Unaligned("no_sound" if spans else "no_text", model)
    edges = np.linspace(0, seconds, len(spans) + 1).tolist()
    rest = (-0.1, -20.0, -20.0, 0.0)
    tokens = [
        Token(*span, *times, -9.0 if text[slice(*span)] in unsaid else -0.1, *rest)
        for span, times in zip(spans, pairwise(edges), strict=True)
    ]
    end = Token(len(text), len(text), seconds, seconds, -0.01, -0.01, *rest[1:])
    return Alignment(tuple(tokens), end, np.ones(max(round(seconds / 0.02), 1), np.float32), model)


def hummed(seconds: float, sample_rate: int, pitch: float = 120) -> Samples:
    """Syllables of 0.2 s without words, with silence before and after them."""
    time = np.arange(int(seconds * sample_rate)) / sample_rate
    tone = sum(np.sin(2 * np.pi * pitch * harmonic * time) / harmonic for harmonic in range(1, 12))
    syllables = 0.2 + 0.8 * np.sin(np.pi * time / 0.2) ** 2
    hum: Samples = (0.1 * tone * syllables * ((time > 0.1) & (time < seconds - 0.1))).astype(np.float32)
    return hum


class Always(Generic[Value]):
    """`Models` or `Engines` that are loaded already, under any name."""

    def __init__(self, model: Value) -> None:
        self._model = model

    def check(
        self, name: str, *, engine: EngineName = "f5", commercial: bool = False, language: str | None = None
    ) -> str:
        return name

    def alphabet(self, name: str, language: str | None) -> Alphabet | None:
        return None

    def prefetch(self, name: str) -> AbstractContextManager[None]:
        return nullcontext()

    def get(self, name: str, *, device: str | None = None, part: Timings = no_timings) -> Value:
        return self._model

    def unload(self, *, forget: bool = False) -> None:
        pass

    def loaded(self) -> dict[str, object] | None:
        return None


class OnDemand(Lazy[Value]):
    """`Models` or `Engines` whose checkpoints are mere names, loaded by a function of the test."""

    def __init__(
        self, load: Callable[[str, str | None], Value], describe: Callable[[Value], dict[str, object]] = lambda _: {}
    ) -> None:
        super().__init__(lambda name, device, _: load(name, device), describe=describe)

    def check(
        self, name: str, *, engine: EngineName = "f5", commercial: bool = False, language: str | None = None
    ) -> str:
        return name

    def alphabet(self, found: str, language: str | None) -> Alphabet | None:
        return None

    def prefetch(self, found: str) -> AbstractContextManager[None]:
        return nullcontext()


class InlineDecoder:
    """An `AudioDecoder` without a process, for files that the tests made themselves."""

    def canonical(self, data: bytes, *, stopped: Event | None = None) -> tuple[Canonical, Measures]:
        _refuse_stopped(stopped)
        return check_and_make_canonical(data)

    def recording(self, data: bytes, *, stopped: Event | None = None) -> Recording:
        _refuse_stopped(stopped)
        return decode_speech(data)


def _refuse_stopped(stopped: Event | None) -> None:
    if stopped is not None and stopped.is_set():
        raise Interrupted("the job was stopped")
