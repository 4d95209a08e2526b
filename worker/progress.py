"""A running job's progress to RunPod: updates at intervals, and each part of its speech."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from types import TracebackType
from typing import Any, Self

from cloning.ports import Clock

Update = dict[str, Any]


class ProgressSender:
    """
    Sends a job's progress to RunPod at intervals, and keeps the result well after the last update.

    The SDK posts each update from a new thread: one that is sent right before the result may arrive after it, and the job
    would stay IN_PROGRESS for ever (runpod-python#250). The first update with a part is sent sooner, because somebody wants to listen.
    """

    def __init__(
        self,
        send: Callable[[Update], None],
        clock: Clock,
        *,
        every_s: float = 2.0,
        first_part_s: float = 0.5,
        clear_s: float = 0.5,
    ) -> None:
        self._send = send
        self._clock = clock
        self._every_s = every_s
        self._first_part_s = first_part_s
        self._clear_s = clear_s
        self._sent_at: float | None = None
        self._has_told_parts = False

    def __call__(self, update: Update) -> None:
        """Send the update, unless the last one was sent too recently."""
        now = self._clock.monotonic()
        is_first_part = not self._has_told_parts and bool(update.get("parts", {}).get("ready"))
        every_s = self._first_part_s if is_first_part else self._every_s
        if self._sent_at is None or now - self._sent_at >= every_s:
            self._sent_at = now
            self._has_told_parts |= is_first_part
            self._send(update)

    def seconds_to_wait(self) -> float:
        """How long to hold a result back."""
        return 0.0 if self._sent_at is None else max(0.0, self._sent_at + self._clear_s - self._clock.monotonic())


class PartStream:
    """Posts each part of a job once, in order, from the event loop; leaving the block waits until all are posted, or gives up if it failed."""

    def __init__(self, post: Callable[[Update], Coroutine[Any, Any, None]]) -> None:
        self._post = post
        self._next = 0
        self._waiting: asyncio.Queue[Update | None] = asyncio.Queue()

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._posting = self._loop.create_task(self._post_all())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind:
            self._posting.cancel()
        else:
            self._waiting.put_nowait(None)
            await self._posting

    def __call__(self, update: Update) -> None:
        """Take the parts of an update that are new. Any thread may call it, one at a time."""
        for item in update.get("parts", {}).get("items", ()):
            if item["index"] >= self._next:
                self._next = item["index"] + 1
                self._loop.call_soon_threadsafe(self._waiting.put_nowait, item)

    async def _post_all(self) -> None:
        while (item := await self._waiting.get()) is not None:
            await self._post(item)


def both(one: Callable[[Update], None], other: Callable[[Update], None]) -> Callable[[Update], None]:
    """Pass the update to both."""

    def tell(update: Update) -> None:
        one(update)
        other(update)

    return tell


async def stream_part(job: Mapping[str, Any], part: Update) -> None:
    """
    Post a part to RunPod's /stream from a handler that is no generator, so that the job's output stays the same.

    The SDK (1.12) does this for generators only; it logs failures and raises nothing.
    """
    from runpod.http_client import AsyncClientSession
    from runpod.serverless.modules.rp_http import stream_result

    async with AsyncClientSession() as session:
        await stream_result(session, {"output": part}, job)
