"""The table of what a device's failure leads to."""

import logging

import pytest

from cloning.errors import DeviceMismatch, DeviceUnavailable, GpuOutOfMemory, ServiceError
from cloning.generate.device_recovery import HEARING, LOADING, SPEAKING, Recovery, Remedy, devices_of
from cloning.service import Service
from tests.conftest import with_settings

FULL, ASTRAY, GONE = GpuOutOfMemory("full"), DeviceMismatch("astray"), DeviceUnavailable("no GPU")


def tried(recovery: Recovery, *failures: ServiceError) -> list[tuple[str, bool] | None]:
    """What each failure leads to: whose models go, and whether memory is saved from then on."""
    found = [recovery.next(failure) for failure in failures]
    return [(remedy.forget, remedy.frugal) if remedy else None for remedy in found]


def test_each_remedy_is_tried_once_a_task() -> None:
    """Memory is made, then a chunk is made frugally; a model out of place is loaded again, once, whatever failed before."""
    recovery = Recovery(SPEAKING)

    steps = tried(recovery, FULL, ASTRAY, FULL, FULL, ASTRAY)

    assert steps == [("transcribers", False), ("engines", False), ("transcribers", True), None, None]
    assert recovery.frugal


def test_an_engine_that_can_not_be_frugal_has_one_remedy_less() -> None:
    """The same attempt once more would fail once more."""
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
    """Once; then it is the caller's failure."""
    assert tried(Recovery(remedies), failure, failure) == [(forgotten, False), None]


@pytest.mark.parametrize("remedies", [LOADING, SPEAKING, HEARING])
def test_nothing_brings_back_a_device_that_is_gone(remedies: tuple[Remedy, ...]) -> None:
    """The CPU may speak, if the caller allows it."""
    assert tried(Recovery(remedies), GONE) == [None]


def test_a_failure_that_something_is_done_about_is_logged_with_its_job(caplog: pytest.LogCaptureFixture) -> None:
    """What is left when nothing helps is the job's own failure, and logged as that."""
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
    """The deployment's own device always comes first."""
    assert devices_of(with_settings(service, device=device), fallback=fallback) == expected
