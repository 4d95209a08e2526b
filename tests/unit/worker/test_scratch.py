"""Temporary files go with their process: at its end, or, if it was killed, when the next one starts."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import ROOT
from worker.scratch import Scratch

LIVE = """
import os, sys, tempfile, time
from pathlib import Path
from worker.scratch import Scratch

with Scratch(Path(sys.argv[1])) as scratch:
    (scratch.voices / "anna.wav").write_bytes(b"a recording")
    left = tempfile.NamedTemporaryFile(suffix=".wav", delete=False)
    child = os.fork() if "fork" in sys.argv else None
    if child == 0:
        time.sleep(600)
    print("ready", child, flush=True)
    sys.stdin.read()
"""


@contextmanager
def living(root: Path, *options: str) -> Iterator["subprocess.Popen[str]"]:
    """A process with a recording and a temporary file in its folder."""
    command = [sys.executable, "-c", LIVE, str(root), *options]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with process:
        try:
            yield process
        finally:
            process.kill()


def said(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def files_in(root: Path) -> list[str]:
    return sorted(path.name for path in root.rglob("*") if path.is_file())


def test_the_folder_goes_with_the_block(tmp_path: Path) -> None:
    """The folder is removed with any contents after the block, and Python's temporary files go to their old place again."""
    before = tempfile.gettempdir()

    with Scratch(tmp_path) as scratch:
        (scratch.voices / "anna.wav").write_bytes(b"a recording")
        with tempfile.NamedTemporaryFile(delete=False) as left:
            inside = Path(left.name).is_relative_to(tmp_path)

    assert (inside, list(tmp_path.iterdir()), tempfile.gettempdir()) == (True, [], before)


def test_what_a_killed_process_left_goes_when_the_next_one_starts(tmp_path: Path) -> None:
    """The recordings and temporary files of a killed process go when the next one starts."""
    with living(tmp_path) as process:
        assert said(process) == "ready None"
        process.kill()
    left = files_in(tmp_path)

    with Scratch(tmp_path):
        now = files_in(tmp_path)

    assert (len(left), left[0], now) == (3, "anna.wav", ["owner"])


def test_a_child_that_outlives_its_process_keeps_nothing(tmp_path: Path) -> None:
    """A child that outlives its process, as the SDK's pinging one with all its descriptors, doesn't keep the folder."""
    with living(tmp_path, "fork") as process:
        child = int(said(process).split()[1])
        process.kill()
        process.wait()

        with Scratch(tmp_path):
            now = files_in(tmp_path)
        os.kill(child, signal.SIGKILL)

    assert now == ["owner"]


def test_a_living_process_keeps_its_folder(tmp_path: Path) -> None:
    """A living process keeps its folder: several workers may share a TMPDIR."""
    with living(tmp_path) as process:
        assert said(process) == "ready None"

        with Scratch(tmp_path):
            beside = files_in(tmp_path)

    assert beside.count("anna.wav") == 1


def test_other_peoples_folders_stay(tmp_path: Path) -> None:
    """A folder that only resembles ours, and a link to elsewhere, are left alone."""
    (tmp_path / "voices-of-mine").mkdir()
    (tmp_path / "voices-of-mine" / "song.wav").write_bytes(b"a song")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "owner").write_bytes(b"")
    (tmp_path / "voices-link").symlink_to(elsewhere)

    with Scratch(tmp_path):
        pass

    assert files_in(tmp_path) == ["owner", "song.wav"]


def test_a_folder_that_was_taken_for_abandoned_while_it_was_made_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If another process removes the folder between its making and its locking, it is made again."""
    import fcntl
    import shutil

    lock, taken = fcntl.lockf, list[Path]()

    def taken_first(descriptor: int, kind: int) -> None:
        if not taken:
            taken.append(next(tmp_path.glob("voices-*")))
            shutil.rmtree(taken[0])
        lock(descriptor, kind)

    monkeypatch.setattr(fcntl, "lockf", taken_first)

    with Scratch(tmp_path) as scratch:
        assert scratch.voices.is_dir()
        assert not taken[0].exists()
