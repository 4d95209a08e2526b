"""Jobs: long texts, and their results."""

import asyncio
import io
import threading
from typing import Any

import httpx
import numpy as np
import pytest
import soundfile

from cloning.errors import Unavailable
from http_api.app import make_app
from http_api.door import Pauses
from http_api.options import Options
from http_api.sound.encoding import MEDIA, Format
from tests.http_server import QUICK
from tests.http_worker import StandIn, encoded, spoken
from tests.unit.http_api.asking import Request, asked, delete, get, post

TEXT = "A long story."
FIELDS = {"text": TEXT, "voice": "anna", "job_id": "one", "parts": True, "words": True, "subtitles": ["srt"]}
ONE = "/v1/audio/jobs/one"


def begin(**fields: Any) -> Request:
    return post("/v1/audio/jobs", json={**FIELDS, **fields})


def test_a_job_is_answered_at_once_and_goes_on() -> None:
    """A job is answered at once with 202 and its id; its status then shows the result when it is COMPLETED."""
    begun, state = asked(StandIn(), begin(), get(ONE))

    assert (begun.status_code, begun.json()["id"], begun.json()["job_id"]) == (202, "one", "one")
    assert (state.json()["id"], state.json()["status"]) == ("one", "COMPLETED")
    assert state.json()["result"]["audio"]["format"] == "wav"
    assert [part["index"] for part in state.json()["parts"]["items"]] == [0, 1, 2]


def test_a_job_without_an_id_gets_one() -> None:
    """A job without an id gets a new one."""
    worker = StandIn()

    (begun,) = asked(worker, post("/v1/audio/jobs", json={"text": TEXT, "voice": "anna"}))

    assert begun.json()["id"] == "new-id"
    assert worker.calls == [{"action": "generate", "text": TEXT, "voice": "anna", "job_id": "new-id"}]


@pytest.mark.parametrize(
    ("fields", "status", "param"),
    [
        ({"voice": "nobody"}, 404, "voice"),
        ({"speed": 9}, 400, "speed"),
        ({"colour": 1}, 400, "colour"),
        ({"action": "delete"}, 400, "action"),
    ],
)
def test_a_bad_request_is_refused_at_once(fields: dict[str, Any], status: int, param: str) -> None:
    """A bad request is refused at once, with the names of a generate's fields, which this route uses."""
    (begun,) = asked(StandIn(), begin(**fields))

    assert (begun.status_code, begun.json()["error"]["param"]) == (status, param)


def running(worker: StandIn, *requests: Request, pauses: Pauses = QUICK) -> list[httpx.Response]:
    """Get the answers while part 1 is held back; release it at the end."""

    async def ask() -> list[httpx.Response]:
        app = make_app(worker, Options(), pauses=pauses)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
            answers = [await client.request(method, path, **more) for method, path, more in requests]
        worker.gates[1].set()
        await asyncio.gather(*worker.running, return_exceptions=True)
        return answers

    return asyncio.run(ask())


def test_a_running_job_tells_its_progress_and_its_parts() -> None:
    """A running job's status has its progress and parts, from a given part on if asked."""
    begun, state, later = running(StandIn(gates={1: threading.Event()}), begin(), get(ONE), get(f"{ONE}?parts_after=0"))

    assert begun.json()["status"] == "IN_QUEUE"
    assert (state.json()["status"], state.json()["progress"]) == ("IN_PROGRESS", {"done": 1, "total": 3})
    assert "result" not in state.json()
    assert [part["index"] for part in state.json()["parts"]["items"]] == [0]
    assert later.json()["parts"]["items"] == []


def test_a_running_job_can_be_cancelled() -> None:
    """A running job can be cancelled; the reply is its status."""
    worker = StandIn(gates={1: threading.Event()})

    _, cancelled = running(worker, begin(), delete(ONE))

    assert (cancelled.json()["id"], cancelled.json()["cancel_requested"]) == ("one", True)
    assert worker.jobs["one"].status == "CANCELLED"


def test_what_is_not_done_has_no_file_yet() -> None:
    """A job that isn't done has no file yet: 409, to be tried again."""
    _, audio, words = running(StandIn(gates={1: threading.Event()}), begin(), get(f"{ONE}/audio"), get(f"{ONE}/words"))

    assert {audio.status_code, words.status_code} == {409}
    assert audio.headers["x-should-retry"] == "true"


