"""Mistakes that callers make and learn of at once: wrapped inputs, a bucket of their own, a refusal as consent, tags, a misleading pace."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloning.errors import InvalidRequest
from cloning.requests.fields import Limits
from cloning.requests.generate import Generate
from cloning.requests.models import Upload, parse
from cloning.service import Call, Service
from handler import answer, make_handler
from tests.unit.cloning.asking import act, service_upload
from worker.shutdown import Stopping

LIMITS = Limits(max_text_chars=20_000, max_audio_bytes=25_000_000)
SPEAK = {"action": "generate", "text": "Hello.", "voice": "anna"}
SENTENCE = "The sea was calm that morning and nobody spoke."
OTHER = "Then the storm came over the hills."


@pytest.mark.parametrize(
    "raw",
    [
        {"input": {"action": "health"}},
        {"input": SPEAK},
        {"input": {"input": SPEAK}},
        {"action": "generate", "input": {"text": "Hello."}},
        {"id": "1", "input": {}},
        {"input": '{"action": "health"}'},
        {"input": [{"action": "health"}]},
        {"Input": {"action": "health"}},
        {"input ": {"action": "health"}},
        {"inputs": {"text": "a", "voice": "b"}},
        {"body": '{"input": {}}'},
        {"payload": {"input": {}}},
        {"data": {"action": "health"}},
        {"params": {}},
        {"action": "generate", "params": {"text": "Hello."}},
        {"event": {"input": {}}},
    ],
)
def test_an_input_in_an_input_is_told(raw: dict[str, Any]) -> None:
    """A doubly wrapped input, as some clients send, is reported as such instead of a field as missing."""
    with pytest.raises(InvalidRequest, match="wrapped in another") as refused:
        parse(raw, LIMITS)

    assert refused.value.details["field"] == "input"


def test_json_in_a_string_is_told() -> None:
    """JSON inside a string, encoded once too often, is reported as such."""
    with pytest.raises(InvalidRequest, match="JSON inside a string"):
        parse('{"action": "health"}', LIMITS)


@pytest.mark.parametrize(
    ("field", "says"),
    [
        ("s3Config", "not used"),
        ("s3config", "not used"),
        ("s3_config", "not used"),
        ("webhook", "beside"),
        ("policy", "beside"),
    ],
)
def test_what_is_runpods_has_no_place_in_the_input(field: str, says: str) -> None:
    """RunPod's own options belong beside the input or can't be used: they are refused by name, without the keys in them."""
    with pytest.raises(InvalidRequest, match=says) as refused:
        parse({"action": "health", field: {"accessId": "key-17"}}, LIMITS)

    assert refused.value.details["field"] == field
    assert "key-17" not in str(refused.value.to_reply())


def test_a_bucket_of_the_callers_is_refused(service: Service) -> None:
    """RunPod's `s3Config` beside the input is refused, because it can't be used and silence would suggest that it was."""
    handler = make_handler(service, lambda *_: None, Stopping(3600))

    reply = asyncio.run(handler({"id": "j", "input": {"action": "health"}, "s3Config": {"bucketName": "mine"}}))
    usual = asyncio.run(
        handler({"id": "j", "input": {"action": "health"}, "s3Config": None, "webhook": "https://a.test"})
    )

    assert (reply["code"], reply["details"]) == ("INVALID_REQUEST", {"field": "s3Config"})
    assert usual["status"] == "ok"


@pytest.mark.parametrize(
    "consent",
    ["No, she did not agree", "no consent given", "Not given yet", "denied by speaker", "Nein, noch nicht", "NON, jamais",
     "não foi dado", "нет, не согласен", "None was given", "false , sorry", "- no -, he said"],
)  # fmt: skip
def test_a_no_is_no_consent(service: Service, consent: str) -> None:
    """A sentence that begins with a refusal, in a checkpoint's language, is no consent."""
    request = parse({"action": "upload", "voice": "anna", "audio_key": "uploads/a.wav", "consent": consent}, LIMITS)
    assert isinstance(request, Upload)

    reply = answer(
        service, {"action": "upload", "voice": "anna", "audio_key": "uploads/a.wav", "consent": consent}, Call("j")
    )

    assert request.consent is False
    assert reply["code"] == "CONSENT_REQUIRED"


