"""The boundary: always a reply that the SDK can post, never an exception, and nothing that the caller mustn't see."""

import asyncio
import base64
import json
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloning.clock import SystemClock
from cloning.errors import ResultTooLarge
from cloning.service import Call, Service
from handler import answer, make_handler, sendable
from storage.folder_store import FolderStore
from tests.conftest import with_settings
from tests.standins.fakes import ToneEngine
from tests.unit.cloning.requests.test_models import FIELDS, JSON
from worker.shutdown import Stopping


def test_a_failure_is_a_reply_with_a_code(service: Service) -> None:
    """A failure is a reply with a code; the SDK would send an exception's traceback to the caller."""
    reply = answer(service, {"action": "status", "job_id": "nobody"}, Call("j"))

    assert (reply["code"], reply["error"].split(":")[0], reply["retryable"]) == (
        "JOB_NOT_FOUND",
        "JOB_NOT_FOUND",
        False,
    )


def test_a_bug_gives_an_incident_id_and_nothing_else(
    service: Service, store: FolderStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """After a bug the reply has an incident id and no path, host or key; the log has the traceback under that id."""

    def broken(key: str, **_: object) -> None:
        raise RuntimeError(f"/opt/secret/{key} on host gpu-7")

    monkeypatch.setattr(store, "get", broken)
    with caplog.at_level(logging.ERROR):
        reply = answer(service, {"action": "status", "job_id": "j"}, Call("j"))

    incident = reply["details"]["incident"]
    assert reply == {
        "error": f"INTERNAL: the service failed; quote incident {incident}", "code": "INTERNAL",
        "message": f"the service failed; quote incident {incident}", "retryable": False, "details": {"incident": incident},
    }  # fmt: skip
    record = next(record for record in caplog.records if record.message == "incident")
    assert vars(record)["incident"] == incident
    assert record.exc_info is not None
    assert "gpu-7" in str(record.exc_info[1])


@given(raw=JSON | st.dictionaries(FIELDS, JSON, max_size=6))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_input_is_answered_with_strict_json(service: Service, raw: object) -> None:
    """Any input gets a reply of strict JSON: not empty, no NaN, no bytes, no exception."""
    reply = answer(service, raw, Call("j"))

    assert reply
    json.dumps(reply, allow_nan=False)


@pytest.mark.parametrize("reply", [{}, {"error": "x"}, {"refresh_worker": True}, {"n": float("nan")}, {"b": b"x"}])
def test_what_the_sdk_would_drop_never_leaves(reply: dict[str, Any]) -> None:
    """Replies that the SDK would drop (empty, with reserved keys, NaN or bytes) are bugs and become INTERNAL."""
    with pytest.raises((AssertionError, ValueError, TypeError)):
        sendable(reply, 1.0)


def test_a_reply_over_the_limit_is_refused_by_name() -> None:
    """A reply over RunPod's limit is refused by name; RunPod would lose it silently."""
    with pytest.raises(ResultTooLarge):
        sendable({"voices": "x" * 1_000_001}, 1.0)


def test_status_is_answered_while_another_job_runs(service: Service) -> None:
    """`status` is answered while another job runs, because blocking work isn't on the event loop."""
    release = threading.Event()
    blocked = with_settings(service, worker_concurrency=2)
    object.__setattr__(blocked, "fetch_url", lambda *_: release.wait(30) and b"")
    handler = make_handler(blocked, lambda *_: None, Stopping(10))

    async def both() -> tuple[Any, bool]:
        upload: asyncio.Task[Any] = asyncio.create_task(
            handler(
                {
                    "id": "a",
                    "input": {"action": "upload", "voice": "x", "audio_url": "https://example.org", "consent": True},
                }
            )
        )
        await asyncio.sleep(0)
        health = await handler({"id": "b", "input": {"action": "health"}})
        was_done = upload.done()
        release.set()
        await upload
        return health, was_done

    health, upload_was_done = asyncio.run(both())

    assert (health["status"], upload_was_done) == ("ok", False)


def test_a_cancelled_delivery_tells_its_thread(service: Service, engine: ToneEngine, human_wav: bytes) -> None:
    """CancelledError passes through, and the thread stops between two steps of the model and gives the job back."""
    speaking, cancelled = threading.Event(), threading.Event()
    audio = base64.b64encode(human_wav).decode()
    answer(service, {"action": "upload", "voice": "anna", "audio": audio, "consent": True}, Call("u"))

    def wait(_: str) -> None:
        speaking.set()
        assert cancelled.wait(30)

    engine.before_speaking = wait
    handler = make_handler(service, lambda *_: None, Stopping(10))

    async def run() -> None:
        task: asyncio.Task[Any] = asyncio.create_task(
            handler({"id": "j", "input": {"text": "One. " * 200, "voice": "anna"}})
        )
        assert await asyncio.to_thread(speaking.wait, 30)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        cancelled.set()

    asyncio.run(run())

    while not (job := service.jobs.get("j")).is_interrupted(service.clock.now()):
        time.sleep(0.01)
    assert (job.failure and job.failure.code, engine.history) == ("INTERRUPTED", [])


@pytest.mark.parametrize("delivered", ["a/b", "é", "x" * 100, "", None, 5])
def test_a_delivery_whose_id_is_no_jobs_id_needs_one_to_generate(
    service: Service, human_wav: bytes, delivered: object
) -> None:
    """If RunPod's id is no valid job id, only a generate needs a `job_id` of the caller's."""
    audio = base64.b64encode(human_wav).decode()
    handler = make_handler(service, lambda *_: None, Stopping(10))
    upload = {"action": "upload", "voice": "anna", "audio": audio, "consent": True}

    def ask(raw: dict[str, Any]) -> dict[str, Any]:
        return asyncio.run(handler({"id": delivered, "input": raw}))

    stored, refused = ask(upload), ask({"text": "Hello.", "voice": "anna"})
    spoken = ask({"text": "Hello.", "voice": "anna", "job_id": "mine"})

    assert (stored["status"], spoken["status"]) == ("STORED", "COMPLETED")
    if delivered in ("", None, 5):  # none at all, or a number: both become an id
        assert refused["status"] == "COMPLETED"
    else:
        assert (refused["code"], refused["details"]["field"]) == ("INVALID_REQUEST", "job_id")


def test_a_result_is_held_back_behind_the_last_progress(service: Service, human_wav: bytes) -> None:
    """The SDK posts from separate threads, so a reply is held back until the last update has long been sent."""
    audio = base64.b64encode(human_wav).decode()
    answer(service, {"action": "upload", "voice": "anna", "audio": audio, "consent": True}, Call("u"))
    clock, sent = SystemClock(), list[float]()
    handler = make_handler(replace(service, clock=clock), lambda *_: sent.append(clock.monotonic()), Stopping(10))

    reply = asyncio.run(handler({"id": "j", "input": {"text": "Hello there.", "voice": "anna"}}))

    assert reply["status"] == "COMPLETED"
    assert clock.monotonic() - sent[-1] >= 0.5


@pytest.mark.parametrize(
    "raw",
    [
        {f"field{n}": n for n in range(300_000)},
        {"x" * 6_000_000: 1},
        {"action": "y" * 6_000_000},
        {"voice": "z" * 6_000_000},
    ],
)
def test_no_input_makes_an_error_too_long_to_post(service: Service, raw: dict[str, object]) -> None:
    """No input makes an error too long to post: RunPod would drop it, and the job would hang."""
    reply = answer(service, raw, Call("j"))

    assert reply["code"] in {"INVALID_REQUEST", "UNKNOWN_ACTION"}
    assert len(json.dumps(reply)) < 25_000


def test_a_delivery_that_gets_no_thread_is_answered(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a call gets no thread, it is answered as retryable and stopped, so that the pool doesn't run it for nobody later."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    stopping = Watched(10)
    handler = make_handler(service, lambda *_: None, stopping)

    async def run() -> Any:
        monkeypatch.setattr(threading.Thread, "start", refuse)
        return await handler({"id": "j", "input": {"action": "health"}})

    reply = asyncio.run(run())

    assert (reply["code"], reply["retryable"], reply["refresh_worker"]) == ("WORKER_EXHAUSTED", True, True)
    assert stopping.call is not None
    assert stopping.call.stopped.is_set()


def test_a_stopped_generate_names_its_job_and_not_its_delivery(
    service: Service, engine: ToneEngine, human_wav: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """A stopped generate's reply names its job; the log calls RunPod's id `delivery`."""
    audio = base64.b64encode(human_wav).decode()
    answer(service, {"action": "upload", "voice": "anna", "audio": audio, "consent": True}, Call("u"))
    call = Call("delivery-7")
    engine.before_speaking = lambda _: call.stopped.set()

    with caplog.at_level(logging.INFO):
        replies = [answer(service, {"text": "Hello there.", "voice": "anna", "job_id": "mine"}, call) for _ in range(2)]

    assert [(reply["code"], reply["details"]["job_id"]) for reply in replies] == [("INTERRUPTED", "mine")] * 2
    told = [vars(line)["delivery"] for line in caplog.records if line.message == "request.failed"]
    assert told == ["delivery-7"] * 2


class Watched(Stopping):
    """Shows the call in progress."""

    call: Call | None = None

    @contextmanager
    def holding(self, call: Call) -> Iterator[None]:
        self.call = call
        with super().holding(call):
            yield


def test_a_job_handed_back_is_not_answered(service: Service, engine: ToneEngine, human_wav: bytes) -> None:
    """A job that was handed back gets no reply, which would end it for RunPod's client; without one it is delivered again."""
    audio = base64.b64encode(human_wav).decode()
    answer(service, {"action": "upload", "voice": "anna", "audio": audio, "consent": True}, Call("u"))
    stopping = Watched(1, leave=lambda: None)

    def until_told(_: str) -> None:
        stopping.begin()
        assert stopping.call is not None
        assert stopping.call.stopped.wait(30)

    engine.before_speaking = until_told
    handler = make_handler(service, lambda *_: None, stopping)

    async def run() -> None:
        with pytest.raises(asyncio.CancelledError):
            await handler({"id": "j", "input": {"text": "One. " * 200, "voice": "anna"}})

    asyncio.run(run())

    job = service.jobs.get("j")
    assert (job.is_interrupted(service.clock.now()), job.attempts[-1].outcome) == (True, "INTERRUPTED")


def test_a_call_that_comes_too_late_is_told_at_once() -> None:
    """A call that arrives after the hand-back is stopped at once, because it could not end in time."""
    stopping = Stopping(1, leave=lambda: None)
    stopping.handing_back = True
    call = Call("late")

    with stopping.holding(call):
        assert call.stopped.is_set()
