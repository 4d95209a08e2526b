"""Each row of docs/failures.md is caused for real: the reply, the job's state, and how its next delivery ends."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from docs.failures import FAULTS, Fault
from tests.faults.causes import BY_NAME, INJECTIONS
from tests.faults.flaky_store import Killed
from tests.faults.troubled_world import World, nothing


@pytest.fixture
def world(tmp_path: Path, human_wav: bytes) -> World:
    return World(tmp_path, human_wav)


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory, human_wav: bytes) -> str:
    """The digest of undisturbed speech."""
    world = World(tmp_path_factory.mktemp("calm"), human_wav)
    return str(world.ask(world.worker("w1"))["audio"]["sha256"])


def test_each_row_is_made_to_happen() -> None:
    """Every failure of the page is caused by a test; a worker's death has one of its own."""
    assert INJECTIONS.keys() == BY_NAME.keys() - {"killed"}


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault.name != "killed"], ids=lambda fault: fault.name)
def test_a_trouble_is_told_and_the_job_kept_or_ended_as_the_page_says(
    fault: Fault, world: World, calm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reply and record are as the page says; a job that is kept ends with the same speech when delivered again."""
    told = fault.told()

    with INJECTIONS[fault.name](world, world.worker("w1"), monkeypatch) as service:
        reply = world.ask(service)
    world.clock.advance(61)  # where the lease could not be given back
    other = world.worker("w2")
    status = world.status(other)
    again = world.ask(other)

    if told is None:
        assert (reply["status"], reply["audio"]["sha256"], status["status"]) == ("COMPLETED", calm, "COMPLETED")
        return
    flags = (reply["code"], reply["retryable"], "refresh_worker" in reply)
    assert flags == (told.code, told.retryable, told.refresh_worker)
    if told.retryable:
        assert status["status"] == "INTERRUPTED"
        assert (again.get("status"), again.get("audio", {}).get("sha256")) == ("COMPLETED", calm)
    else:
        assert (status["status"], status["failure"]["code"]) == ("FAILED", told.code)
        assert again["code"] == "JOB_FAILED"


def test_a_killed_workers_job_is_kept(world: World, calm: str) -> None:
    """A killed worker takes no further step, and its lease ends. (At every store call: tests/faults/test_store_calls.py.)"""

    def die(operation: str, key: str) -> None:
        raise Killed

    world.engine.before_speaking = lambda _: setattr(world.store, "trouble", die)
    with suppress(Killed):
        world.ask(world.worker("w1"))
    world.store.trouble, world.engine.before_speaking = nothing, lambda _: None
    world.clock.advance(61)
    other = world.worker("w2")

    status, again = world.status(other), world.ask(other)

    assert (status["status"], again["audio"]["sha256"]) == ("INTERRUPTED", calm)


@pytest.mark.parametrize("name", ["tmpdir_full", "no_memory", "refused_at_the_end", "bug", "gpu_memory"])
def test_the_record_says_what_the_caller_was_told(name: str, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The status of a job that was given back has the reason that its caller got."""
    with INJECTIONS[name](world, world.worker("w1"), monkeypatch) as service:
        reply = world.ask(service)
    status = world.status(world.worker("w2"))

    told = {field: reply[field] for field in ("code", "message", "retryable", "details")}
    assert (status["status"], status["failure"]) == ("INTERRUPTED", told)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 100 kB: the one that SMALL names, or a tmpfs if this user may mount one."""
    if there := os.environ.get("SMALL"):
        yield Path(there)
        return
    small = tmp_path / "small"
    small.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=100k", "tmpfs", str(small)]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("no small disk: this user may not mount one, and SMALL names none")
    yield small
    subprocess.run(["umount", str(small)], check=True)


def test_a_disk_of_a_hundred_kilobytes_fails_no_job(world: World, calm: str, small_disk: Path) -> None:
    """If the voices' folder is on a full disk, nothing half-made stays there, and a worker with room speaks."""
    service = world.worker("w1")
    service.voices._files._folder = small_disk

    reply = world.ask(service)
    again = world.ask(world.worker("w2"))

    assert (reply["code"], reply["details"]["os_code"]) == ("DISK_FULL", "ENOSPC")
    assert not [path for path in small_disk.rglob("*") if path.is_file()]
    assert again["audio"]["sha256"] == calm