@pytest.mark.parametrize(
    "consent",
    ["Nora agreed in writing", "She has no objection", "Yes, on paper", "本人は同意しました", "agreed: not for ads"],
)
def test_a_yes_that_holds_a_no_is_consent(consent: str) -> None:
    """Only the beginning of the sentence decides: a "no" later in it doesn't refuse."""
    request = parse({"action": "upload", "voice": "anna", "audio_key": "uploads/a.wav", "consent": consent}, LIMITS)

    assert isinstance(request, Upload)
    assert request.consent == consent


def warned(service: Service, text: str, job: str, **more: Any) -> list[str]:
    reply = act(service, Call(job), text=text, voice="anna", **more)
    return [warning["code"] for warning in reply["warnings"]]


@pytest.mark.parametrize(
    "text",
    ["<speak>Hello there.</speak>", 'Wait <break time="1s"/> for it.', "Hello [laughs] there.", "One [wait 500ms] two.",
     '<prosody rate="slow">Slowly now.</prosody>', "Well [Sighs], then.",
     "<p>Hello.</p>", "<s>Hello.</s>", "<w role='x'>Hello.</w>", "<lexicon uri='x'/> Hello.", "<bookmark mark='x'/> Hello.",
     "<?xml version='1.0'?> Hello.", "Wait &lt;break time='1s'/&gt; for it.", "Hello [ laughs ] there.", "Hello [1s] there.",
     "Hello [0.5s pause] there.", "Hello [/laugh] there.", "Hello there【笑】", "Hello ［笑］ there.", "Hello <laugh> there.",
     "Hello <sigh> there.", "Hello < break /> there.", "Hello <|laugh|> there.", "Hello <#0.5#> there.", "Hello [\u200blaughs].",
     "<mstts:express-as style='x'>Hello.", "<emotion name='happy'>Hello.", "<silence 1s> Hello.", "<!-- x --> Hello there, my friends."],
)  # fmt: skip
def test_tags_are_told(service: Service, human_wav: bytes, text: str) -> None:
    """Tags have no meaning yet and are heard as words, so the reply has a warning."""
    service_upload(service, human_wav, transcript="Some call me nature.")

    assert warned(service, text, "j") == ["TAGS"]


@pytest.mark.parametrize(
    "text",
    [
        "If a < b and b > c, then stop.",
        "See note [12] below.",
        "An array a[0] holds it.",
        "I <3 you all.",
        "Where a<b and c>d, stop.",
        "See [1, 2] and [3-5].",
        "If p < s and s > w, stop.",
        "Write to <bob@example.com> now.",
        "It is 3 > 2 & 1 < 2.",
        "i<n>j",
        "In [2019] it was so.",
    ],
)
def test_signs_that_are_no_tags_are_left_alone(service: Service, human_wav: bytes, text: str) -> None:
    """Comparisons, numbered notes and hearts are no tags and give no warning."""
    service_upload(service, human_wav, transcript="Some call me nature.")

    assert "TAGS" not in warned(service, text, "j")


def test_generate_takes_texts_with_tags(service: Service) -> None:
    """A text with tags is accepted and gives a warning only."""
    assert isinstance(parse({**SPEAK, "text": "[laughs] Hello."}, LIMITS), Generate)


@given(signs=st.integers(3, 200), spaces=st.integers(0, 60))
def test_pace_is_judged_of_what_is_spoken(signs: int, spaces: int) -> None:
    """The pace is judged by what is spoken: ruled lines and indents that are removed before change no warning."""
    from cloning.generate.advice import of_pace
    from cloning.planning.f5 import plan_speech
    from cloning.ports import F5Parameters, Reference

    parameters = F5Parameters()
    reference = Reference(
        __import__("pathlib").Path(), "Some call me nature, others call me mother nature.", "0" * 64, 5.0
    )

    def warnings(text: str) -> list[dict[str, object]]:
        plan = plan_speech(text, reference_text=reference.text, reference_s=5.0, seed=1, parameters=parameters)
        return list(of_pace(plan, reference.text, parameters))

    plain = warnings(f"{SENTENCE}\n{OTHER}")
    assert warnings(f"{' ' * spaces}{SENTENCE}\n{' ' * spaces}{OTHER}") == plain
    assert warnings(f"{SENTENCE} {'=' * signs} {OTHER}") == warnings(f"{SENTENCE} === {OTHER}")


@pytest.mark.parametrize("text", ["7", "1984", "42."])
def test_no_speed_is_advised_that_does_nothing(service: Service, human_wav: bytes, text: str) -> None:
    """For a text so short that upstream uses a speed of its own, no other speed is advised."""
    service_upload(service, human_wav, transcript="Some call me nature, others call me mother nature.")

    assert "PACE" not in warned(service, text, "j")