def test_a_job_that_failed_says_why() -> None:
    """A failed job has its reason in its status and in place of its audio."""
    worker = StandIn(fails={TEXT: (1, Unavailable("away"))})

    _, state, audio = asked(worker, begin(), get(ONE), get(f"{ONE}/audio"))

    assert (state.json()["status"], state.json()["failure"]["code"]) == ("FAILED", "UNAVAILABLE")
    assert (audio.status_code, audio.json()["error"]["code"]) == (503, "UNAVAILABLE")


class Busy(StandIn):
    """A worker that never gets to a generate."""

    async def call(self, fields: Any, on_progress: Any = lambda _: None) -> Any:
        if fields["action"] == "generate":
            await asyncio.Event().wait()
        return await super().call(fields, on_progress)


def test_a_job_that_waits_for_a_worker_is_in_the_queue() -> None:
    """A job that waits for a worker is IN_QUEUE, although the worker doesn't know it, and can be cancelled."""
    begun, state, cancelled = asked(Busy(), begin(), get(ONE), delete(ONE), pauses=Pauses(refusal=0.01, again=0.01))

    assert (begun.status_code, begun.json()["status"]) == (202, "IN_QUEUE")
    assert state.json()["status"] == "IN_QUEUE"
    assert cancelled.json() == {"id": "one", "job_id": "one", "status": "IN_QUEUE", "cancel_requested": True}


def test_another_job_is_not_found() -> None:
    """An unknown job is not found, on any route."""
    paths = ["", "/audio", "/audio.mp3", "/stream.mp3", "/parts/0", "/words", "/subtitles.srt"]

    answers = asked(StandIn(), *(get(f"/v1/audio/jobs/none{path}") for path in paths), delete("/v1/audio/jobs/none"))

    assert {answer.status_code for answer in answers} == {404}
    assert {answer.json()["error"]["code"] for answer in answers} == {"JOB_NOT_FOUND"}


def test_the_sound_is_what_is_stored() -> None:
    """The audio is the stored file with its type, as a download under a name if asked, and in ranges for players that seek."""
    _, audio, kept, some = asked(
        StandIn(),
        begin(),
        get(f"{ONE}/audio"),
        get(f"{ONE}/audio?download=1"),
        get(f"{ONE}/audio", headers={"range": "bytes=0-3"}),
    )

    assert audio.content == encoded(np.concatenate(spoken(TEXT)), "wav")
    assert (audio.headers["content-type"], "content-disposition" in audio.headers) == ("audio/wav", False)
    assert kept.headers["content-disposition"] == 'attachment; filename="one.wav"'
    assert (some.status_code, some.content) == (206, b"RIFF")


@pytest.mark.parametrize("format_", MEDIA)
@pytest.mark.parametrize("route", ["audio", "stream"])
def test_the_sound_comes_in_any_format(route: str, format_: Format) -> None:
    """The audio is encoded in any format, from the whole result or from the parts as they arrive."""
    _, sound = asked(StandIn(), begin(), get(f"{ONE}/{route}.{format_}"))

    assert (sound.status_code, sound.headers["content-type"]) == (200, MEDIA[format_])
    if format_ == "pcm":
        assert sound.content == np.concatenate(spoken(TEXT)).tobytes()


def test_an_unknown_format_is_refused() -> None:
    """An unknown format is refused with the known ones."""
    (response,) = asked(StandIn(), get(f"{ONE}/audio.mp4"))

    assert (response.status_code, response.json()["error"]["param"]) == (400, "ext")
    assert "'opus'" in response.json()["error"]["message"]


def test_a_part_is_what_is_stored() -> None:
    """A part is the stored file of that number; a missing one is 404."""
    _, part, none, bad = asked(StandIn(), begin(), get(f"{ONE}/parts/1"), get(f"{ONE}/parts/3"), get(f"{ONE}/parts/-1"))

    samples, _ = soundfile.read(io.BytesIO(part.content), dtype="int16")
    assert part.headers["content-type"] == "audio/flac"
    assert np.array_equal(samples, spoken(TEXT)[1])
    assert none.status_code == 404
    assert bad.status_code == 400


def test_words_and_subtitles_are_those_of_the_job() -> None:
    """Words and subtitles are the job's; what it didn't ask for is not found, with a hint how to ask."""
    _, words, srt, vtt = asked(
        StandIn(), begin(), get(f"{ONE}/words"), get(f"{ONE}/subtitles.srt?download=true"), get(f"{ONE}/subtitles.vtt")
    )

    assert [word["text"] for word in words.json()] == ["A", "long", "story."]
    assert srt.headers["content-type"] == "application/x-subrip"
    assert srt.headers["content-disposition"] == 'attachment; filename="one.srt"'
    assert (vtt.status_code, "subtitles: ['vtt']" in vtt.json()["error"]["message"]) == (404, True)
