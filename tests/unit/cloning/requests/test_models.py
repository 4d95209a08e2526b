"""Raw input becomes one frozen request, or an error that says what to send instead."""

import base64
import math
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloning.errors import InvalidAudio, InvalidRequest, InvalidText, ServiceError, UnknownAction
from cloning.requests.fields import Limits
from cloning.requests.generate import Generate
from cloning.requests.models import Delete, Health, Result, Status, Upload, Voices, parse
from cloning.requests.older_names import NOT_THERE_YET
from cloning.requests.texts import Read

LIMITS = Limits(max_text_chars=1000, max_audio_bytes=1000)
SPEAK: dict[str, Any] = {"text": "Hello.", "voice": "anna"}
ABC = base64.b64encode(b"abc").decode()


def refused(raw: object) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        parse(raw, LIMITS)
    return caught.value


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (SPEAK, Generate),
        ({"action": "generate", **SPEAK}, Generate),
        ({"endpoint": "generate", **SPEAK}, Generate),
        ({"action": "status", "endpoint": "status", "job_id": "j"}, Status),
        ({"text": "Hello.", "local_voice": "anna.wav", "speed": 1.0}, Generate),
        ({"endpoint": "upload", "voice_name": "anna.wav", "voice_file": ABC}, Upload),
        ({"endpoint": "upload", "voice_name": "anna.wav", "voice_file_url": "https://example.org/a.wav"}, Upload),
        ({"endpoint": "status", "job_id": "j"}, Status),
        ({"endpoint": "result", "job_id": "j"}, Result),
        ({"endpoint": "list_voices"}, Voices),
        ({"action": "health"}, Health),
        ({"action": "delete", "voice": "anna"}, Delete),
    ],
)
def test_todays_and_older_shapes_are_understood(raw: dict[str, Any], kind: type) -> None:
    """Today's fields and older ones are understood; an older client's names keep their meaning."""
    assert type(parse(raw, LIMITS)) is kind


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


@pytest.mark.parametrize("raw", [None, [], "text", 3, True])
def test_an_input_that_is_no_object_is_refused(raw: object) -> None:
    """Only a JSON object is a request."""
    assert refused(raw).details["field"] == "input"


@pytest.mark.parametrize("action", ["generat", "", "GENERATE", 3, None, ["generate"]])
def test_an_unknown_action_is_refused_with_the_list(action: object) -> None:
    """An unknown action is refused with the list of actions."""
    error = refused({"action": action, **SPEAK})

    assert isinstance(error, UnknownAction)
    assert "upload" in error.message


def test_disagreeing_action_names_are_refused() -> None:
    """`endpoint` is an older name of `action`: if they differ, the request is refused."""
    assert "disagree" in refused({"action": "status", "endpoint": "result", "job_id": "j"}).message


def test_an_unknown_field_is_refused_with_a_suggestion() -> None:
    """An unknown field is refused with a suggestion, so no parameter is ever ignored."""
    error = refused({**SPEAK, "speeed": 1.0})

    assert (error.details["field"], "did you mean 'speed'?" in error.message) == ("speeed", True)


@pytest.mark.parametrize("field", ["text_file", "text_file_url"])
def test_what_is_not_there_yet_is_refused_by_name(field: str) -> None:
    """A field that isn't supported yet is refused by name with what there is instead, not silently dropped."""
    error = refused({**SPEAK, field: "srt"})

    assert (error.details["field"], field in error.message) == (field, True)
    assert NOT_THERE_YET[field] in error.message


def test_an_older_name_beside_todays_is_refused() -> None:
    """An older name beside today's is refused, because two names for one field may disagree."""
    assert "older name" in refused({**SPEAK, "local_voice": "ben"}).message


@pytest.mark.parametrize(
    "both",
    [
        {"voice": "anna", "voice_name": "ben"},
        {"voice_name": "ben", "voice": "anna"},
        {"voice_name": "a", "local_voice": "b"},
    ],
)
def test_two_names_of_one_field_are_told_apart(both: dict[str, str]) -> None:
    """If both names of a field are sent, in any order, the error calls the older one so and names today's."""
    message = refused({"text": "Hello.", **both}).message

    assert "'voice_name'" in message
    assert "of 'voice'" in message
    assert "'voice' is" not in message


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


