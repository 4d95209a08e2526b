"""What a benchmark asks of the machine that it runs on: a clock, memory, names and versions."""

import os
import platform
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = (
    "torch",
    "torchaudio",
    "numpy",
    "f5-tts",
    "vocos",
    "x-transformers",
    "torchdiffeq",
    "transformers",
    "librosa",
)
MIB = 2**20


class Meter:
    """A device's clock, which waits until its queue is empty, and its memory."""

    def __init__(self, device: str) -> None:
        import torch

        self._cuda = torch.cuda if device.startswith("cuda") else None
        if self._cuda:
            self._cuda.init()  # the peaks can't be asked for earlier

    def now(self) -> float:
        """Seconds on a monotonic clock."""
        if self._cuda:
            self._cuda.synchronize()
        return time.perf_counter()

    def forget_peaks(self) -> None:
        """Let `peaks` count from now."""
        if self._cuda:
            self._cuda.reset_peak_memory_stats()

    def peaks(self) -> dict[str, int] | None:
        """MiB of the GPU's memory at most in use since `forget_peaks`; None on a CPU."""
        if not self._cuda:
            return None
        return {
            "peak_allocated_mib": self._cuda.max_memory_allocated() // MIB,
            "peak_reserved_mib": self._cuda.max_memory_reserved() // MIB,
        }

    @contextmanager
    def timing(self, owner: type, method: str, spent: list[float]) -> Iterator[None]:
        """While this is open, every call of the method adds its seconds to `spent`."""
        original = getattr(owner, method)

        def timed(*args: Any, **kwargs: Any) -> Any:
            begun = self.now()
            try:
                return original(*args, **kwargs)
            finally:
                spent.append(self.now() - begun)

        setattr(owner, method, timed)
        try:
            yield
        finally:
            setattr(owner, method, original)


def rss_mib() -> int:
    """MiB of the process's memory that are resident now."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * resource.getpagesize() // MIB


def rss_peak_mib() -> int:
    """MiB that were resident at most since the process began."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def machine(device: str) -> dict[str, Any]:
    """The card (None on a CPU), the processors and how many of them torch uses."""
    import torch

    facts: dict[str, Any] = {
        "card": None,
        "card_memory_mib": None,
        "cpus": os.cpu_count(),
        "threads": torch.get_num_threads(),
    }
    if device.startswith("cuda"):
        card = torch.cuda.get_device_properties(device)
        facts |= {"card": card.name, "card_memory_mib": card.total_memory // MIB}
    return facts


def versions() -> dict[str, str | None]:
    """Python, CUDA, the driver and the packages that decide the figures; None for what isn't there."""
    import torch

    found: dict[str, str | None] = {
        "python": platform.python_version(),
        "cuda": torch.version.cuda,
        "driver": _driver(),
    }
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    return found


def _driver() -> str | None:
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    query = [program, "--query-gpu=driver_version", "--format=csv,noheader"]
    answer = subprocess.run(query, capture_output=True, text=True, timeout=60, check=False)
    return answer.stdout.split()[0] if answer.returncode == 0 and answer.stdout.strip() else None


def compiled(folder: Path) -> dict[str, str]:
    """
    The environment of a process that keeps its modules' bytecode in `folder`, and finds there what an earlier one kept.

    The image's modules are compiled, whatever the shell that measures says of bytecode.
    """
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPYCACHEPREFIX": str(folder)}


def say(what: str) -> None:
    """Progress, to stderr."""
    print(f"benchmark: {what}", file=sys.stderr, flush=True)
