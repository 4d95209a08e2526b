"""
F5-TTS, as far as it is known before one is loaded; and a text's chunks with their seeds and expected lengths.

F5-TTS solves reference and speech together: a chunk's length in mel frames is the reference's plus the reference's rate of
speech times the chunk's bytes. The arithmetic is upstream's (`infer_process`, `infer_batch_process` in
f5_tts/infer/utils_infer.py). Two things are ours: no chunk is beyond the model, and each has its own seed, so that a seed
reproduces a text whatever else is spoken before or at the same time.
"""

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cloning.errors import InvalidRequest, InvalidText
from cloning.names import EngineName, ProfileName
from cloning.planning.text import split_text
from cloning.ports import F5Parameters, Parameters, Reference, Utterance
from cloning.settings import Settings

HOP = 256
SAMPLE_RATE = 24_000
# Upstream's chunk budget: reference and speech together fill 22 s.
WINDOW_S = 22.0
# 8192 positions of the text embedding's table are 87.4 s; a longer chunk fails inside the model.
LONGEST_CHUNK_S = 80.0
# Mel frames; the model stretches a chunk that has fewer of them than characters.
FRAMES_PER_S = SAMPLE_RATE / HOP
# Upstream speaks a chunk of fewer bytes at this speed, whatever was asked.
_TINY_BYTES = 10
_TINY_SPEED = 0.3
_SHORTEST_SPEECH_S = 0.1


@dataclass(frozen=True)
class Chunk:
    """
    One call of the model. Times in seconds; `fix_duration` counts the reference too, as upstream's does. The plan gives the seed.

    `passage` is the place of the passage that it belongs to (cloning.planning.text); `pause_s` is silence before it.
    """

    index: int
    text: str
    seed: int
    speed: float
    fix_duration: float | None
    seconds: float
    passage: int = 0
    pause_s: float = 0.0


@dataclass(frozen=True)
class Plan:
    """All that will be spoken; `language` where the engine is given one; `pause_s` is silence at the end."""

    chunks: tuple[Chunk, ...]
    cross_fade_duration: float
    language: str | None = None
    pause_s: float = 0.0

    @property
    def seconds(self) -> float:
        """The length of the speech in seconds, silences included."""
        silences = sum(chunk.pause_s for chunk in self.chunks) + self.pause_s
        seams = sum(not chunk.pause_s for chunk in self.chunks[1:])
        return max(0.0, sum(chunk.seconds for chunk in self.chunks) - self.cross_fade_duration * seams) + silences

    def text_at(self, speed: float) -> str:
        """The text of the chunks that are spoken at that speed, without a gap."""
        return "".join(chunk.text for chunk in self.chunks if chunk.speed == speed)

    @property
    def pauses(self) -> tuple[float, ...]:
        """Seconds of silence before each chunk."""
        return tuple(chunk.pause_s for chunk in self.chunks)

    def to_json(self, drawn: Mapping[int, Chunk]) -> list[dict[str, object]]:
        """The chunks for the manifest, without a word of the text. `drawn` are those whose draw was another than the first, by place."""
        used = [drawn.get(chunk.index, chunk) for chunk in self.chunks]
        return [{"seed": chunk.seed, "bytes": len(chunk.text.encode()), "speed": chunk.speed} for chunk in used]

    def seeded(self, seed: int) -> "Plan":
        """The same plan with the chunks' own seeds for a job's seed."""
        chunks = tuple(replace(chunk, seed=chunk_seed(seed, chunk.index)) for chunk in self.chunks)
        return replace(self, chunks=chunks)