@pytest.mark.parametrize("raw", [{"action": "upload", "voice": "a"}, {"action": "delete"}])
def test_a_rule_over_several_fields_reads_as_a_sentence(raw: dict[str, str]) -> None:
    """An error about several fields is a sentence without a field's name before it."""
    error = refused(raw)

    assert error.message.startswith("send ")
    assert error.details["field"] == "input"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("nfe_step", 0), ("nfe_step", 65), ("nfe_step", True), ("nfe_step", 8.5), ("nfe_step", "32"), ("temperature", 0), ("top_k", 0), ("top_k", 1.5), ("profile", "f5tts_ultra_natural"),
        ("speed", 0), ("speed", -1), ("speed", True), ("speed", math.nan), ("speed", math.inf), ("speed", "1"), ("speed", 9.0),
        ("cfg_strength", -0.1), ("cfg_strength", math.inf), ("sway_sampling_coef", -1.1), ("sway_sampling_coef", math.nan),
        ("target_rms", 0), ("cross_fade_duration", -0.1), ("fix_duration", 0), ("fix_duration", math.nan),
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


def test_a_missing_field_is_named() -> None:
    """A missing field is refused by name, with its meaning."""
    assert refused({"text": "Hello."}).details["field"] == "voice"


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


@pytest.mark.parametrize("sources", [{}, {"audio": ABC, "audio_url": "https://example.org/a.wav"}])
def test_an_upload_has_exactly_one_source(sources: dict[str, str]) -> None:
    """An upload has exactly one source of audio: none, or two that may differ, is a mistake."""
    assert "exactly one" in refused({"action": "upload", "voice": "anna", **sources}).message


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


@pytest.mark.parametrize(
    "targets",
    [{}, {"voice": "anna", "job_id": "j"}, {"job_id": "j", "dictionary": "d"}, {"voice": "a", "dictionary": "d"}],
)
def test_a_delete_has_exactly_one_target(targets: dict[str, str]) -> None:
    """A delete names exactly one target, because a deletion can't be undone."""
    assert "either" in refused({"action": "delete", **targets}).message


def test_an_error_never_carries_the_audio_back() -> None:
    """A long value is cut in error messages, so that they never return the audio."""
    error = refused({"action": "upload", "voice": "v" * 5000, "audio": ABC})

    assert len(error.message) < 300


def test_the_digest_tells_requests_apart_but_not_their_delivery() -> None:
    """Requests for different speech have different digests; inline audio instead of a URL doesn't change the digest."""

    def digest(**changes: object) -> str:
        request = parse({**SPEAK, **changes}, LIMITS)
        assert isinstance(request, Generate)
        return request.digest()

    assert digest() == digest(job_id="j", delivery="inline")
    assert len({digest(), digest(seed=1), digest(text="Bye."), digest(speed=1.5), digest(format="mp3")}) == 5


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    [
        *Generate.model_fields,
        *Upload.model_fields,
        *Read.model_fields,
        "action",
        "endpoint",
        "voice_name",
        "limit",
        "cursor",
    ]
)


@given(raw=JSON | st.dictionaries(FIELDS, JSON, max_size=6))
def test_no_input_breaks_the_parser(raw: object) -> None:
    """Any JSON gives a request or a ServiceError."""
    with suppress(ServiceError):
        parse(raw, LIMITS)


def test_a_digest_outlives_releases() -> None:
    """A digest stays the same over releases and with default options, so a job that is delivered again after an update is the same."""
    bare, spelled_out = (
        parse({**SPEAK, **more}, LIMITS) for more in ({}, {"speed": 1.0, "nfe_step": 32, "format": "wav"})
    )

    assert isinstance(bare, Generate)
    assert isinstance(spelled_out, Generate)
    assert bare.digest() == spelled_out.digest() == "fbd6896cdaa246b283f9847e6bb004da59ff30b9b8b61ecc3bf5e9c52ef9f586"
