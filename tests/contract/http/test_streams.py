"""Speech while it is made, over real connections: what arrives, when, and for which client."""

import base64
import hashlib
import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest

from cloning.errors import WorkerUnfit
from http_api.options import Options
from http_api.sound.encoding import MEDIA, Format
from tests.contract.http.asking import TEXT, ask, events, sound_of, speech
from tests.http_server import serving
from tests.http_worker import StandIn, spoken


@pytest.mark.parametrize("format_", MEDIA)
def test_the_sound_of_each_format_is_what_was_spoken(format_: Format) -> None:
    """The parts are encoded as one file, in every format."""
    with serving(StandIn()) as url:
        response = httpx.post(f"{url}/v1/audio/speech", json=speech(response_format=format_))

    assert response.status_code == 200
    assert response.headers["content-type"] == MEDIA[format_]
    assert response.content == sound_of(TEXT, format_)


def test_the_first_part_is_heard_before_the_second_is_made() -> None:
    """The first part arrives, with the status line, while the second is still held back."""
    worker = StandIn(gates={1: threading.Event()})
    with serving(worker) as url, httpx.stream("POST", f"{url}/v1/audio/speech", json=speech()) as response:
        pieces = response.iter_bytes(19_200)
        first = next(pieces)
        made = len(worker.jobs[response.headers["x-request-id"]].items)
        worker.gates[1].set()
        rest = b"".join(pieces)

    assert made == 1
    assert first + rest == sound_of(TEXT)


def test_the_headers_name_the_job_its_seed_and_what_was_ignored() -> None:
    """No field name can break out of the headers that name the job, its seed and the ignored fields."""
    fields = speech(seed=11, instructions="cheerful", **{"backend\r\nx-evil: 1": 1, "ünknown": 2, "job_id": "mine"})
    with serving(StandIn()) as url:
        headers = httpx.post(f"{url}/v1/audio/speech", json=fields).headers

    assert (headers["x-request-id"], headers["x-seed"]) == ("mine", "11")
    assert headers["x-ignored-fields"] == "backend%0D%0Ax-evil%3A%201, %C3%BCnknown, instructions"
    assert "x-evil" not in headers


def test_the_worker_is_asked_for_parts_and_an_early_first_chunk() -> None:
    """The worker is asked for parts with a short first chunk, and gets the request's own fields by name."""
    worker = StandIn()
    with serving(worker) as url:
        httpx.post(f"{url}/v1/audio/speech", json=speech(seed=3, language="en", speed=1.2, check="fast", turns=[1]))

    (call,) = worker.calls
    assert call["action"] == "generate"
    assert (call["parts"], call["parts_format"], call["format"], call["first_chunk_s"]) == (True, "flac", "flac", 3.0)
    assert (call["seed"], call["language"], call["speed"], call["check"]) == (3, "en", 1.2, "fast")
    assert "turns" not in call


def test_events_carry_the_sound_and_end_with_its_usage() -> None:
    """Events come in OpenAI's order: the deltas, then the end with the usage."""
    with serving(StandIn()) as url:
        response = httpx.post(f"{url}/v1/audio/speech", json=speech(stream_format="sse"))

    *deltas, done = events(response.text)
    assert response.headers["content-type"] == "text/event-stream"
    assert {delta["type"] for delta in deltas} == {"speech.audio.delta"}
    assert b"".join(base64.b64decode(delta["audio"]) for delta in deltas) == sound_of(TEXT)
    assert done == {
        "type": "speech.audio.done",
        "usage": {"input_tokens": len(TEXT), "output_tokens": 24, "total_tokens": len(TEXT) + 24},
    }


def test_64_streams_at_once_with_a_slow_reader_lose_and_mix_nothing() -> None:
    """Each stream carries its own text's sound, and one slow reader delays no other."""
    worker = StandIn(parts=10, seconds=2.0)
    texts = [f"Text number {number}." for number in range(63)]
    with serving(worker) as url:
        slow = ask(url, speech(input="The slow one."), receive_buffer=4096)
        with ThreadPoolExecutor(63) as pool:
            heard = list(
                pool.map(lambda text: httpx.post(f"{url}/v1/audio/speech", json=speech(input=text), timeout=120), texts)
            )
        fetched = worker.fetches
        body = drained(slow)

    assert [sha256(one.content) for one in heard] == [sha256(sound_of_parts(text)) for text in texts]
    assert sha256(body) == sha256(sound_of_parts("The slow one."))
    assert fetched < 64 * 10