class _F5:
    """An `EngineKind` (cloning.planning.engine_kinds)."""

    name: EngineName = "f5"
    setting = "CHECKPOINT"
    extra: str | None = None
    # Its own defaults; fewer steps; the fewest that upstream recommends, on its pruned grid; the most that its own page offers; more
    # steps and a looser hold on the text.
    profiles: Mapping[ProfileName, F5Parameters] = {
        "balanced": F5Parameters(),
        "fast": F5Parameters(nfe_step=16),
        "draft": F5Parameters(nfe_step=7),
        "ultra_quality": F5Parameters(nfe_step=64),
        "ultra_natural": F5Parameters(nfe_step=48, cfg_strength=1.7),
    }
    intents: Mapping[ProfileName, ProfileName] = {**{name: name for name in profiles}, "expressive": "ultra_natural"}
    needs_transcript = True
    needs_language = False
    reads_numbers = False

    def checkpoint(self, settings: Settings) -> str:
        return settings.checkpoint

    def refuse_contradictions(self, given: Mapping[str, Any]) -> None:
        if "fix_duration" in given and given.get("speed", 1.0) != 1.0:
            raise InvalidRequest(
                f"speed {given['speed']:g} has no effect with fix_duration, which sets the length of the speech: send one of them",
                field="speed",
            )

    def refuse_reference(self, parameters: Parameters, reference_s: float) -> None:
        refuse_short(parameters.fix_duration if isinstance(parameters, F5Parameters) else None, reference_s)

    def language(self, asked: str | None, of_voice: str | None) -> str | None:
        return asked or of_voice

    def plan(
        self,
        text: str,
        *,
        words: str,
        reference_s: float,
        language: str | None,  # noqa: ARG002 - F5-TTS is told none
        parameters: Parameters,
        first_s: float | None = None,
    ) -> Plan:
        assert isinstance(parameters, F5Parameters)  # noqa: S101 - candidates_of took them from this kind's profiles
        return plan_speech(
            text, reference_text=words, reference_s=reference_s, seed=0, parameters=parameters, first_s=first_s
        )


F5 = _F5()


def values_of(chunk: Chunk, parameters: Parameters) -> Parameters:
    """The job's values for one chunk: with its own speed, and its own share of a fixed duration."""
    if not isinstance(parameters, F5Parameters):
        return parameters
    speed = parameters.speed if is_tiny(chunk.text) else chunk.speed  # upstream slows very short texts itself
    return replace(parameters, speed=speed, fix_duration=chunk.fix_duration)


def utterance_of(
    reference: Reference, chunk: Chunk, parameters: Parameters, before_step: Callable[[], None]
) -> Utterance | None:
    """The chunk for an engine that speaks several at once; None with another engine's values."""
    values = values_of(chunk, parameters)
    if not isinstance(values, F5Parameters):
        return None
    return Utterance(reference, chunk.text, chunk.seed, values, before_step)


def plan_speech(
    text: str,
    *,
    reference_text: str,
    reference_s: float,
    seed: int,
    parameters: F5Parameters,
    first_s: float | None = None,
) -> Plan:
    """
    Plan the chunks of a text for a reference of `reference_s` seconds that says `reference_text`; the first lasts about `first_s`.

    Raises InvalidText if a word is too long for the model, InvalidRequest if `fix_duration` leaves no time to speak, or too much.
    """
    spoken = with_ending(reference_text)
    budget = int(len(spoken.encode()) / reference_s * (WINDOW_S - reference_s) * parameters.speed)
    # Upstream adds one more space behind the budget's arithmetic and before the lengths' (unless '。' ends the text).
    rate = (len(spoken.encode()) + (not spoken.endswith("。"))) / reference_s
    first = int(rate * first_s * parameters.speed) if first_s else None
    texts = split_text(text, budget, first=first)
    fixed = _fixed_durations(texts, reference_s, parameters)
    chunks = tuple(
        _chunk(index, one, rate, reference_s, fix_duration, seed, parameters)
        for index, (one, fix_duration) in enumerate(zip(texts, fixed, strict=True))
    )
    return Plan(chunks, parameters.cross_fade_duration)


def one_plan(plans: Sequence[Plan], pauses: Sequence[float], pause_s: float) -> Plan:
    """The plans of a text's passages, one after another, with `pauses` seconds of silence before each and `pause_s` at the end."""
    chunks = tuple(_numbered(plans, pauses))
    return replace(plans[0], chunks=chunks, pause_s=pause_s)


def with_ending(reference_text: str) -> str:
    """The reference's text with the ending that upstream gives it: '. ' (or '。') separates it from the text to speak."""
    text = reference_text.strip()
    return text if text.endswith("。") else text + (" " if text.endswith(".") else ". ")


