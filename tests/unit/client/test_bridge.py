"""A queue endpoint as the worker of the HTTP application."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from f5_worker_client import AsyncClient
from f5_worker_client.bridge import Bridge

from http_api.port import Reply, Unfetched
from tests.unit.client.endpoint import QUICK, Endpoint, sha256, wav_of

GENERATE: dict[str, Any] = {"action": "generate", "text": "Hello.", "voice": "me", "job_id": "j", "parts": True}


class WithParts(Endpoint):
    """An endpoint whose updates name a part, which its worker lists again with a fresh URL."""

    sound = b"the first part"
    is_idle = False  # the queue hands no generate on

    def part(self, url: str) -> dict[str, Any]:
        return {"index": 0, "key": "jobs/j/parts/0-0123456789abcdef.wav", "sha256": sha256(self.sound), "url": url}

    def _run(self, fields: dict[str, Any]) -> Any:
        reply = super()._run(fields)
        for state in next(reversed(self._queue.values()))[:-1]:
            state["output"]["parts"] = {"ready": 1, "items": [self.part(self.url.format(key="stale"))]}
        if self.is_idle and fields["action"] == "generate":
            self._queue[next(reversed(self._queue))] = [{"status": "IN_QUEUE"}]
        return reply

    def do_status(self, fields: dict[str, Any]) -> dict[str, Any]:
        self.files["fresh"] = self.sound
        return {**super().do_status(fields), "parts": {"items": [self.part(self.url.format(key="fresh"))]}}


@pytest.fixture
def endpoint() -> WithParts:
    return WithParts()


def with_bridge(endpoint: Endpoint, use: Callable[[Bridge], Coroutine[Any, Any, Any]], **defaults: Any) -> Any:
    async def run() -> Any:
        async with AsyncClient("abc123", api_key="secret-key", patience=QUICK, transport=endpoint.transport) as client:
            return await use(Bridge(client, defaults=defaults))

    return asyncio.run(run())


def test_what_the_worker_tells_of_a_job_is_passed_on_word_for_word(endpoint: WithParts) -> None:
    """Updates are passed on unchanged, with their parts, and so is the worker's reply."""
    heard = list[Reply]()

    reply = with_bridge(endpoint, lambda bridge: bridge.call(GENERATE, heard.append))

    assert [(one["job_id"], one["done"], one["parts"]["ready"]) for one in heard] == [("j", 0, 1), ("j", 1, 1)]
    assert reply["audio"]["sha256"] == sha256(wav_of("Hello."))


def test_a_failure_is_a_reply(endpoint: WithParts) -> None:
    """A worker's failure is returned as a reply with its four fields, and so is that of a refused key."""
    endpoint.failures = [
        {"code": "INVALID_TEXT", "message": "no words", "retryable": False, "details": {"field": "text"}}
    ]

    async def refused() -> Reply:
        async with AsyncClient("abc123", api_key="wrong", patience=QUICK, transport=endpoint.transport) as client:
            return await Bridge(client).call(GENERATE)

    assert with_bridge(endpoint, lambda bridge: bridge.call(GENERATE)) == {
        "error": "INVALID_TEXT: no words", "code": "INVALID_TEXT", "message": "no words", "retryable": False,
        "details": {"field": "text"},
    }  # fmt: skip
    assert asyncio.run(refused())["code"] == "UNAUTHORISED"


def test_what_a_generate_leaves_open_the_bridge_may_fill_in(endpoint: WithParts) -> None:
    """Default values fill only what a generate leaves open; no other action gets any."""

    async def use(bridge: Bridge) -> None:
        await bridge.call({**GENERATE, "nfe_step": 8})
        await bridge.call({"action": "voices"})

    with_bridge(endpoint, use, nfe_step=16, cfg_strength=1.0)

    assert (endpoint.posts[0]["nfe_step"], endpoint.posts[0]["cfg_strength"]) == (8, 1.0)
    assert endpoint.posts[1] == {"action": "voices"}


def test_a_part_with_an_expired_url_is_fetched_by_a_fresh_one(endpoint: WithParts) -> None:
    """If a part's URL has expired, the job's status gives a fresh one."""
    endpoint.expired.add("stale")
    part = endpoint.part(endpoint.url.format(key="stale"))
    with_bridge(endpoint, lambda bridge: bridge.call(GENERATE))

    data = with_bridge(endpoint, lambda bridge: bridge.fetch(part))

    assert data == WithParts.sound
    assert endpoint.posts[-1] == {"action": "status", "job_id": "j", "parts_after": -1}


