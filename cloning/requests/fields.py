"""The field types of requests (ids, texts, audio, cursors), a deployment's limits, and the frozen, strict base class."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo

from cloning.errors import InvalidText
from cloning.keys import dictionary_of, is_id, owner_of, voice_of
from cloning.object_keys import is_key
from cloning.records import LONGEST_RESPELLING, LONGEST_WORD, MOST_WORDS
from cloning.requests.consent import LONGEST, is_sentence, says_no
from cloning.requests.encoding import decode_base64


@dataclass(frozen=True)
class Limits:
    """A deployment's limits, for the checks that depend on them."""

    max_text_chars: int
    max_audio_bytes: int


def _voice_id(value: object) -> object:
    """Read 'x.wav' as the voice 'x'."""
    if isinstance(value, str):
        value = value.strip()
        return value[:-4] if value.lower().endswith(".wav") else value
    return value


def _new_voice_id(value: str) -> str:
    """Refuse a new voice named 'x.wav': requests for it would mean 'x'. (Older voices of such names stay accessible.)"""
    if value.lower().endswith(".wav"):
        raise ValueError("should have one '.wav' at most")
    return value


def _checked_id(value: str) -> str:
    if not is_id(value):
        raise ValueError("should be 1 to 64 letters, digits, '.', '_' or '-', the first a letter or digit")
    return value


def _limits(info: ValidationInfo) -> Limits:
    assert isinstance(info.context, Limits)  # noqa: S101 - parse passes them
    return info.context


def audio_bytes(value: object, info: ValidationInfo) -> object:
    """Decode a base64 string. Raises InvalidAudio."""
    limits = _limits(info)
    if not isinstance(value, str):
        raise ValueError("should be a base64 string")  # noqa: TRY004 - pydantic turns only ValueError into a problem
    return decode_base64(value, limits.max_audio_bytes)


def speakable(value: str, info: ValidationInfo) -> str:
    """Check that a text has something to speak, and is not too long. Raises InvalidText."""
    refuse_too_long("text", len(value), info)
    if not any(character.isalnum() for character in value):
        raise InvalidText(
            "text holds nothing to speak: send at least one letter or digit", field="text", length=len(value)
        )
    return value


def refuse_too_long(field: str, length: int, info: ValidationInfo) -> None:
    """Raises InvalidText for more characters than the deployment takes."""
    limit = _limits(info).max_text_chars
    if length > limit:
        raise InvalidText(
            f"{field} has {length} characters; this deployment takes {limit}: split it into several jobs",
            field=field, length=length, limit=limit,
        )  # fmt: skip


def respellings(value: object) -> object:
    """Check a dictionary of respellings: at most 500 words of 1 to 100 characters, each read as at most 200. The error names the word."""
    if not isinstance(value, dict):
        raise ValueError('should be an object, such as {"GIF": "jif"}')  # noqa: TRY004 - pydantic turns only ValueError into a problem
    if len(value) > MOST_WORDS:
        raise ValueError(f"has {len(value)} words; at most {MOST_WORDS} may be respelled")
    for word, reading in value.items():
        if not isinstance(word, str) or not 1 <= len(word.strip()) <= LONGEST_WORD or not any(map(str.isalnum, word)):
            raise ValueError(
                f"has the word {str(word)[:LONGEST_WORD]!r}: a word should have 1 to {LONGEST_WORD} characters, and a letter or digit"
            )
        if not isinstance(reading, str) or len(reading) > LONGEST_RESPELLING:
            raise ValueError(f"should say {word!r} with a string of at most {LONGEST_RESPELLING} characters")
    return value


def speech(value: str) -> str:
    """Check the words of a recording, and strip white space around them."""
    if not any(character.isalnum() for character in value):
        raise ValueError("should hold the words that are said")
    return value.strip()


def consent_statement(value: object) -> object:
    """Accept true, false or a sentence; a single word may be the "no" of a form that sends its answers as text."""
    if isinstance(value, bool):
        return value
    if not isinstance(value, str) or not 1 <= len(value) <= LONGEST or not is_sentence(value):
        raise ValueError(
            f"should be true (not a string), or a sentence of at least two words and at most {LONGEST} characters "
            "on how the speaker agreed"
        )
    return not says_no(value) and value.strip()


def _cursor(names_one: Callable[[str], object]) -> AfterValidator:
    """A check for a key at which a listing of this action can stop; empty means the beginning."""

    def checked(value: str) -> str:
        if value and not (is_key(value) and names_one(value)):
            raise ValueError("should be the next_cursor of this action's previous reply")
        return value

    return AfterValidator(checked)


Id = Annotated[str, AfterValidator(_checked_id)]
Say = Annotated[dict[str, str], BeforeValidator(respellings)]
VoiceId = Annotated[str, BeforeValidator(_voice_id), AfterValidator(_checked_id)]
VoicesCursor = Annotated[str, Field(max_length=1024), _cursor(voice_of)]
DictionariesCursor = Annotated[str, Field(max_length=1024), _cursor(dictionary_of)]
ExpireCursor = Annotated[str, Field(max_length=1024), _cursor(owner_of)]
NewVoiceId = Annotated[VoiceId, AfterValidator(_new_voice_id)]


class Request(BaseModel):
    """The base of all requests: frozen, strict (true is not a number), no unknown fields, no NaN."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True)
    action: ClassVar[str]