def refuse_short(fix_duration: float | None, reference_s: float) -> None:
    """Refuse a fixed duration that ends before the reference does. Raises InvalidRequest."""
    if fix_duration is not None and fix_duration <= reference_s:
        raise InvalidRequest(
            f"fix_duration is {fix_duration:g} s and counts the reference, which lasts {reference_s:.2f} s; send more than that",
            field="fix_duration", reference=round(reference_s, 2),
        )  # fmt: skip


def chunk_seed(seed: int, index: int) -> int:
    """The seed of chunk `index`, 0 to 2^63-1: a function of the job's seed and the chunk's place alone."""
    digest = hashlib.sha256(f"{seed}/{index}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def _numbered(plans: Sequence[Plan], pauses: Sequence[float]) -> Iterator[Chunk]:
    index = 0
    for passage, (plan, pause_s) in enumerate(zip(plans, pauses, strict=True)):
        for first, chunk in enumerate(plan.chunks):
            yield replace(chunk, index=index, passage=passage, pause_s=0.0 if first else pause_s)
            index += 1


def _chunk(
    index: int,
    text: str,
    rate: float,
    reference_s: float,
    fix_duration: float | None,
    seed: int,
    parameters: F5Parameters,
) -> Chunk:
    size = len(text.encode())
    speed = _TINY_SPEED if is_tiny(text) else parameters.speed
    seconds = size / rate / speed if fix_duration is None else fix_duration - reference_s
    if reference_s + seconds > LONGEST_CHUNK_S:
        raise InvalidText(
            f"a piece of {size} bytes without a place to split would last {seconds:.0f} s; the model takes "
            f"{LONGEST_CHUNK_S - reference_s:.0f} s at once: add spaces or punctuation, or speak faster",
            field="text", chunk=index,
        )  # fmt: skip
    return Chunk(index, text, chunk_seed(seed, index), speed, fix_duration, seconds)


def is_tiny(text: str) -> bool:
    """Whether upstream speaks the text at its own speed for very short ones."""
    return len(text.encode()) < _TINY_BYTES


def _fixed_durations(texts: list[str], reference_s: float, parameters: F5Parameters) -> list[float | None]:
    """Divide `fix_duration` among the chunks by their bytes, after adding the cross-fades."""
    if parameters.fix_duration is None:
        return [None] * len(texts)
    refuse_short(parameters.fix_duration, reference_s)
    sizes = [len(text.encode()) for text in texts]
    overlaps = parameters.cross_fade_duration * (len(texts) - 1)
    _refuse_out_of_bounds(parameters.fix_duration, sizes, reference_s, overlaps)
    speech_s = parameters.fix_duration - reference_s + overlaps
    return [reference_s + speech_s * size / sum(sizes) for size in sizes]


def _refuse_out_of_bounds(fix_duration: float, sizes: list[int], reference_s: float, overlaps: float) -> None:
    """Refuse chunks of these sizes in bytes, spoken evenly, if one is beyond the model or has less than a mel frame for a byte."""
    shortest = _rounded(math.ceil, reference_s - overlaps + max(_SHORTEST_SPEECH_S, sum(sizes) / FRAMES_PER_S))
    if fix_duration < shortest:
        raise InvalidRequest(
            f"fix_duration is {fix_duration:g} s and leaves {fix_duration - reference_s:.2f} s for a text of {sum(sizes)} bytes; "
            f"send at least {shortest:g} s, the reference's {reference_s:.2f} s included", field="fix_duration", shortest=shortest,
        )  # fmt: skip
    longest = _rounded(math.floor, reference_s - overlaps + (LONGEST_CHUNK_S - reference_s) * sum(sizes) / max(sizes))
    if fix_duration > longest:
        raise InvalidRequest(
            f"fix_duration is {fix_duration:g} s; this text can be stretched to {longest:g} s at most, the reference's "
            f"{reference_s:.2f} s included: send less, or a longer text", field="fix_duration", longest=longest,
        )  # fmt: skip


def _rounded(how: Callable[[float], int], seconds: float) -> float:
    """Round to a tenth of a second, in the direction that fits."""
    return how(seconds * 10) / 10