def test_the_audio_is_fetched_by_its_jobs_result(endpoint: WithParts) -> None:
    """A reply's `audio` has a key and no URL, so the audio is fetched by the URL of the job's result."""
    reply = with_bridge(endpoint, lambda bridge: bridge.call(GENERATE))
    key = "results/j.0123456789abcdef.wav"
    endpoint.files[key] = wav_of("Hello.")
    result = endpoint.do_result

    def with_key(fields: dict[str, Any]) -> dict[str, Any]:
        told = result(fields)
        return {**told, "audio": {**told["audio"], "key": key}, "audio_url": endpoint.url.format(key=key)}

    endpoint.do_result = with_key  # type: ignore[method-assign]

    data = with_bridge(endpoint, lambda bridge: bridge.fetch({**reply["audio"], "key": key}))

    assert data == wav_of("Hello.")


def test_bytes_of_another_digest_are_not_given(endpoint: WithParts) -> None:
    """Bytes of another digest are refused after every attempt."""
    endpoint.files["stale"] = b"something else"

    with pytest.raises(Unfetched, match="its sha256 is not the promised one"):
        with_bridge(endpoint, lambda bridge: bridge.fetch(endpoint.part(endpoint.url.format(key="stale"))))


def test_a_cancel_ends_the_job_in_the_queue_and_in_the_bucket(endpoint: WithParts) -> None:
    """A cancel ends the job in the queue and in the bucket, so that no worker goes on with it."""
    endpoint.polls = 1000

    async def use(bridge: Bridge) -> tuple[Reply, Reply]:
        endpoint.jobs["j"] = GENERATE  # a worker has begun it
        speaking = asyncio.create_task(bridge.call(GENERATE))
        while not endpoint.posts:  # noqa: ASYNC110 - the queue has no event
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.01)
        endpoint.polls = 1
        return await bridge.call({"action": "cancel", "job_id": "j"}), await speaking

    cancelled, spoken = with_bridge(endpoint, use)

    assert [request.url.path for request in endpoint.requests if "cancel" in request.url.path] == [
        "/v2/abc123/cancel/ticket-1"
    ]
    assert cancelled["job_id"] == "j"
    assert spoken["code"] == "JOB_CANCELLED"


def waiting(endpoint: WithParts, use: Callable[[Bridge], Coroutine[Any, Any, Any]], *requests: Reply) -> Any:
    """Return what `use` does while the queue delivers no job and these generates wait."""
    endpoint.is_idle = True

    async def wait(bridge: Bridge) -> Any:
        calls = list[asyncio.Task[Reply]]()
        for request in requests:
            calls.append(asyncio.create_task(bridge.call(request)))
            await asyncio.sleep(0.01)
        told = await use(bridge)
        for one in calls:
            one.cancel()
        return told, [one.result() for one in await _settled(calls)]

    return with_bridge(endpoint, wait)


async def _settled(calls: list[asyncio.Task[Reply]]) -> list[asyncio.Task[Reply]]:
    await asyncio.gather(*calls, return_exceptions=True)
    return [one for one in calls if not one.cancelled()]


def test_how_a_waiting_job_stands_is_asked_of_the_queue_alone(endpoint: WithParts) -> None:
    """The queue alone is asked about a waiting job: a `status` would wait behind the same speech."""
    state, _ = waiting(endpoint, lambda bridge: bridge.call({"action": "status", "job_id": "j"}), GENERATE)

    assert state == {"job_id": "j", "status": "IN_QUEUE", "progress": {"done": 0, "total": 0}}
    assert [post["action"] for post in endpoint.posts] == ["generate"]


def test_a_waiting_job_is_cancelled_in_the_queue_alone(endpoint: WithParts) -> None:
    """A waiting job is cancelled in the queue alone and stays cancelled when its own call has ended; sent again it waits again."""

    async def use(bridge: Bridge) -> tuple[Reply, Reply, Reply, Reply]:
        cancelled = await bridge.call({"action": "cancel", "job_id": "j"})
        soon = await bridge.call({"action": "status", "job_id": "j"})
        await asyncio.sleep(0.02)
        late = await bridge.call({"action": "status", "job_id": "j"})
        again = asyncio.create_task(bridge.call(GENERATE))
        await asyncio.sleep(0.01)
        state = await bridge.call({"action": "status", "job_id": "j"})
        again.cancel()
        return cancelled, soon, late, state

    (cancelled, soon, late, again), (spoken,) = waiting(endpoint, use, GENERATE)

    assert (cancelled["status"], cancelled["cancel_requested"]) == ("CANCELLED", True)
    assert soon == late == cancelled
    assert spoken["code"] == "JOB_CANCELLED"
    assert again["status"] == "IN_QUEUE"
    assert [post["action"] for post in endpoint.posts] == ["generate", "generate"]


