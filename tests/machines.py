"""Machines that share a bucket and a hub, to see which of them transfers what."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from safetensors.numpy import load_file, save_file

from cloning.errors import StorageUnavailable
from cloning.ports import ObjectInfo, Progress
from storage.folder_store import FolderStore
from tests.conftest import ROOT

HUB_URL = "hf://somebody/something/model.safetensors"
NAME = "tiny-random-0"  # the small checkpoint's
# A program that brings a checkpoint, says where from, and holds it until it is killed.
HOLD = """
import sys
from pathlib import Path
from storage.folder_store import FolderStore
from model_cache.cache import CheckpointCache
from model_cache.catalog import find
local = CheckpointCache(FolderStore(Path(sys.argv[1])), Path(sys.argv[2])).local(find(sys.argv[3]))
print(local.came_from, flush=True)
sys.stdin.read()
"""


class Hub:
    """Answers every hf:// URL with one file, and counts."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.calls = 0
        self._lock = threading.Lock()

    def __call__(self, url: str) -> Path:
        with self._lock:
            self.calls += 1
        assert url == HUB_URL
        return self.file


class CountingStore(FolderStore):
    """A folder that notes each file that is transferred, and its size; it may fail at the n-th."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.downloads: list[ObjectInfo] = []
        self.uploads: list[str] = []
        self.gone = False

    def download(self, key: str, path: Path, *, sha256: str | None = None, progress: Progress | None = None) -> str:
        self._answer()
        self.downloads.append(self.head(key))
        return super().download(key, path, sha256=sha256, progress=progress)

    def upload(self, key: str, path: Path, *, content_type: str, progress: Progress | None = None) -> str:
        self._answer()
        self.uploads.append(key)
        return super().upload(key, path, content_type=content_type, progress=progress)

    def create(self, key: str, body: bytes, *, content_type: str) -> str:
        self._answer()
        return super().create(key, body, content_type=content_type)

    def _answer(self) -> None:
        if self.gone:
            raise StorageUnavailable("the bucket does not answer")


def files_under(folder: Path) -> list[str]:
    """Every file except locks, relative to the folder."""
    return sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock"
    )


def python(script: str, *words: object, **environment: str) -> "subprocess.Popen[str]":
    """Run a program of ours in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, words)],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stdin=subprocess.PIPE,
        text=True,
    )


def kill(process: "subprocess.Popen[str]") -> None:
    """Kill as the kernel's memory killer does: no handler runs."""
    process.send_signal(signal.SIGKILL)
    process.communicate()


def errands_done() -> None:
    """Wait until the workers of this process have published what they fetched."""
    for thread in threading.enumerate():
        if thread.name == "errands":
            thread.join()


def same_weights(one: Path, other: Path, prefix: str = "ema.") -> bool:
    """Whether the files have the same bits under the first one's names without the prefix."""
    first = {name.removeprefix(prefix): array.tobytes() for name, array in load_file(one).items()}
    second = {name: array.tobytes() for name, array in load_file(other).items()}
    return first == second


def retrained(path: Path, times: float) -> None:
    """Other weights under the same names."""
    save_file(
        {name: array * times if "transformer" in name else array for name, array in load_file(path).items()}, path
    )
