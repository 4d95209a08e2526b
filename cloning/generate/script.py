"""What each engine that may speak is given, and what the caller should know of it."""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass

from cloning.characters import is_invisible
from cloning.generate.candidates import Candidate, text_language
from cloning.planning.alphabet import NormalisedText, normalised, refuse_unspeakable
from cloning.planning.f5 import SAMPLE_RATE, Plan
from cloning.planning.pace import slowness
from cloning.ports import Alphabet, Parameters
from cloning.replies import refuse_too_large
from cloning.requests.generate import Generate
from cloning.service import Service
from cloning.voices.record import Voice

# SSML's elements, and those of speech engines; of one letter or with space inside only where it can be no comparison.
_SSML = (
    "speak|break|prosody|emphasis|say-as|sub|phoneme|voice|audio|mark|lang|par|seq|media|token|lexicon|lookup|bookmark|desc|meta|metadata"
    "|emotion|silence|pause|laugh|laughs|laughter|laughing|sigh|sighs|breath|breathe|cough|gasp|chuckle|giggle|whisper|sob|sniff|yawn|groan"
    r"|amazon:[\w-]+|mstts:[\w-]+|google:[\w-]+|tts:[\w-]+"
)
_NAME, _VALUES = r"[^\W\d_][\w:.-]*", r"(?:\s+[\w:-]+\s*=\s*[^<>]*)"
_ANGLED = re.compile(
    rf"</?(?:{_SSML})\b[^<>]*>|<\s*/?\s*(?:{_SSML}){_VALUES}?\s*/?\s*>|</{_NAME}\s*>|<{_NAME}{_VALUES}?\s*/>|<{_NAME}{_VALUES}>"
    rf"|(?<!\w)<{_NAME}>|<\?xml\b|<!--|<\|{_NAME}\|>|<#\s*[\d.]+\s*#>",
    re.IGNORECASE,
)
# Words and lengths of time, such as [laughs] and [1s]; not the numbers of notes.
_STAGED = re.compile(
    r"[\[［]\s*/?\s*(?:[^\W\d_]|[0-9]+(?:[.,][0-9]+)?\s*(?:ms|msecs?|s|secs?|seconds?|mins?|minutes?)\b)[^\[\]［］\n]{0,39}[\]］]"
    r"|[【〔]\s*(?:[A-Za-z]|大?笑|微笑|停|暂停|暫停|叹|嘆|哭|咳|吸|呼|沉默|沈默|间|間|ため息|ポーズ|拍手|泣|溜|웃|한숨|침묵|기침)[^【】〔〕\n]{0,19}[】〕]",
    re.IGNORECASE,
)
_SPEEDS = (0.3, 2.0)  # what a request may send


@dataclass(frozen=True)
class Script:
    """
    A text's chunks, and the `words` of the reference, in characters that the engine knows; `text` is what was planned.

    `is_normalised` says whether the engine's alphabet was known: if not, text and words are as they came. `unspoken` are the characters of
    the text that the engine doesn't know; `warnings` are what else may be heard, each with a `code` and a `message` without a word
    of the text.
    """

    plan: Plan
    text: str
    words: str
    is_normalised: bool = False
    unspoken: tuple[str, ...] = ()
    warnings: tuple[dict[str, str], ...] = ()

    def to_json(self) -> dict[str, object]:
        """For reply, record and manifest; not for the log: it quotes the text."""
        return {"unspoken": list(self.unspoken), "warnings": list(self.warnings)}


