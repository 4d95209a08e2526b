"""What an engine is given to speak, and what the caller should know of it."""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from cloning.characters import is_invisible
from cloning.generate.candidates import Candidate, plan_for, reference_for
from cloning.planning.alphabet import Alphabet, Reading, read, refuse_unspeakable
from cloning.planning.f5 import SAMPLE_RATE, Plan, refuse_short
from cloning.planning.pace import drawn_out
from cloning.ports import F5Parameters, Reference
from cloning.replies import refuse_too_large
from cloning.requests.models import Generate
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
    A text's chunks and the reference, in characters that the engine knows.

    `unspoken` are the characters of the text that it doesn't; `warnings` are what else may be heard, each with a `code` and a
    `message` without a word of the text.
    """

    plan: Plan
    reference: Reference
    unspoken: tuple[str, ...] = ()
    warnings: tuple[dict[str, str], ...] = ()

    def told(self) -> dict[str, object]:
        """For reply, record and manifest; not for the log: it quotes the text."""
        return {"unspoken": list(self.unspoken), "warnings": list(self.warnings)}


def plan_early(
    service: Service, request: Generate, candidates: tuple[Candidate, ...], voice: Voice, job_id: str
) -> None:
    """
    Refuse what the plans show to be impossible before a record is made (of a voice without transcript, what can be seen).

    Of every engine that may speak: its needs are met, or the request is refused.
    """
    refuse_short(request.fix_duration, voice.audio.duration)
    reference = reference_for(request, candidates, voice, Path())
    for candidate in candidates:
        alphabet = service.engines.alphabet(candidate.checkpoint, reference.language)
        if alphabet:
            refuse_unspeakable(read(request.text, alphabet), alphabet)
        if reference.text or candidate.engine != "f5":
            plan = script_of(request, candidate, reference, alphabet, seed=0).plan
            if request.delivery != "url" and request.format == "wav":
                refuse_too_large(plan.seconds * SAMPLE_RATE * 2, service.settings.max_reply_mb, job_id)


def script_of(
    request: Generate, candidate: Candidate, reference: Reference, alphabet: Alphabet | None, *, seed: int
) -> Script:
    """
    What the candidate is to speak; of an engine whose alphabet isn't known yet (None) the text as it came.

    Raises InvalidText if the alphabet doesn't do for the text, and what `plan_for` raises.
    """
    tags = tuple(_of_tags(request.text))
    if alphabet is None:
        return Script(plan_for(candidate, request.text, reference, seed=seed), reference, warnings=tags)
    text = read(request.text, alphabet)
    refuse_unspeakable(text, alphabet)
    words = read(reference.text, alphabet, leave_unknown=True)
    reference = replace(reference, text=words.text)
    plan = plan_for(candidate, text.text, reference, seed=seed)
    warnings: tuple[dict[str, str], ...] = tags
    if isinstance(candidate.parameters, F5Parameters):
        warnings = (
            *tags,
            *_of_language(request, reference, alphabet),
            *_of_transcript(words, alphabet),
            *_of_pace(plan, reference, candidate.parameters),
        )
    return Script(plan, reference, text.unspoken, warnings)


def _of_language(request: Generate, reference: Reference, alphabet: Alphabet) -> Iterator[dict[str, str]]:
    language = reference.language or ""
    if request.language or not language or not alphabet.languages or language.split("-")[0] in alphabet.languages:
        return  # a language that the request names was checked before (model_cache.library)
    yield {
        "code": "LANGUAGE",
        "message": f"the voice's language is {language!r} and checkpoint {alphabet.checkpoint!r} speaks "
        f"{', '.join(alphabet.languages)}: a text in {language!r} needs another checkpoint; for a text in one of these send its language",
    }


def _of_transcript(words: Reading, alphabet: Alphabet) -> Iterator[dict[str, str]]:
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


def _of_pace(plan: Plan, reference: Reference, parameters: F5Parameters) -> Iterator[dict[str, str]]:
    """Of what is really spoken. Chunks that upstream speaks at a speed of its own, whatever is asked, say nothing."""
    paced = [chunk.text for chunk in plan.chunks if chunk.speed == parameters.speed]
    ratio = drawn_out("".join(paced), reference.text)
    if ratio is None or parameters.speed != 1.0 or parameters.fix_duration is not None:
        return
    least, most = _SPEEDS
    yield {
        "code": "PACE",
        "message": f"F5-TTS goes by the bytes of the voice's transcript, and this text has {ratio:.1f} times as many for what it says: "
        f"it is spoken too {'slowly' if ratio > 1 else 'fast'}; write numbers and signs as words, or send speed "
        f"{min(most, max(least, ratio)):.1f}",
    }
