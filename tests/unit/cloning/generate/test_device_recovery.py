"""The table of remedies for a device's failures."""

import logging

import pytest

from cloning.errors import DeviceMismatch, DeviceUnavailable, GpuOutOfMemory, ServiceError
from cloning.generate.device_recovery import HEARING, LOADING, SPEAKING, Recovery, Remedy, devices_of
from cloning.service import Service
from tests.conftest import with_settings

FULL, ASTRAY, GONE = GpuOutOfMemory("full"), DeviceMismatch("astray"), DeviceUnavailable("no GPU")


def tried(recovery: Recovery, *failures: ServiceError) -> list[tuple[str, bool] | None]:
    """What each failure leads to: whose models are unloaded, and whether memory is saved from then on."""
    found = [recovery.next(failure) for failure in failures]
    return [(remedy.forget, remedy.frugal) if remedy else None for remedy in found]


def test_each_remedy_is_tried_once_a_task() -> None:
    """Each remedy is tried once a task: memory is freed, then the chunk is made frugally; a misplaced model is loaded again, once."""
    recovery = Recovery(SPEAKING)

    steps = tried(recovery, FULL, ASTRAY, FULL, FULL, ASTRAY)

    assert steps == [("transcribers", False), ("engines", False), ("transcribers", True), None, None]
    assert recovery.frugal


def test_an_engine_that_can_not_be_frugal_has_one_remedy_less() -> None:
    """An engine that has no frugal mode has one remedy fewer, because the same attempt would fail again."""
    recovery = Recovery(SPEAKING, can_be_frugal=False)

    assert tried(recovery, FULL, FULL) == [("transcribers", False), None]
    assert not recovery.frugal


@pytest.mark.parametrize(
    ("remedies", "failure", "forgotten"),
    [(LOADING, FULL, "transcribers"), (HEARING, FULL, "engines"), (HEARING, ASTRAY, "transcribers")],
)
def test_memory_is_made_by_who_is_not_needed(
    remedies: tuple[Remedy, ...], failure: ServiceError, forgotten: str
) -> None:
    """Memory is freed once, by unloading unneeded models; then the failure is the caller's."""
    assert tried(Recovery(remedies), failure, failure) == [(forgotten, False), None]


@pytest.mark.parametrize("remedies", [LOADING, SPEAKING, HEARING])
def test_nothing_brings_back_a_device_that_is_gone(remedies: tuple[Remedy, ...]) -> None:
    """A device that is gone can't be remedied; the CPU may speak if the caller allows it."""
    assert tried(Recovery(remedies), GONE) == [None]


def test_a_failure_that_something_is_done_about_is_logged_with_its_job(caplog: pytest.LogCaptureFixture) -> None:
    """A failure with a remedy is logged with its job; when no remedy is left, the job's own failure is."""
    tried(Recovery(LOADING, job="j"), FULL, FULL)

    entries = [vars(each) for each in caplog.records]
    assert [(each["message"], each["job"], each["code"]) for each in entries] == [
        ("device.failed", "j", "GPU_OUT_OF_MEMORY")
    ]
    assert entries[0]["levelno"] == logging.WARNING


@pytest.mark.parametrize(
    ("device", "fallback", "expected"),
    [("cuda", True, (None, "cpu")), ("cuda", False, (None,)), ("cpu", True, (None,)), ("auto", True, (None, "cpu"))],
)
def test_the_cpu_is_tried_after_another_device_where_the_caller_allows_it(
    service: Service, device: str, expected: tuple[str | None, ...], *, fallback: bool
) -> None:
    """The CPU is tried after the deployment's own device, and only if the caller allows it."""
    assert devices_of(with_settings(service, device=device), fallback=fallback) == expected
