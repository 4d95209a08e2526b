"""Voices over HTTP."""

import base64
from typing import Any

import pytest

from tests.http_worker import StandIn
from tests.unit.http_api.asking import asked, delete, get, post

SENTENCE = "I agreed to be cloned."
SAMPLE = {"audio_sample": ("me.wav", b"RIFF what it is", "audio/wav")}


def upload(**fields: str) -> tuple[str, str, dict[str, Any]]:
    return post("/v1/audio/voices", data={"name": "carl", "consent": SENTENCE, **fields}, files=SAMPLE)


@pytest.mark.parametrize("path", ["/v1/audio/voices", "/v1/voices"])
def test_the_list_has_every_clients_keys(path: str) -> None:
    """The list has every client's keys: Open WebUI reads `voices`, Home Assistant `data`, OpenReader `name`; a voice's id is its name."""
    (response,) = asked(StandIn(voices=["anna", "bert"]), get(path))

    listed = response.json()
    assert listed["object"] == "list"
    assert listed["voices"] == listed["data"]
    assert [(one["id"], one["name"], one["object"]) for one in listed["data"]] == [
        ("anna", "anna", "audio.voice"),
        ("bert", "bert", "audio.voice"),
    ]
    assert listed["data"][0]["created_at"] == 1795946400


def test_all_pages_are_one_list() -> None:
    """All of the worker's pages, of at most 100 voices, become one list."""
    names = [f"voice-{number}" for number in range(205)]
    worker = StandIn(voices=list(names))

    (response,) = asked(worker, get("/v1/audio/voices"))

    assert [voice["id"] for voice in response.json()["data"]] == names
    assert [call["limit"] for call in worker.calls] == [100, 100, 100]


def test_a_voice_of_which_only_the_name_is_known_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bare file that nobody has used and a damaged record are listed, with the name alone."""
    worker = StandIn()
    page = {"voices": [{"voice": "old", "adopted": False}], "count": 1, "next_cursor": None}
    monkeypatch.setattr(worker, "_voices", lambda _: page)

    (response,) = asked(worker, get("/v1/audio/voices"))

    assert [(one["id"], one["created_at"], one["duration"]) for one in response.json()["data"]] == [("old", 0, None)]


def test_an_upload_is_the_workers_upload() -> None:
    """An upload is sent under the worker's own names, without unset fields."""
    worker = StandIn()

    (response,) = asked(worker, upload(ref_text="Hello.", language="en", transcribe_now="true", replace="true"))

    assert response.status_code == 200
    assert worker.calls == [
        {
            "action": "upload",
            "voice": "carl",
            "audio": base64.b64encode(b"RIFF what it is").decode(),
            "consent": SENTENCE,
            "transcript": "Hello.",
            "language": "en",
            "transcribe_now": True,
            "replace": True,
        }
    ]


def test_the_reply_is_openais_voice_with_the_workers_own_fields() -> None:
    """The reply is OpenAI's voice object with the worker's fields, `status`, `duration`, `measured` and others."""
    (response,) = asked(StandIn(), upload())

    told = response.json()
    assert (told["id"], told["object"], told["type"], told["status"]) == (
        "carl",
        "audio.voice",
        "audio_sample",
        "STORED",
    )
    assert isinstance(told["created_at"], int)


@pytest.mark.parametrize(
    "consent", ["", " ", "no", "No", "false", "False", "none", "denied", "cons_1234", "I do not consent to this."]
)
def test_a_consent_that_is_none_is_refused_by_name(consent: str) -> None:
    """A consent that says no, or an id of OpenAI's, is refused by the field's name."""
    worker = StandIn()

    (response,) = asked(worker, upload(consent=consent))

    assert (response.status_code, response.json()["error"]["param"]) == (400, "consent")
    assert "carl" not in worker.voices


def test_a_form_without_consent_is_refused_by_name() -> None:
    """A form without consent is refused by its own code and the field's name, whatever the deployment requires."""
    (response,) = asked(StandIn(), post("/v1/audio/voices", data={"name": "carl"}, files=SAMPLE))

    error = response.json()["error"]
    assert (response.status_code, error["code"], error["param"]) == (400, "CONSENT_REQUIRED", "consent")


def test_a_form_without_a_field_is_told_which_one_to_send() -> None:
    """Any other missing field is named, with what to do."""
    (response,) = asked(StandIn(), post("/v1/audio/voices", data={"consent": SENTENCE}, files=SAMPLE))

    error = response.json()["error"]
    assert (response.status_code, error["code"], error["param"]) == (400, "INVALID_REQUEST", "name")
    assert error["message"] == "name is missing: send it in a form (multipart/form-data)"


@pytest.mark.parametrize("word", ["true", "True"])
def test_true_is_a_consent(word: str) -> None:
    """The form's `true` is a consent, as JSON's is."""
    worker = StandIn()

    asked(worker, upload(consent=word))

    assert worker.calls[0]["consent"] is True


def test_a_bad_name_is_refused_under_the_forms_name() -> None:
    """A bad name is refused under the form's field `name`, which the worker calls `voice`."""
    (response,) = asked(StandIn(), upload(name="no such/name"))

    assert (response.status_code, response.json()["error"]["param"]) == (400, "name")


def test_a_deleted_voice_is_gone() -> None:
    """A deleted voice is gone: the second delete is 404."""
    first, second = asked(StandIn(), delete("/v1/audio/voices/anna"), delete("/v1/audio/voices/anna"))

    assert first.json() == {"id": "anna", "object": "audio.voice.deleted", "deleted": True}
    assert (second.status_code, second.json()["error"]["code"]) == (404, "VOICE_NOT_FOUND")
