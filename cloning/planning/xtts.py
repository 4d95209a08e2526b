"""
XTTS, as far as it is known before one is loaded; and a text's chunks for it.

XTTS draws its speech token after token, so a chunk's length is known only when it is spoken. Known before is how many
characters it takes at once in each language; the limits are those of coqui-tts's own tokenizer (TTS/tts/layers/xtts/tokenizer.py,
`char_limits`), which itself only warns, and then loses the chunk's end.
"""

from collections.abc import Mapping
from functools import partial
from string import digits as ascii_digits
from typing import Any

from cloning.errors import InvalidRequest, InvalidText
from cloning.names import EngineName, ProfileName
from cloning.planning.f5 import Chunk, Plan, chunk_seed
from cloning.planning.text import split_text
from cloning.ports import Parameters, XttsParameters
from cloning.settings import Settings

CHARACTERS = {
    "en": 250, "de": 253, "fr": 273, "es": 239, "it": 213, "pt": 203, "pl": 224, "zh": 82, "ar": 166, "cs": 186, "ru": 182,
    "nl": 251, "tr": 226, "ja": 71, "hu": 224, "ko": 95, "hi": 150,
}  # fmt: skip
LANGUAGES = tuple(CHARACTERS)
# A digit is spoken as a word of about so many characters.
_DIGIT = 8
_DIGIT_OF = {"zh": 2, "ja": 2, "ko": 2}
# Languages whose numbers coqui-tts can't write out.
_WITHOUT_NUMBERS = ("hi",)
# Nobody speaks a full chunk faster than this, in seconds.
_QUICKEST_FULL_S = 8.0


class _Xtts:
    """An `EngineKind` (cloning.planning.engine_kinds)."""

    name: EngineName = "xtts"
    setting = "XTTS_CHECKPOINT"
    extra: str | None = "coqui-tts"
    # The published model's values; steadier, so that it seldom runs on (its time is that of what it says: no value makes it
    # cheaper); steadier still, the reference brought to one level; livelier, with more mistakes.
    profiles: Mapping[ProfileName, XttsParameters] = {
        "balanced": XttsParameters(),
        "fast": XttsParameters(temperature=0.7),
        "ultra_quality": XttsParameters(temperature=0.65, top_p=0.8, sound_norm_refs=True),
        "expressive": XttsParameters(temperature=0.85, top_p=0.92, top_k=80, repetition_penalty=4.0),
    }
    intents: Mapping[ProfileName, ProfileName] = {
        **{name: name for name in profiles},
        "draft": "fast",
        "ultra_natural": "expressive",
    }
    needs_transcript = False
    needs_language = True
    reads_numbers = True

    def checkpoint(self, settings: Settings) -> str:
        return settings.xtts_checkpoint

    def refuse_contradictions(self, given: Mapping[str, Any]) -> None:
        if "length_penalty" in given and given.get("num_beams", 1) == 1:
            raise InvalidRequest(
                "length_penalty does nothing without beams: send num_beams of 2 or more with it, or leave it out",
                field="length_penalty",
            )

    def refuse_reference(self, parameters: Parameters, reference_s: float) -> None:
        """Accept any reference."""

    def language(self, asked: str | None, of_voice: str | None) -> str | None:
        return xtts_language(asked, of_voice)

    def plan(
        self,
        text: str,
        *,
        words: str,  # noqa: ARG002 - XTTS goes by none
        reference_s: float,  # noqa: ARG002
        language: str | None,
        parameters: Parameters,
        first_s: float | None = None,
    ) -> Plan:
        assert isinstance(parameters, XttsParameters)  # noqa: S101 - candidates_of took them from this kind's profiles
        return plan_xtts(text, language=language or "", seed=0, parameters=parameters, first_s=first_s)


XTTS = _Xtts()


def xtts_language(asked: str | None, of_voice: str | None) -> str:
    """
    The language in which XTTS speaks: the request's, else the voice's; 'pt' for 'pt-BR'.

    Raises InvalidRequest if there is none, or none that XTTS speaks.
    """
    language = asked or of_voice
    choices = ", ".join(LANGUAGES)
    if language is None:
        raise InvalidRequest(
            f"the engine 'xtts' may speak and must know the text's language: send language ({choices}), or upload the voice with one",
            field="language", choices=list(LANGUAGES),
        )  # fmt: skip
    code = language.split("-")[0]
    if code not in CHARACTERS:
        whose = "" if asked else " (the voice's)"
        raise InvalidRequest(
            f"the engine 'xtts' may speak and doesn't know the language {language!r}{whose}; it speaks {choices}",
            field="language", choices=list(LANGUAGES),
        )  # fmt: skip
    return code


def plan_xtts(text: str, *, language: str, seed: int, parameters: XttsParameters, first_s: float | None = None) -> Plan:
    """
    Plan the chunks of a text in a language of `LANGUAGES`. Their `seconds` are a lower bound: a result may be longer.

    The first chunk lasts at least about `first_s`, if that is given.

    Raises InvalidText if a word is too long for XTTS, or has a number that it can't read.
    """
    if language in _WITHOUT_NUMBERS and any(character in ascii_digits for character in text):
        raise InvalidText(f"XTTS can't read numbers in {language!r}: write them as words", field="text")
    most = CHARACTERS[language]
    first = int(most * first_s * parameters.speed / _QUICKEST_FULL_S) if first_s else None
    pieces = split_text(text, most, partial(spoken_length, language=language), first)
    chunks = [_chunk(index, piece, language, seed, parameters) for index, piece in enumerate(pieces)]
    return Plan(tuple(chunks), parameters.cross_fade_duration, language)


def spoken_length(text: str, *, language: str) -> int:
    """About how many characters a text has once its digits are written out."""
    return len(text) + (_DIGIT_OF.get(language, _DIGIT) - 1) * sum(character.isdigit() for character in text)


def _chunk(index: int, text: str, language: str, seed: int, parameters: XttsParameters) -> Chunk:
    size, most = spoken_length(text, language=language), CHARACTERS[language]
    if size > most:
        raise InvalidText(
            f"a piece of {len(text)} characters has no place to split, and XTTS takes {most} at once in {language!r} (a digit counts "
            f"{_DIGIT_OF.get(language, _DIGIT)}): add spaces or punctuation", field="text", chunk=index,
        )  # fmt: skip
    seconds = _QUICKEST_FULL_S * size / most / parameters.speed
    return Chunk(index, text, chunk_seed(seed, index), parameters.speed, None, seconds)
