"""Raw input becomes one frozen request, or an error that says which action or field it should have."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloning.errors import ServiceError, UnknownAction
from cloning.requests.generate import Generate
from cloning.requests.models import Delete, Health, Result, Status, Upload, Voices, parse
from cloning.requests.older_names import NOT_THERE_YET
from cloning.requests.texts import Read
from tests.unit.cloning.requests.refusing import ABC, LIMITS, SPEAK, refused


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


@pytest.mark.parametrize("raw", [{"action": "upload", "voice": "a"}, {"action": "delete"}])
def test_a_rule_over_several_fields_reads_as_a_sentence(raw: dict[str, str]) -> None:
    """An error about several fields is a sentence without a field's name before it."""
    error = refused(raw)

    assert error.message.startswith("send ")
    assert error.details["field"] == "input"


def test_a_missing_field_is_named() -> None:
    """A missing field is refused by name, with its meaning."""
    assert refused({"text": "Hello."}).details["field"] == "voice"


@pytest.mark.parametrize("sources", [{}, {"audio": ABC, "audio_url": "https://example.org/a.wav"}])
def test_an_upload_has_exactly_one_source(sources: dict[str, str]) -> None:
    """An upload has exactly one source of audio: none, or two that may differ, is a mistake."""
    assert "exactly one" in refused({"action": "upload", "voice": "anna", **sources}).message


@pytest.mark.parametrize(
    "targets",
    [{}, {"voice": "anna", "job_id": "j"}, {"job_id": "j", "dictionary": "d"}, {"voice": "a", "dictionary": "d"}],
)
def test_a_delete_has_exactly_one_target(targets: dict[str, str]) -> None:
    """A delete names exactly one target, because a deletion can't be undone."""
    assert "either" in refused({"action": "delete", **targets}).message


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
