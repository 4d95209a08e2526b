"""Each field's values: what is read, and what is refused by field and value with what to send instead."""

import math
from typing import Any

import pytest

from cloning.errors import InvalidAudio, InvalidRequest, InvalidText
from cloning.requests.generate import Generate
from cloning.requests.models import Delete, Upload, parse
from tests.unit.cloning.requests.refusing import ABC, LIMITS, SPEAK, refused


@pytest.mark.parametrize("name", ["anna", "anna.wav", "anna.WAV", " anna "])
def test_a_voice_is_named_with_or_without_its_ending(name: str) -> None:
    """'x' and 'x.wav' are the same voice, under either field name."""
    for field in ("voice", "local_voice"):
        request = parse({"text": "Hello.", field: name}, LIMITS)

        assert isinstance(request, Generate)
        assert request.voice == "anna"


def test_audio_arrives_as_bytes() -> None:
    """Base64, bare or as a data: URL with line breaks, is decoded once, here."""
    for audio in (ABC, f"data:audio/wav;base64,{ABC}", f"{ABC[:2]}\n{ABC[2:]}"):
        request = parse({"action": "upload", "voice": "anna", "audio": audio}, LIMITS)

        assert isinstance(request, Upload)
        assert request.audio == b"abc"


@pytest.mark.parametrize(("language", "read"), [("EN", "en"), ("En", "en"), ("PT-BR", "pt-BR"), ("pt-BR", "pt-BR")])
def test_a_language_is_read_in_any_case(language: str, read: str) -> None:
    """Language codes are accepted in upper and lower case."""
    request = parse({**SPEAK, "language": language}, LIMITS)

    assert isinstance(request, Generate)
    assert request.language == read


def test_a_language_that_is_none_is_refused_in_words() -> None:
    """An invalid language is refused with an example, not with the pattern."""
    message = refused({**SPEAK, "language": "Portuguese"}).message

    assert "'pt'" in message
    assert "^" not in message


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("nfe_step", 0), ("nfe_step", 65), ("nfe_step", True), ("nfe_step", 8.5), ("nfe_step", "32"), ("temperature", 0), ("top_k", 0), ("top_k", 1.5), ("profile", "f5tts_ultra_natural"),
        ("speed", 0), ("speed", -1), ("speed", True), ("speed", math.nan), ("speed", math.inf), ("speed", "1"), ("speed", 9.0),
        ("cfg_strength", -0.1), ("cfg_strength", math.inf), ("sway_sampling_coef", -1.1), ("sway_sampling_coef", math.nan),
        ("target_rms", 0), ("cross_fade_duration", -0.1), ("fix_duration", 0), ("fix_duration", math.nan),
        ("redraw_speed", 0.79), ("redraw_speed", 1.01), ("redraw_speed", math.nan), ("redraw_speed", True), ("redraw_speed", "0.9"),
        ("seed", -1), ("seed", 2**63), ("seed", True), ("seed", 1.0), ("remove_silence", 1), ("remove_silence", "yes"),
        ("format", "aiff"), ("format", 3), ("delivery", "mail"), ("engine", "tortoise"), ("fallback", "xtts"), ("fallback", ["tortoise"]), ("language", "Portuguese"), ("text", 3), ("text", None),
        ("voice", "../etc/passwd"), ("voice", ""), ("voice", "a/b"), ("voice", "a" * 65), ("voice", ".hidden"), ("voice", 3),
        ("job_id", "../j"), ("job_id", ""), ("checkpoint", "/models/mine"), ("voice", "https://example.org/a.wav"),
    ],
)  # fmt: skip
def test_a_bad_value_is_refused_by_field_and_value(field: str, value: object) -> None:
    """A bad value is refused with its field and the value; nothing is converted, and true is no number."""
    error = refused({**SPEAK, field: value})

    assert (error.details["field"], repr(value)[:40] in error.message) == (field, True)


@pytest.mark.parametrize("text", ["", "   ", "\n\t", "...", "—!?", "\u200b"])
def test_a_text_with_nothing_to_speak_is_refused(text: str) -> None:
    """A text without a letter or digit is refused, because the model would make noise of it."""
    assert isinstance(refused({**SPEAK, "text": text}), InvalidText)


def test_a_text_over_the_limit_is_refused_with_both_lengths() -> None:
    """A text over the limit is refused with its length and the limit."""
    error = refused({**SPEAK, "text": "a" * 1001})

    assert (error.details["length"], error.details["limit"]) == (1001, 1000)


