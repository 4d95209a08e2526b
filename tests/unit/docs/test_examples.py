"""The documents' requests are run, and the real replies have the same shape as the documented ones."""

import json
import re
from base64 import b64encode
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from cloning.jobs.claim import Claim
from cloning.service import Call, Service
from docs.generate import API, README
from handler import answer
from tests.conftest import with_settings

EXAMPLE = re.compile(r"<!-- example: (\w+)(?:, as (\w+))? -->\n```json\n(.*?)\n```", re.DOTALL)
EXCERPT = re.compile(r"<!-- excerpt: (\w+) -->\n```json\n(.*?)\n```", re.DOTALL)
OLDER = re.compile(r"<!-- older requests -->\n```json\n(.*?)\n```", re.DOTALL)


class Example(NamedTuple):
    """A request of a document and the reply that it shows."""

    name: str
    request: dict[str, Any]
    reply: dict[str, Any]


def api_examples() -> list[Example]:
    """The examples in the API page's order; "as generate" takes the reply of that name."""
    examples: list[Example] = []
    for name, like, body in EXAMPLE.findall(API.read_text(encoding="utf-8")):
        request, end = json.JSONDecoder().raw_decode(body)
        borrowed = next((one.reply for one in examples if one.name == like), None)
        examples.append(Example(name, request, json.loads(body[end:]) if borrowed is None else borrowed))
    return examples


def excerpts_of(page: Path) -> list[Example]:
    """Requests with some fields of their replies."""
    excerpts: list[Example] = []
    for name, body in EXCERPT.findall(page.read_text(encoding="utf-8")):
        request, end = json.JSONDecoder().raw_decode(body)
        excerpts.append(Example(name, request, json.loads(body[end:])))
    return excerpts


def sendable(request: dict[str, Any], human_wav: bytes) -> dict[str, Any]:
    """The request with a whole recording in place of the shown beginning of one."""
    audio = b64encode(human_wav).decode()
    return {name: audio if name in ("audio", "voice_file") else value for name, value in request.items()}


def shape(value: object) -> object:
    """The shape of a reply: names and types, of a list its first entry, of a number that it is one."""
    if isinstance(value, dict):
        return {name: shape(one) for name, one in value.items()}
    if isinstance(value, list):
        return [shape(one) for one in value[:1]]
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__


@pytest.fixture
def told(service: Service, human_wav: bytes) -> list[tuple[Example, dict[str, Any]]]:
    """Each example with the worker's real reply to it; job story-2 is another worker's."""
    running = service.jobs.claim("story-2", "0" * 64, seed=1, delivery="d")
    assert isinstance(running, Claim)
    running.start(total=3)
    return [
        (one, answer(service, sendable(one.request, human_wav), Call(f"runpod-{number}")))
        for number, one in enumerate(api_examples())
    ]


def test_every_action_has_an_example(told: list[tuple[Example, dict[str, Any]]]) -> None:
    """Every action has an example, and one of them shows a failure."""
    shown = {one.request.get("action", "generate") for one, _ in told if one.name != "failure"}

    assert shown == {
        "health", "upload", "generate", "read", "check", "status", "result", "voices", "dictionary", "dictionaries", "cancel", "delete", "expire",
    }  # fmt: skip
    assert [one.name for one, _ in told].count("failure") == 1


def test_documented_replies_have_the_real_ones_shape(told: list[tuple[Example, dict[str, Any]]]) -> None:
    """Every field of a documented reply has the real one's name and type, at every depth, none more and none less."""
    for example, reply in told:
        assert shape(reply) == shape(example.reply), example.name


def test_what_the_examples_say_of_states_is_so(told: list[tuple[Example, dict[str, Any]]]) -> None:
    """States and codes in the examples are the real ones, and the failure is the real one to the letter."""
    for example, reply in told:
        if example.name == "failure":
            assert reply == example.reply
        else:
            assert reply.get("status") == example.reply.get("status"), example.name
            assert reply.get("cancel_requested") == example.reply.get("cancel_requested")


def test_older_clients_requests_work_without_consent(service: Service, human_wav: bytes) -> None:
    """The requests of the API page without consent work in its order if REQUIRE_CONSENT is false; otherwise the first is refused."""
    requests = json.loads(OLDER.findall(API.read_text(encoding="utf-8"))[0])
    patient = with_settings(service, require_consent=False)

    refused = answer(service, sendable(requests[0], human_wav), Call("job-0"))
    replies = [answer(patient, sendable(request, human_wav), Call("job-of-the-line-above")) for request in requests]

    assert refused["code"] == "CONSENT_REQUIRED"
    assert [reply.get("status") for reply in replies] == ["STORED", "COMPLETED", "COMPLETED", "COMPLETED", None]
    assert [one["voice"] for one in replies[-1]["voices"]] == ["x"]


def test_the_readmes_first_requests_are_answered_as_it_shows(service: Service, human_wav: bytes) -> None:
    """The README's upload and generate show six fields of each reply, and each field has the real name, type and state."""
    excerpts = excerpts_of(README)

    replies = [answer(service, sendable(one.request, human_wav), Call(one.name)) for one in excerpts]

    assert [one.name for one in excerpts] == ["upload", "generate"]
    for excerpt, reply in zip(excerpts, replies, strict=True):
        assert len(excerpt.reply) == 6
        assert {name: shape(reply.get(name)) for name in excerpt.reply} == shape(excerpt.reply), excerpt.name
        assert reply["status"] == excerpt.reply["status"]


def test_what_a_check_adds_to_a_reply_is_documented(service: Service, human_wav: bytes) -> None:
    """Every field that a check adds to a reply is documented, and so are its own fields; the stand-in engine's noise passes no check."""
    answer(service, sendable(api_examples()[1].request, human_wav), Call("upload"))
    (excerpt,) = excerpts_of(API)

    reply = answer(service, excerpt.request, Call("a"))

    chunk = reply["check"]["chunks"][0]
    chunk["problems"] = []
    assert {name: shape(reply[name]) for name in excerpt.reply} == shape(excerpt.reply)
