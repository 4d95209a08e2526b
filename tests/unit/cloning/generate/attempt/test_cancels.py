"""A cancel ends a generate: before its turn, between two chunks, or at its last write."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any

import pytest

from cloning.errors import JobCancelled
from cloning.jobs.record import JobStatus
from cloning.service import Call, Service
from engines.device.gpu_thread import GpuThread
from engines.device.scheduler import Bounds
from tests.standins.fakes import ToneEngine
from tests.unit.cloning.asking import TEXT, act


def test_a_cancel_stops_between_two_chunks(service: Service, anna: str, engine: ToneEngine) -> None:
    """A cancel is seen when chunks are reported, of which the GPU is at most two ahead; the job is CANCELLED and has no result."""
    engine.before_speaking = lambda _: void(service.jobs.cancel("j"))

    with pytest.raises(JobCancelled):
        act(service, Call("j"), text=TEXT, voice=anna)

    assert len(engine.history) <= 4  # two that were fetched together, two meanwhile
    assert len(TEXT) > 1000  # many more chunks
    assert act(service, action="status", job_id="j")["status"] == "CANCELLED"


def void(_: object) -> None:
    """Drop a value where None is wanted."""


def test_a_cancel_before_the_turn_loads_no_model(service: Service, anna: str, engine: ToneEngine) -> None:
    """A job that is cancelled while it waits for the GPU loads no model."""
    waited: list[str] = []

    class CancelledMeanwhile(GpuThread):
        def run_tasks(self, tasks: Any, **more: Any) -> Any:
            waited.append(service.jobs.cancel("j").status)
            return super().run_tasks(tasks, **more)

    class MustNotLoad:
        def check(self, name: str, **_: object) -> str:
            return name

        def loaded(self) -> None: ...
        def alphabet(self, name: str, language: str | None) -> None: ...
        def prefetch(self, name: str) -> AbstractContextManager[None]:
            return nullcontext()

        def get(self, name: str) -> None:
            pytest.fail("a cancelled job loaded a model")

    act(service, text="Hello.", voice=anna)  # makes the transcript
    waiting = replace(service, gpu=CancelledMeanwhile(service.clock, Bounds(1, 1.0)), engines=MustNotLoad())  # type: ignore[arg-type]  # stand-ins

    with pytest.raises(JobCancelled):
        act(waiting, Call("j"), text="Hello.", voice=anna)
    assert service.jobs.get("j").status is JobStatus.CANCELLED


def test_a_cancel_that_only_the_last_write_finds_is_told_as_a_cancel(
    service: Service, anna: str, engine: ToneEngine
) -> None:
    """The delivery is stopped in the middle of a chunk, and the record was cancelled before: the reply says what the record does."""
    call = Call("j")

    def cancel_and_stop(_: str) -> None:
        if engine.history:
            service.jobs.cancel("j")
            call.stopped.set()

    engine.before_speaking = cancel_and_stop

    with pytest.raises(JobCancelled):
        act(service, call, text=TEXT, voice=anna)

    assert service.jobs.get("j").status is JobStatus.CANCELLED