def sound_of_parts(text: str) -> bytes:
    return np.concatenate(spoken(text, 10, 2.0)).tobytes()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def drained(connection: socket.socket) -> bytes:
    """Read the body of a chunked response."""
    with connection, connection.makefile("rb") as file:
        while file.readline().strip():
            pass
        body = b""
        while size := int(file.readline(), 16):
            body += file.read(size)
            file.readline()
    return body


@pytest.mark.parametrize("text", [".", "…", " ! "])
def test_a_text_without_a_letter_is_a_short_silence(text: str) -> None:
    """Programs try a server with a text without letters; the worker would refuse it, so the server answers with silence, and no job begins."""
    worker = StandIn()
    with serving(worker) as url:
        heard = {
            kind: httpx.post(f"{url}/v1/audio/speech", json=speech(input=text, response_format=kind)) for kind in MEDIA
        }

    assert {one.status_code for one in heard.values()} == {200}
    assert heard["pcm"].content == bytes(2 * 4800)
    assert all(one.content for one in heard.values())
    assert {call["action"] for call in worker.calls} == {"read"}


@pytest.mark.parametrize("text", [".", "Hello."])
def test_a_voice_that_is_not_there_is_the_same_failure_for_every_text(text: str) -> None:
    """A voice that doesn't exist is named, even if the text has nothing to say."""
    with serving(StandIn()) as url:
        response = httpx.post(f"{url}/v1/audio/speech", json=speech(input=text, voice="nobody"))

    error = response.json()["error"]
    assert (response.status_code, error["param"], error["code"]) == (404, "voice", "VOICE_NOT_FOUND")


def test_a_text_without_a_letter_in_the_deployments_own_voice_asks_no_worker() -> None:
    """A try with one of OpenAI's names is answered at once: the deployment chose that voice, and a cold start may take minutes."""
    worker = StandIn()
    with serving(worker, Options(default_voice="anna")) as url:
        response = httpx.post(f"{url}/v1/audio/speech", json=speech(input=".", voice="alloy"))

    assert response.status_code == 200
    assert worker.calls == []


def test_an_empty_text_is_refused() -> None:
    """An empty text is refused with the name of the field."""
    with serving(StandIn()) as url:
        response = httpx.post(f"{url}/v1/audio/speech", json=speech(input="  "))

    assert response.status_code == 400
    assert (response.json()["error"]["param"], response.json()["error"]["code"]) == ("input", "INVALID_TEXT")


def test_a_worker_that_makes_no_parts_is_heard_all_the_same() -> None:
    """A worker that makes no parts is heard by its whole result."""
    with serving(StandIn(is_old=True)) as url:
        response = httpx.post(f"{url}/v1/audio/speech", json=speech())

    assert response.content == sound_of(TEXT)


def over_http_1_0(url: str, body: dict[str, Any]) -> tuple[bytes, bytes]:
    """The head and the body of the answer to an HTTP/1.0 client, which knows no chunks."""
    sent = json.dumps(body).encode()
    head = b"POST /v1/audio/speech HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    with socket.create_connection(("127.0.0.1", urlsplit(url).port or 0), timeout=20) as connection:
        connection.sendall(head + b"Content-Length: %d\r\n\r\n" % len(sent) + sent)
        answer = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    told, _, content = answer.partition(b"\r\n\r\n")
    return told.lower(), content


def test_a_client_without_chunks_gets_the_whole_sound_with_its_length() -> None:
    """An HTTP/1.0 client gets the whole sound with its length, because it could not tell a part from the whole."""
    with serving(StandIn()) as url:
        head, body = over_http_1_0(url, speech())

    assert body == sound_of(TEXT)
    assert b"content-length: %d" % len(body) in head
    assert b"transfer-encoding" not in head


def test_a_client_without_chunks_is_told_of_a_failure_in_the_middle() -> None:
    """An HTTP/1.0 client learns of a failure by the status, because nothing was sent before."""
    with serving(StandIn(fails={TEXT: (2, WorkerUnfit("it broke"))})) as url:
        head, body = over_http_1_0(url, speech())

    assert b" 503 " in head.splitlines()[0]
    assert json.loads(body)["error"]["code"] == "WORKER_UNFIT"
