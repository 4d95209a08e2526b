"""The service in this process, as the HTTP application uses it."""

import asyncio
import base64
import threading
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from typing import Any

import pytest

from cloning.errors import WorkerUnfit
from cloning.service import Call, Service
from handler import answer
from http_api.port import Reply, Unfetched
from tests.conftest import SPOKEN, with_settings
from tests.standins.fakes import ToneEngine
from worker.fitness import Unfit
from worker.in_process import InProcess, preload
from worker.shutdown import Stopping

LONG = "One sentence that is long enough to be a chunk of its own, if there are enough of them. " * 12
GENERATE: dict[str, Any] = {"action": "generate", "text": LONG, "voice": "anna", "job_id": "j", "parts": True}
Use = Callable[[InProcess], Coroutine[Any, Any, Any]]


@pytest.fixture
def with_voice(service: Service, human_wav: bytes) -> Service:
    audio = base64.b64encode(human_wav).decode()
    told = {"action": "upload", "voice": "anna", "audio": audio, "consent": True, "transcript": SPOKEN}
    assert answer(service, told, Call("u"))["status"] == "STORED"
    return service


@pytest.fixture
def held(engine: ToneEngine) -> Iterator[tuple[threading.Event, threading.Event]]:
    """An event that is set when the engine speaks, and one that lets it go on."""
    speaking, go_on = threading.Event(), threading.Event()

    def wait(_: str) -> None:
        speaking.set()
        go_on.wait(30)

    engine.before_speaking = wait
    yield speaking, go_on
    go_on.set()


def run(service: Service, use: Use, *, stopping: Stopping | None = None) -> Any:
    async def whole() -> Any:
        worker = InProcess(service, answer, stopping or Stopping(10, leave=lambda: None))
        try:
            return await use(worker)
        finally:
            worker.close()

    return asyncio.run(whole())


async def set_soon(event: threading.Event) -> None:
    await asyncio.to_thread(event.wait, 30)


async def stopped_soon(worker: InProcess) -> None:
    """Wait until the generate that runs here is told to stop."""
    (running,) = (one for one in worker._open if one.action == "generate")
    await set_soon(running.call.stopped)


def test_every_update_comes_before_the_reply_on_the_event_loop(with_voice: Service) -> None:
    """All updates arrive in order, with their parts, on the event loop and before the reply; `fetch` gives the bytes of each part."""
    heard = list[tuple[Reply, threading.Thread]]()

    async def use(worker: InProcess) -> tuple[Reply, list[bytes]]:
        reply = await worker.call(GENERATE, lambda update: heard.append((update, threading.current_thread())))
        items = heard[-1][0]["parts"]["items"]
        return reply, [await worker.fetch(item) for item in [*items, reply["audio"]]]

    reply, objects = run(with_voice, use)

    assert reply["status"] == "COMPLETED"
    assert [update["done"] for update, _ in heard] == sorted(update["done"] for update, _ in heard)
    assert {thread for _, thread in heard} == {threading.main_thread()}
    assert heard[-1][0]["parts"]["ready"] == len(reply["manifest"]["chunks"])
    assert [len(one) for one in objects][-1] == reply["audio"]["bytes"]


def test_a_status_is_answered_while_all_that_may_speak_do(
    with_voice: Service, held: tuple[threading.Event, threading.Event]
) -> None:
    """A status has threads of its own, so it is answered while all speaking threads are busy."""
    speaking, go_on = held

    async def use(worker: InProcess) -> tuple[Reply, bool]:
        tasks = [asyncio.create_task(worker.call({**GENERATE, "job_id": "j0"}))]
        await set_soon(speaking)  # j0, as nobody else may yet
        tasks += [asyncio.create_task(worker.call({**GENERATE, "job_id": f"j{n}"})) for n in range(1, 8)]
        told = await worker.call({"action": "status", "job_id": "j0"})
        waits = not any(task.done() for task in tasks)
        go_on.set()
        await asyncio.gather(*tasks)
        return told, waits

    told, waits = run(with_settings(with_voice, worker_concurrency=2), use)

    assert (told["status"], waits) == ("IN_PROGRESS", True)


def test_a_cancelled_job_ends_before_its_next_step_and_stays_ended(
    with_voice: Service, engine: ToneEngine, held: tuple[threading.Event, threading.Event]
) -> None:
    """A cancelled job ends before its next step, and its turn is free when the cancel is answered."""
    speaking, go_on = held

    async def use(worker: InProcess) -> tuple[Reply, Reply]:
        generate = asyncio.create_task(worker.call(GENERATE))
        await set_soon(speaking)
        cancel = asyncio.create_task(worker.call({"action": "cancel", "job_id": "j"}))
        await stopped_soon(worker)
        go_on.set()
        return await cancel, await generate

    cancelled, spoken = run(with_voice, use)

    assert (cancelled["status"], spoken["code"]) == ("CANCELLED", "JOB_CANCELLED")
    assert engine.history == []


def test_a_job_that_still_waits_for_a_thread_is_never_begun(
    with_voice: Service, held: tuple[threading.Event, threading.Event]
) -> None:
    """A cancelled job that still waits for a thread is never begun, and nothing of it is stored."""
    speaking, go_on = held

    async def use(worker: InProcess) -> tuple[Reply, Reply]:
        first = asyncio.create_task(worker.call(GENERATE))
        await set_soon(speaking)
        second = asyncio.create_task(worker.call({**GENERATE, "job_id": "second"}))
        await asyncio.sleep(0.01)
        cancelled = await worker.call({"action": "cancel", "job_id": "second"})
        go_on.set()
        await first
        return cancelled, await second

    cancelled, second = run(with_settings(with_voice, worker_concurrency=1), use)

    assert (cancelled["status"], second["code"]) == ("CANCELLED", "JOB_CANCELLED")
    assert with_voice.jobs.find("second") is None


