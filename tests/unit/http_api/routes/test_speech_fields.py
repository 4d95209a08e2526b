"""OpenAI's fields as fields of a generate."""

import json
from typing import Any

import pytest

from cloning.keys import ID_PATTERN
from cloning.requests.generate import Generate
from http_api.errors import Failed
from http_api.options import OPENAI_VOICES, Options
from http_api.routes.speech_fields import GENERATE_FIELDS, JOB_ID, Speech
from tests.http_worker import StandIn
from tests.unit.http_api.asking import asked, post

OPTIONS = Options(default_voice="anna", aliases={"onyx": "bert", "mum": "carla"})
JSON = {"content-type": "application/json"}
NOT_HERE = {"text", "voice", "turns", "speed", "remove_silence", "format", "delivery", "parts", "parts_format"}


def fields(options: Options = OPTIONS, **sent: Any) -> dict[str, Any]:
    return Speech.model_validate({"input": "Hello.", "voice": "zoe", **sent}).generate(options, "new")


def test_what_a_generate_takes_is_taken_here() -> None:
    """All fields of a generate are accepted, except those that the route sets, that need the whole speech, or are turns."""
    assert Generate.model_fields.keys() - NOT_HERE == GENERATE_FIELDS


@pytest.mark.parametrize(
    ("model", "taken"),
    [
        (None, {}),
        ("tts-1", {}),
        ("tts-1-hd", {}),
        ("gpt-4o-mini-tts-2025-12-15", {}),
        ("f5", {"engine": "f5"}),
        ("xtts", {"engine": "xtts"}),
        ("F5TTS_Base", {"checkpoint": "F5TTS_Base"}),
    ],
)
def test_a_model_is_an_engine_a_checkpoint_or_the_deployments(model: str | None, taken: dict[str, str]) -> None:
    """A model is an engine, a checkpoint, or one of OpenAI's names, which stand for the deployment's default."""
    made = fields(model=model)

    assert {name: made[name] for name in ("engine", "checkpoint") if name in made} == taken


@pytest.mark.parametrize(
    ("voice", "speaks"),
    [
        ("zoe", "zoe"),
        ({"id": "zoe"}, "zoe"),
        (None, "anna"),
        ("onyx", "bert"),
        ({"id": "onyx"}, "bert"),
        ("mum", "carla"),
    ],
)
def test_a_voice_is_a_name_an_id_or_an_alias(voice: object, speaks: str) -> None:
    """A voice is a name, an id or an alias; without one the default speaks."""
    assert fields(voice=voice)["voice"] == speaks


@pytest.mark.parametrize("voice", [name for name in OPENAI_VOICES if name != "onyx"])
def test_openais_names_are_the_default_voice(voice: str) -> None:
    """OpenAI's names stand for the default voice, unless there is an alias or no default."""
    assert fields(voice=voice)["voice"] == "anna"
    assert fields(Options(), voice=voice)["voice"] == voice


def test_without_any_voice_the_request_is_refused() -> None:
    """Without any voice the request is refused with what is missing."""
    with pytest.raises(Failed, match="DEFAULT_VOICE") as failure:
        fields(Options(), voice=None)

    assert failure.value.param == "voice"


def test_own_fields_go_through_and_nulls_do_not() -> None:
    """Fields of our own are passed on, but nulls are dropped, because clients send null for what is unset."""
    made = fields(seed=1, language=None, speed=None, job_id="mine", engine="xtts", model="f5")

    assert (made["seed"], made["job_id"], made["engine"]) == (1, "mine", "xtts")
    assert not {"language", "speed"} & made.keys()


def test_own_fields_can_not_change_what_the_route_sets() -> None:
    """A request can't change the fields that the route sets, because the route reads the parts."""
    made = fields(parts=False, parts_format="wav", format="mp3", delivery="inline", text="Other.", action="delete")

    assert (made["parts"], made["parts_format"], made["format"], made["text"]) == (True, "flac", "flac", "Hello.")
    assert not {"delivery", "action"} & made.keys()


def test_ignored_fields_are_named_and_counted() -> None:
    """At most twenty ignored fields are named, each by at most 64 characters before escaping, and they are counted."""
    speech = Speech.model_validate({"input": "x", **{f"field{n:02}": n for n in range(30)}, "z" * 100: 1})

    assert len(speech.ignored.split(", ")) == 20
    assert max(map(len, speech.ignored.split(", "))) <= 64


def test_a_field_of_the_worker_is_named_as_it_was_sent() -> None:
    """An error names a field as it was sent: `input` for the text, `model` for the engine or checkpoint that it named."""
    assert Speech(input="x", model="F5TTS_Base").names == {"text": "input", "checkpoint": "model"}
    assert Speech(input="x", model="f5").names == {"text": "input", "engine": "model"}
    assert Speech(input="x", model="tts-1").names == {"text": "input"}


def test_a_job_id_is_what_the_worker_calls_an_id() -> None:
    """A job_id must be a valid id, because it goes into a header before any worker has seen it."""
    assert f"^{ID_PATTERN}$" == JOB_ID


@pytest.mark.parametrize("text", ["Hello.", "."])
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("job_id", "\ud800"),
        ("job_id", {}),
        ("job_id", ""),
        ("job_id", "a\r\nx: y"),
        ("job_id", "one\n"),
        ("seed", "\ud800"),
        pytest.param("seed", 10**4000, id="4000 digits"),
        ("seed", -1),
        ("seed", True),
        ("seed", "1"),
        ("seed", 1.5),
    ],
)
def test_what_goes_into_headers_is_an_id_or_a_plain_number(text: str, field: str, value: object) -> None:
    """Only ids and plain numbers get into headers, whether or not the text is spoken."""
    body = json.dumps({"input": text, "voice": "anna", field: value})

    (response,) = asked(StandIn(), post("/v1/audio/speech", content=body, headers=JSON))

    assert (response.status_code, response.json()["error"]["param"]) == (400, field)
    assert not {"x-request-id", "x-seed"} & response.headers.keys()
