"""Warnings about a text and a voice before the caller hears them: each has a code and a message without a word of the text."""

import html
import re
from collections.abc import Iterator, Sequence

from cloning.characters import is_invisible
from cloning.planning.f5 import Plan
from cloning.planning.pace import slowness
from cloning.planning.text import NormalisedText
from cloning.ports import Alphabet, Parameters
from cloning.reading.spans import Reading
from cloning.requests.generate import Generate

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


def of_language(request: Generate, language: str | None, alphabet: Alphabet) -> Iterator[dict[str, object]]:
    """Warn if the voice's language is none of the checkpoint's, and the request names none."""
    if request.language or not language or not alphabet.languages or language.split("-")[0] in alphabet.languages:
        return  # a language that the request names was checked before (model_cache.library)
    yield {
        "code": "LANGUAGE",
        "message": f"the voice's language is {language!r} and checkpoint {alphabet.checkpoint!r} speaks "
        f"{', '.join(alphabet.languages)}: a text in {language!r} needs another checkpoint; for a text in one of these send its language",
    }


def of_transcript(words: NormalisedText, alphabet: Alphabet) -> Iterator[dict[str, object]]:
    """Warn if the checkpoint doesn't know all letters of the voice's transcript."""
    if words.lost:
        yield {
            "code": "TRANSCRIPT",
            "message": f"checkpoint {alphabet.checkpoint!r} doesn't know {words.lost} of the {words.letters} letters and digits of the "
            "voice's transcript: the model takes them for spaces; choose a voice and a checkpoint of one language",
        }


def of_tags(text: str) -> Iterator[dict[str, object]]:
    """Warn of SSML, escaped or not, and stage directions: no engine here understands them."""
    plain = "".join(one for one in html.unescape(text) if one == "\n" or not is_invisible(one))
    kind = "SSML or another tag" if _ANGLED.search(plain) else "a tag in brackets" if _STAGED.search(plain) else ""
    if kind:
        yield {
            "code": "TAGS",
            "message": f"the text holds {kind}, which is not understood: it is spoken like the words around it; leave it out",
        }


def of_unread(readings: Sequence[Reading]) -> Iterator[dict[str, object]]:
    """Warn of numbers in an unknown language, or in one without reading rules; where there is a tag, its own warning says enough."""
    if any(True for reading in readings for _ in of_tags(reading.text)):
        return
    if any(reading.normalised_in is None and any(map(str.isdigit, reading.text)) for reading in readings):
        yield {
            "code": "READ_AS_IS",
            "message": "the text has numbers, and its language is unknown or has no reading rules: they were left as they are; send language, "
            "or write them in words",
        }


def of_pace(plan: Plan, words: str, parameters: Parameters) -> Iterator[dict[str, object]]:
    """Warn of a misleading pace of what is really spoken. Chunks that upstream speaks at its own speed don't count."""
    ratio = slowness(plan.text_at(parameters.speed), words)
    if ratio is None or parameters.speed != 1.0 or any(chunk.fix_duration is not None for chunk in plan.chunks):
        return
    least, most = _SPEEDS
    yield {
        "code": "PACE",
        "message": f"F5-TTS plans the pace by bytes, and this text has {ratio:.1f} times as many for what it says as the voice's transcript: "
        f"it is spoken too {'slowly' if ratio > 1 else 'fast'}; write numbers and signs as words, or send speed "
        f"{min(most, max(least, ratio)):.1f}",
    }