def test_a_caller_that_gives_up_leaves_the_job_going_on(
    with_voice: Service, held: tuple[threading.Event, threading.Event]
) -> None:
    """If the caller gives up, the job goes on without sending updates; only `cancel` ends it."""
    speaking, go_on = held

    async def use(worker: InProcess) -> Reply:
        generate = asyncio.create_task(worker.call(GENERATE))
        await set_soon(speaking)
        generate.cancel()
        await asyncio.gather(generate, return_exceptions=True)
        go_on.set()
        while not worker.is_idle:  # noqa: ASYNC110 - a thread ends it
            await asyncio.sleep(0.01)
        return await worker.call({"action": "result", "job_id": "j"})

    assert run(with_voice, use)["status"] == "COMPLETED"
    assert len(with_voice.jobs.get("j").attempts) == 1


@pytest.mark.parametrize("key", ["voices/anna/voice.json", "jobs/j/../../voices/anna/voice.json", "", "proofs/x.json"])
def test_only_a_jobs_objects_are_fetched(with_voice: Service, key: str) -> None:
    """Only a job's objects can be fetched: a voice is somebody's recording, and no key leads out of the bucket."""
    with pytest.raises(Unfetched):
        run(with_voice, lambda worker: worker.fetch({"key": key, "sha256": "0" * 64}))


def test_what_is_gone_or_another_is_not_fetched(with_voice: Service) -> None:
    """An object that is missing or has another digest is not returned."""
    with_voice.store.put("results/j.0123456789abcdef.wav", b"speech", content_type="audio/wav")

    for key, why in (
        ("results/j.0123456789abcdef.wav", "not the one"),
        ("results/k.0123456789abcdef.wav", "no longer"),
    ):
        with pytest.raises(Unfetched, match=why):
            run(with_voice, lambda worker, key=key: worker.fetch({"key": key, "sha256": "0" * 64}))  # type: ignore[misc]


def test_it_is_ready_once_its_checks_have_passed(service: Service) -> None:
    """The worker is ready once its checks have passed, and unfit for good if one fails with any exception."""
    fine, unfit = (InProcess(service, answer, Stopping(10)) for _ in range(2))

    def fails() -> None:
        raise Unfit("no GPU")

    before = fine.state
    fine.start((lambda: None,))
    unfit.start((lambda: None, fails))

    assert (before, fine.state, unfit.state) == ("starting", "ready", "unfit")


def test_a_broken_gpu_makes_it_unfit(service: Service) -> None:
    """A broken GPU, or a failure that asks RunPod for another worker, makes it unfit; HTTP callers don't see that flag."""
    broken, exhausted = (InProcess(service, answer, Stopping(10)) for _ in range(2))
    service.breaker.open(WorkerUnfit("the GPU fell off"))
    told = {"error": "X: y", "code": "X", "refresh_worker": True}

    reply = run(replace(service), lambda _: _called(exhausted, told))

    assert broken.state == "unfit"
    assert reply == {"error": "X: y", "code": "X"}


async def _called(worker: InProcess, told: Reply) -> Reply:
    worker._answer = lambda *_: dict(told)
    return await worker.call({"action": "health"})


def test_a_stopping_worker_takes_nothing_more(service: Service) -> None:
    """A stopping worker refuses every call as retryable."""

    async def use(worker: InProcess) -> Reply:
        worker.is_stopping = True
        return await worker.call({"action": "health"})

    reply = run(service, use)

    assert (reply["code"], reply["retryable"]) == ("UNAVAILABLE", True)


def test_a_job_that_does_not_end_within_the_grace_is_handed_back(
    with_voice: Service, held: tuple[threading.Event, threading.Event]
) -> None:
    """A job that doesn't end within the grace is handed back, as by the queue's worker, and another worker goes on with it."""
    speaking, go_on = held
    stopping = Stopping(1, leave=lambda: None)

    async def use(worker: InProcess) -> tuple[Reply, bool]:
        generate = asyncio.create_task(worker.call(GENERATE))
        await set_soon(speaking)
        worker.is_stopping = True
        stopping.begin()
        while not stopping.handing_back:  # noqa: ASYNC110 - a thread says it
            await asyncio.sleep(0.01)
        go_on.set()
        reply = await generate
        return reply, worker.is_idle

    reply, is_idle = run(with_voice, use, stopping=stopping)

    assert (reply["code"], is_idle) == ("INTERRUPTED", True)
    assert with_voice.jobs.get("j").is_interrupted(with_voice.clock.now())


def test_what_is_loaded_early_is_what_a_generate_would_load(service: Service) -> None:
    """Preloading loads what a generate would: the engine, and the recogniser if speech is checked."""
    asked = list[str]()
    object.__setattr__(service.engines, "get", lambda name, **_: asked.append(f"engine {name}"))
    object.__setattr__(service.transcribers, "get", lambda name, **_: asked.append(f"recogniser {name}"))

    preload(with_settings(service, checkpoint="F5TTS_v1_Base"))
    preload(with_settings(service, check="fast", asr_model="whisper"))

    assert asked == ["engine F5TTS_v1_Base", "recogniser whisper", "engine F5TTS_v1_Base"]