def test_half_a_character_is_refused() -> None:
    """A lone surrogate is refused: it passes JSON and breaks every encoding after it."""
    assert refused({**SPEAK, "text": "hello \ud800"}).details["field"] == "text"


@pytest.mark.parametrize("audio", ["$$$", "YWJjZ", "A" * 3000, 7, None, ""])
def test_broken_or_huge_base64_is_refused(audio: object) -> None:
    """Broken or huge base64 is refused by its size, alphabet or padding before anything is stored."""
    raw = {"action": "upload", "voice": "anna", "audio": audio}
    if audio == "":
        request = parse(raw, LIMITS)
        assert isinstance(request, Upload)
        assert request.audio == b""  # an empty recording is the audio check's to refuse
    else:
        assert isinstance(refused(raw), InvalidRequest)


def test_forty_megabytes_of_base64_are_refused_by_size() -> None:
    """Forty megabytes of base64 are refused by size without being decoded."""
    error = refused({"action": "upload", "voice": "anna", "audio": "A" * 40_000_000})

    assert (type(error), error.details["limit"]) == (InvalidAudio, 1000)


@pytest.mark.parametrize(
    "consent",
    ["false", "no", "true", "yes", " ", "", "- -", "Einverstanden", "不同意", 1, 0, ["she agreed"], "she agreed " * 50],
)
def test_a_word_is_no_statement_of_consent(consent: object) -> None:
    """A word such as "no" or "yes" is no statement of consent, and the error says what to send."""
    error = refused({"action": "upload", "voice": "anna", "audio": ABC, "consent": consent})

    assert error.details["field"] == "consent"
    assert "true (not a string), or a sentence" in error.message
    assert error.details["problems"] == [error.message]


@pytest.mark.parametrize("consent", [True, False, None, "she agreed", "signed form 17 of 2026-05-01", "她本人已同意"])
def test_consent_is_true_or_a_sentence(consent: object) -> None:
    """Consent is true, or a sentence in any language, also in one that writes no spaces."""
    request = parse({"action": "upload", "voice": "anna", "audio": ABC, "consent": consent}, LIMITS)

    assert isinstance(request, Upload)
    assert request.consent == consent


@pytest.mark.parametrize("name", ["bob.wav.wav", "bob.WAV.wav", ".wav.wav"])
def test_a_new_voice_has_one_name(name: str) -> None:
    """A new voice can't be called 'bob.wav', because that means 'bob' everywhere."""
    assert refused({"action": "upload", "voice": name, "audio": ABC}).details["field"] == "voice"


def test_an_older_voice_of_such_a_name_can_still_be_removed() -> None:
    """An older voice with such a name can still be deleted, by its name with one more ending."""
    request = parse({"action": "delete", "voice": "bob.wav.wav"}, LIMITS)

    assert isinstance(request, Delete)
    assert request.voice == "bob.wav"


CURSORS = [
    "voices/anna/voice.json",
    "voices/anna.wav",
    "dictionaries/names.json",
    "jobs/j/job.json",
    "results/j.0123456789abcdef.wav",
]


@pytest.mark.parametrize(
    ("action", "taken"),
    [
        ({"action": "voices"}, "voices/"),
        ({"action": "dictionaries"}, "dictionaries/"),
        ({"action": "expire", "older_than_days": 1}, ("jobs/", "results/")),
    ],
)
@pytest.mark.parametrize(
    "cursor",
    [*CURSORS, "anna", "jobs/j", "voices/\u0000", "jobs/j/\u0007", "voices/a\u0007b", "voices/../x", "jobs/\n", "zzz"],
)
def test_a_cursor_is_one_that_the_action_gave(
    action: dict[str, Any], taken: str | tuple[str, ...], cursor: str
) -> None:
    """A cursor must be one that the same action gave; another would begin anywhere, and control characters break S3."""
    raw = {**action, "cursor": cursor}

    if cursor in CURSORS and cursor.startswith(taken):
        parse(raw, LIMITS)
    else:
        error = refused(raw)
        assert (error.details["field"], "next_cursor" in error.message) == ("cursor", True)


def test_an_empty_cursor_is_the_beginning() -> None:
    """An empty cursor is the beginning, as a client sends that requests every page in one loop."""
    for action in ({"action": "voices"}, {"action": "dictionaries"}, {"action": "expire", "older_than_days": 1}):
        parse({**action, "cursor": ""}, LIMITS)


def test_an_error_never_carries_the_audio_back() -> None:
    """A long value is cut in error messages, so that they never return the audio."""
    error = refused({"action": "upload", "voice": "v" * 5000, "audio": ABC})

    assert len(error.message) < 300
