"""The progress that RunPod gets of a running job."""

import asyncio
from typing import Any

import pytest

from tests.standins.fakes import ManualClock
from worker.progress import PartStream, ProgressSender


def test_progress_is_spaced_out_and_clear_of_the_result(clock: ManualClock) -> None:
    """Updates are spaced out and end well before the result: one that arrived after it would leave the job IN_PROGRESS for ever."""
    sent: list[Any] = []
    progress = ProgressSender(sent.append, clock, every_s=2.0, clear_s=0.5)

    for _ in range(6):
        progress({"done": len(sent)})
        clock.advance(0.9)

    assert len(sent) == 2
    progress({"done": 9})
    assert progress.seconds_to_wait() == pytest.approx(0.5)
    clock.advance(1.0)
    assert progress.seconds_to_wait() == 0.0


def test_the_first_news_of_a_part_does_not_wait_for_its_turn(clock: ManualClock) -> None:
    """The first update with a part is sent at once, since somebody may be waiting to listen; later ones are spaced out."""
    sent: list[Any] = []
    progress = ProgressSender(sent.append, clock, every_s=2.0, first_part_s=0.5)

    progress({"done": 0, "parts": {"ready": 0}})
    for ready in range(1, 4):
        clock.advance(0.6)
        progress({"done": ready, "parts": {"ready": ready}})

    assert [update["done"] for update in sent] == [0, 1]


def update(*places: int) -> dict[str, Any]:
    return {"done": len(places), "parts": {"items": [{"index": place} for place in places]}}


def test_each_part_is_posted_once_and_in_order() -> None:
    """Updates are cumulative and posted once each, in order; leaving the block waits for the last post."""
    posted: list[int] = []

    async def post(part: dict[str, Any]) -> None:
        await asyncio.sleep(0.01 / (1 + part["index"]))
        posted.append(part["index"])

    async def run() -> None:
        async with PartStream(post) as stream:
            for told in ((), (0, 1), (0, 1, 2), (1, 2, 3)):
                await asyncio.to_thread(stream, update(*told))

    asyncio.run(run())

    assert posted == [0, 1, 2, 3]


def test_parts_of_a_cancelled_delivery_are_not_waited_for() -> None:
    """After a cancelled delivery no update is waited for, and no task of it stays."""
    never = asyncio.Event()

    async def post(_: dict[str, Any]) -> None:
        await never.wait()

    async def deliver() -> None:
        async with PartStream(post) as stream:
            stream(update(0))
            await never.wait()

    async def run() -> int:
        delivery = asyncio.create_task(deliver())
        await asyncio.sleep(0.01)
        delivery.cancel()
        with pytest.raises(asyncio.CancelledError):
            await delivery
        await asyncio.sleep(0)
        return len(asyncio.all_tasks())

    assert asyncio.run(run()) == 1
