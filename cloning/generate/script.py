"""What each engine that may speak is given, and what the caller should know of it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cloning.errors import InvalidRequest, InvalidText
from cloning.generate.advice import of_language, of_pace, of_tags, of_transcript, of_unread
from cloning.generate.candidates import Candidate, text_language
from cloning.generate.respellings import Respellings
from cloning.planning.engine_kinds import EngineKind
from cloning.planning.f5 import SAMPLE_RATE, Chunk, Plan, one_plan
from cloning.planning.text import NormalisedText, Passage, joined, normalised, refuse_unspeakable, with_speech
from cloning.ports import Alphabet, Reference
from cloning.reading import VERSION
from cloning.reading.reader import read
from cloning.reading.spans import Reading
from cloning.replies import refuse_too_large
from cloning.requests.generate import Generate, Turn
from cloning.service import Service
from cloning.voices.record import Voice

_MOST_SILENCE_S = 600.0

Warnings = tuple[dict[str, object], ...]


@dataclass(frozen=True)
class Script:
    """
    A text's chunks by passages, and the `words` of each voice's reference, in characters that the engine knows.

    `text` is what was planned, `readings` are how each turn is read. `is_normalised` says whether the engine's alphabet was known: if
    not, text and words are as they came. `unspoken` are the characters of the text that the engine doesn't know; `warnings` are what
    else may be heard, each with a `code` and a `message` without a word of the text.
    """

    plan: Plan
    passages: tuple[Passage, ...]
    readings: tuple[Reading, ...]
    text: str
    words: Mapping[str, str]
    is_normalised: bool = False
    unspoken: tuple[str, ...] = ()
    warnings: Warnings = ()
    dictionary_sha256: str | None = None

    def to_json(self, more: Warnings = ()) -> dict[str, object]:
        """For reply, record and manifest, with `more` warnings; not for the log: it quotes the text."""
        warnings = [*self.warnings, *more]
        return {"unspoken": list(self.unspoken), "warnings": warnings, "reading": self._front_end()}

    def _front_end(self) -> dict[str, object]:
        languages = {reading.normalised_in for reading in self.readings if reading.normalised_in}
        return {
            "version": VERSION,
            "normalized_in": sorted(languages),
            "dictionary_sha256": self.dictionary_sha256,
        }

    def turn_of(self, chunk: Chunk) -> int:
        """The place of the turn that the chunk belongs to."""
        return self.passages[chunk.passage].turn


class Scripts:
    """
    The script of every engine that may speak with the `voices`, planned once: all that can be refused is refused here.

    The text goes through `read` (numbers, respellings, pauses), `normalised` (its characters) and the plan of the engine's kind (its
    chunks); all return it.

    Of an engine that needs a transcript there is none until the voices have one: then only the text's characters are looked at. An
    engine whose alphabet isn't known before it is loaded gets its script from `of_loaded`.
    """

    def __init__(
        self,
        service: Service,
        request: Generate,
        candidates: tuple[Candidate, ...],
        voices: Mapping[str, Voice],
        respellings: Respellings,
    ) -> None:
        """Raises InvalidText, InvalidRequest."""
        for candidate in candidates:
            for voice in voices.values():
                candidate.kind.refuse_reference(candidate.parameters, voice.audio.duration)
        self.voices = voices
        self.candidates = candidates
        self.respellings = respellings
        self._service = service
        self.language = text_language(request.language, candidates, language_of_all(voices))
        self._request = request
        self._pause_s = service.settings.paragraph_pause_ms / 1000
        self._words = {name: voice.transcript.text if voice.transcript else "" for name, voice in voices.items()}
        self._read: dict[bool, tuple[Reading, ...]] = {}
        self._scripts: dict[str, Script] = {}
        for candidate in candidates:
            alphabet = None if candidate.problem else service.engines.alphabet(candidate.found, self.language)
            if all(self._words.values()) or not candidate.kind.needs_transcript:
                self._scripts[candidate.engine] = self._script(candidate, alphabet)
            elif alphabet:
                refuse_unspeakable(joined(self._passages(candidate.kind, alphabet)[0]), alphabet)

    def again(self, voices: Mapping[str, Voice]) -> "Scripts":
        """The same for voices that were heard, or replaced, meanwhile."""
        return Scripts(self._service, self._request, self.candidates, voices, self.respellings)

    def of(self, candidate: Candidate) -> Script:
        """What this engine is to speak, by what is known of it so far."""
        return self._scripts[candidate.engine]

    def of_loaded(self, candidate: Candidate, alphabet: Alphabet) -> Script:
        """What this engine, now that it is loaded and has that alphabet, is to speak. Raises InvalidText, InvalidRequest."""
        if not self.of(candidate).is_normalised:
            self._scripts[candidate.engine] = self._script(candidate, alphabet)
        return self.of(candidate)

    def language_of(self, voice: Voice) -> str | None:
        """The language of what that voice says, where it is known."""
        return self.language or voice.language

    def references(self, script: Script, audio: Mapping[str, Path]) -> tuple[Reference, ...]:
        """The voice of each passage as an engine wants it; `audio` has the voices' recordings on this disk."""
        return tuple(self._reference(self._voice_of(passage.turn), script, audio) for passage in script.passages)

    def _reference(self, voice: Voice, script: Script, audio: Mapping[str, Path]) -> Reference:
        words, language = script.words[voice.voice], self.language_of(voice)
        return Reference(audio[voice.voice], words, voice.audio.sha256, voice.audio.duration, language)

    def refuse_too_large(self, max_mb: float, job_id: str) -> None:
        """Raises a refusal of a WAV that no reply could carry, of any engine whose plan is known."""
        if self._request.delivery != "url" and self._request.format == "wav":
            for script in self._scripts.values():
                refuse_too_large(script.plan.seconds * SAMPLE_RATE * 2, max_mb, job_id)

    def _script(self, candidate: Candidate, alphabet: Alphabet | None) -> Script:
        readings = self._readings(candidate.kind)
        passages, silence_s = self._passages(candidate.kind, alphabet)
        text, sha256 = joined(passages), self.respellings.dictionary_sha256
        if alphabet is None:
            plan = self._plan(candidate, passages, self._words, silence_s)
            told = self._warnings(candidate, readings, plan, {}, None)
            return Script(plan, passages, readings, text.text, self._words, warnings=told, dictionary_sha256=sha256)
        refuse_unspeakable(text, alphabet)
        words = {name: normalised(said, alphabet, leave_unknown=True) for name, said in self._words.items()}
        said = {name: one.text for name, one in words.items()}
        plan = self._plan(candidate, passages, said, silence_s)
        told = self._warnings(candidate, readings, plan, words, alphabet, passages)
        return Script(plan, passages, readings, text.text, said, True, text.unspoken, told, sha256)

    def _readings(self, kind: EngineKind) -> tuple[Reading, ...]:
        """How each turn is read; an engine that reads numbers by itself gets them as they are."""
        if kind.reads_numbers not in self._read:
            turns = self._request.speeches()
            self._read[kind.reads_numbers] = tuple(
                self._reading(turn, engine_reads=kind.reads_numbers) for turn in turns
            )
        return self._read[kind.reads_numbers]

    def _reading(self, turn: Turn, *, engine_reads: bool) -> Reading:
        language = self.language_of(self.voices[turn.voice])
        return read(
            turn.text,
            None if engine_reads else language,
            say=self.respellings.say,
            normalize=self._request.normalize == "auto" and language is not None,
            paragraph_pause_s=self._pause_s,
        )

    def _passages(self, kind: EngineKind, alphabet: Alphabet | None) -> tuple[tuple[Passage, ...], float]:
        """The passages, and the silence after the last one. Raises InvalidText for too much silence."""
        passages: list[Passage] = []
        turns = self._request.speeches()
        pause_s = total_s = 0.0
        for turn, reading in enumerate(self._readings(kind)):
            for start, end, silence_s in _stretches(reading):
                text = _in_characters_of(alphabet, reading.text[start:end])
                passages.append(Passage(turn, start, text, pause_s))
                pause_s, total_s = silence_s, total_s + silence_s
            if turn < len(turns) - 1:
                pause_s += turns[turn].pause_ms / 1000
        if total_s > _MOST_SILENCE_S:
            raise InvalidText(
                f"the text's pauses are {total_s:.0f} s of silence; at most {_MOST_SILENCE_S:.0f} s fit in one job: make them fewer or shorter",
                field="text", pauses=round(total_s, 3),
            )  # fmt: skip
        return with_speech(passages, pause_s)

    def _plan(
        self, candidate: Candidate, passages: Sequence[Passage], words: Mapping[str, str], silence_s: float
    ) -> Plan:
        """The plan of these passages; the one from before the engine was loaded, if its alphabet has changed nothing."""
        earlier = self._scripts.get(candidate.engine)
        if earlier and (earlier.text, earlier.words) == (joined(passages).text, words):
            return earlier.plan
        if len(passages) > 1 and getattr(candidate.parameters, "fix_duration", None) is not None:
            raise InvalidRequest(
                "fix_duration is the length of speech without pauses, and this text has some: leave one of them out",
                field="fix_duration",
            )
        firsts = [self._request.first_chunk_s, *[None] * (len(passages) - 1)]
        plans = [self._plan_of(candidate, *one, words) for one in zip(passages, firsts, strict=True)]
        return one_plan(plans, [passage.pause_s for passage in passages], silence_s)

    def _plan_of(self, candidate: Candidate, passage: Passage, first_s: float | None, words: Mapping[str, str]) -> Plan:
        voice = self._voice_of(passage.turn)
        return candidate.kind.plan(
            passage.text.text,
            words=words[voice.voice],
            reference_s=voice.audio.duration,
            language=self.language_of(voice),
            parameters=candidate.parameters,
            first_s=first_s,
        )

    def _voice_of(self, turn: int) -> Voice:
        return self.voices[self._request.speeches()[turn].voice]

    def _warnings(
        self,
        candidate: Candidate,
        readings: tuple[Reading, ...],
        plan: Plan,
        words: Mapping[str, NormalisedText],
        alphabet: Alphabet | None,
        passages: Sequence[Passage] = (),
    ) -> Warnings:
        """Each once, though several turns may give cause for it."""
        found: list[dict[str, object]] = [*of_tags("\n".join(reading.text for reading in readings))]
        if alphabet and candidate.kind.needs_transcript:
            found += of_language(self._request, self.language, alphabet)
            for name, said in words.items():
                found += of_transcript(said, alphabet)
                own = [one for one in plan.chunks if self._voice_of(passages[one.passage].turn).voice == name]
                found += of_pace(replace(plan, chunks=tuple(own)), said.text, candidate.parameters)
        told = {one["code"]: one for one in reversed(found)}
        reads_here = self._request.normalize == "auto" and not candidate.kind.reads_numbers
        unread = of_unread(readings) if reads_here else ()
        return (*reversed(told.values()), *unread, *self._of_reading(readings))

    def _of_reading(self, readings: tuple[Reading, ...]) -> Iterator[dict[str, object]]:
        for turn, reading in enumerate(readings):
            for warning in reading.warnings:
                yield {**warning, "turn": turn} if self._request.turns else dict(warning)


def language_of_all(voices: Mapping[str, Voice]) -> str | None:
    """The language of all voices; None if it is unknown, or they differ."""
    languages = {voice.language for voice in voices.values()}
    return languages.pop() if len(languages) == 1 else None


def _in_characters_of(alphabet: Alphabet | None, text: str) -> NormalisedText:
    return normalised(text, alphabet) if alphabet else NormalisedText(text, (), 0, 0)


def _stretches(reading: Reading) -> Iterator[tuple[int, int, float]]:
    """Start and end of what is read without a pause, and the silence behind it."""
    at = 0
    for pause in reading.pauses:
        yield at, pause.at, pause.seconds
        at = pause.at
    yield at, len(reading.text), 0.0