class Scripts:
    """
    The script of every engine that may speak `voice`, planned once: all that can be refused is refused here.

    The text goes through `normalised` (its characters) and the plan of the engine's kind (its chunks); both return it.

    Of an engine that needs a transcript there is none until the voice has one: then only the text's characters are looked at. An
    engine whose alphabet isn't known before it is loaded gets its script from `of_loaded`.
    """

    def __init__(self, service: Service, request: Generate, candidates: tuple[Candidate, ...], voice: Voice) -> None:
        """Raises InvalidText, InvalidRequest."""
        for candidate in candidates:
            candidate.kind.refuse_reference(candidate.parameters, voice.audio.duration)
        self.voice = voice
        self.candidates = candidates
        self.language = text_language(request.language, candidates, voice.language)
        self._request = request
        self._words = voice.transcript.text if voice.transcript else ""
        self._scripts: dict[str, Script] = {}
        for candidate in candidates:
            alphabet = None if candidate.problem else service.engines.alphabet(candidate.found, self.language)
            if self._words or not candidate.kind.needs_transcript:
                self._scripts[candidate.engine] = self._script(candidate, alphabet)
            elif alphabet:
                refuse_unspeakable(normalised(request.text, alphabet), alphabet)

    def of(self, candidate: Candidate) -> Script:
        """What this engine is to speak, by what is known of it so far."""
        return self._scripts[candidate.engine]

    def of_loaded(self, candidate: Candidate, alphabet: Alphabet) -> Script:
        """What this engine, now that it is loaded and has that alphabet, is to speak. Raises InvalidText, InvalidRequest."""
        if not self.of(candidate).is_normalised:
            self._scripts[candidate.engine] = self._script(candidate, alphabet)
        return self.of(candidate)

    def refuse_too_large(self, max_mb: float, job_id: str) -> None:
        """Raises a refusal of a WAV that no reply could carry, of any engine whose plan is known."""
        if self._request.delivery != "url" and self._request.format == "wav":
            for script in self._scripts.values():
                refuse_too_large(script.plan.seconds * SAMPLE_RATE * 2, max_mb, job_id)

    def _script(self, candidate: Candidate, alphabet: Alphabet | None) -> Script:
        tags = tuple(_of_tags(self._request.text))
        if alphabet is None:
            plan = self._plan(candidate, self._request.text, self._words)
            return Script(plan, self._request.text, self._words, warnings=tags)
        text = normalised(self._request.text, alphabet)
        refuse_unspeakable(text, alphabet)
        words = normalised(self._words, alphabet, leave_unknown=True)
        plan = self._plan(candidate, text.text, words.text)
        warnings: tuple[dict[str, str], ...] = tags
        if candidate.kind.needs_transcript:
            warnings = (
                *tags,
                *_of_language(self._request, self.language, alphabet),
                *_of_transcript(words, alphabet),
                *_of_pace(plan, words.text, candidate.parameters),
            )
        return Script(plan, text.text, words.text, True, text.unspoken, warnings)

    def _plan(self, candidate: Candidate, text: str, words: str) -> Plan:
        """The plan of that text; the one from before the engine was loaded, if its alphabet has changed nothing."""
        earlier = self._scripts.get(candidate.engine)
        if earlier and (earlier.text, earlier.words) == (text, words):
            return earlier.plan
        return candidate.kind.plan(
            text,
            words=words,
            reference_s=self.voice.audio.duration,
            language=self.language,
            parameters=candidate.parameters,
        )


def _of_language(request: Generate, language: str | None, alphabet: Alphabet) -> Iterator[dict[str, str]]:
    if request.language or not language or not alphabet.languages or language.split("-")[0] in alphabet.languages:
        return  # a language that the request names was checked before (model_cache.library)
    yield {
        "code": "LANGUAGE",
        "message": f"the voice's language is {language!r} and checkpoint {alphabet.checkpoint!r} speaks "
        f"{', '.join(alphabet.languages)}: a text in {language!r} needs another checkpoint; for a text in one of these send its language",
    }


def _of_transcript(words: NormalisedText, alphabet: Alphabet) -> Iterator[dict[str, str]]:
    if words.lost:
        yield {
            "code": "TRANSCRIPT",
            "message": f"checkpoint {alphabet.checkpoint!r} doesn't know {words.lost} of the {words.letters} letters and digits of the "
            "voice's transcript: what is said there is a gap to it; choose a voice and a checkpoint of one language",
        }


def _of_tags(text: str) -> Iterator[dict[str, str]]:
    """SSML, escaped or not, and stage directions: no engine here knows them."""
    plain = "".join(one for one in html.unescape(text) if one == "\n" or not is_invisible(one))
    kind = "SSML or another tag" if _ANGLED.search(plain) else "a tag in brackets" if _STAGED.search(plain) else ""
    if kind:
        yield {
            "code": "TAGS",
            "message": f"the text holds {kind}, which means nothing here yet: it is spoken like the words around it; leave it out",
        }


def _of_pace(plan: Plan, words: str, parameters: Parameters) -> Iterator[dict[str, str]]:
    """Of what is really spoken. Chunks that upstream speaks at a speed of its own, whatever is asked, say nothing."""
    paced = [chunk.text for chunk in plan.chunks if chunk.speed == parameters.speed]
    ratio = slowness("".join(paced), words)
    if ratio is None or parameters.speed != 1.0 or any(chunk.fix_duration is not None for chunk in plan.chunks):
        return
    least, most = _SPEEDS
    yield {
        "code": "PACE",
        "message": f"F5-TTS goes by the bytes of the voice's transcript, and this text has {ratio:.1f} times as many for what it says: "
        f"it is spoken too {'slowly' if ratio > 1 else 'fast'}; write numbers and signs as words, or send speed "
        f"{min(most, max(least, ratio)):.1f}",
    }