def test_a_job_that_was_sent_twice_is_the_workers_to_tell_of(endpoint: WithParts) -> None:
    """Of a job that was sent twice one may have begun: the worker is asked, and a cancel ends both in the queue and the job in the bucket."""
    endpoint.jobs["j"] = GENERATE

    async def use(bridge: Bridge) -> None:
        endpoint.is_idle = False
        await bridge.call({"action": "status", "job_id": "j"})
        await bridge.call({"action": "cancel", "job_id": "j"})

    waiting(endpoint, use, GENERATE, {**GENERATE, "text": "Another text."})

    assert [post["action"] for post in endpoint.posts[2:]] == ["status", "cancel"]
    paths = [request.url.path for request in endpoint.requests if "cancel" in request.url.path]
    assert paths == ["/v2/abc123/cancel/ticket-1", "/v2/abc123/cancel/ticket-2"]


def test_a_job_that_was_cancelled_and_deleted_can_not_be_cancelled_again(endpoint: WithParts) -> None:
    """As one clears up after a job that runs: it is cancelled, then deleted, and after that nobody knows it."""
    endpoint.jobs["j"] = GENERATE  # a worker has begun it

    async def use(bridge: Bridge) -> list[Reply]:
        endpoint._queue["ticket-1"][:] = [{"status": "IN_PROGRESS"}]
        told = [await bridge.call({"action": "cancel", "job_id": "j"})]
        told.append(await bridge.call({"action": "delete", "job_id": "j"}))
        endpoint.jobs.clear()
        return [*told, await bridge.call({"action": "cancel", "job_id": "j"})]

    (_, deleted, again), _ = waiting(endpoint, use, GENERATE)

    assert deleted["deleted"] == {"job_id": "j"}
    assert again["code"] == "JOB_NOT_FOUND"


def test_calls_that_wait_have_a_limit_and_a_cancel_has_none(endpoint: WithParts) -> None:
    """Waiting generates have a limit, since each keeps its request in memory; other calls are counted apart, and a cancel has no limit."""

    async def use(bridge: Bridge) -> tuple[Reply, Reply, Reply]:
        full = await bridge.call({**GENERATE, "job_id": "one more"})
        state = await bridge.call({"action": "status", "job_id": "0"})
        cancelled = await bridge.call({"action": "cancel", "job_id": "0"})
        return full, state, cancelled

    many = [{**GENERATE, "job_id": str(number)} for number in range(2)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("f5_worker_client.bridge._MOST_OPEN", 2)
        (full, state, cancelled), _ = waiting(endpoint, use, *many)

    assert (full["code"], full["retryable"]) == ("UNAVAILABLE", True)
    assert (state["status"], cancelled["status"]) == ("IN_QUEUE", "CANCELLED")


def test_a_job_that_no_worker_has_begun_is_cancelled_in_the_queue_alone(endpoint: WithParts) -> None:
    """If the worker doesn't know a job that was sent, its cancel in the queue is enough; a job that nobody sent is a failure."""

    async def use(bridge: Bridge) -> tuple[Reply, Reply]:
        endpoint.jobs.clear()  # no worker has begun one
        ours = await bridge.call({"action": "cancel", "job_id": "j"})
        return ours, await bridge.call({"action": "cancel", "job_id": "strange"})

    # Sent twice, so that the worker is asked, too.
    (ours, strange), _ = waiting(endpoint, use, GENERATE, {**GENERATE, "text": "Another text."})

    assert [post["action"] for post in endpoint.posts[2:]] == ["cancel", "cancel"]
    assert (ours["job_id"], ours["status"]) == ("j", "CANCELLED")
    assert strange["code"] == "JOB_NOT_FOUND"


@pytest.mark.parametrize("is_forgotten", [False, True])
def test_a_job_that_was_deleted_can_not_be_cancelled(endpoint: WithParts, is_forgotten: bool) -> None:  # noqa: FBT001
    """A job that was sent, done and deleted is not found, whether the queue still knows it or not."""

    async def use(bridge: Bridge) -> Reply:
        await bridge.call(GENERATE)
        endpoint.jobs.clear()
        if is_forgotten:
            endpoint.forget()
        return await bridge.call({"action": "cancel", "job_id": "j"})

    assert with_bridge(endpoint, use)["code"] == "JOB_NOT_FOUND"
