"""Where a figure comes from, and the file that it is kept in."""

import json
import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

PACKAGES = ("safetensors", "torch", "numpy", "boto3")


def about(folder: Path) -> dict[str, Any]:
    """The machine, the disk under `folder`, the versions and the time."""
    names = [line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    memory = next(int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal"))
    return {
        "machine": {
            "cpu": names[0] if names else platform.machine(),
            "cpus": os.cpu_count(),
            "memory_gib": round(memory / 2**20, 1),
            "kernel": platform.release(),
            "file_system": _file_system(folder),
            "load": [round(one, 2) for one in os.getloadavg()],
        },
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def save(report: dict[str, Any], folder: Path, name: str) -> None:
    """The report as a file of that name and today's date, and on stdout."""
    text = json.dumps(report, indent=2)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}-{report['at'][:10]}.json").write_text(text + "\n", encoding="utf-8")
    print(text)


def _lines(path: str) -> list[str]:
    return Path(path).read_text(encoding="utf-8").splitlines()


def _file_system(folder: Path) -> str:
    """The type of the mount with the longest matching path."""
    mounts = [line.split()[1:3] for line in _lines("/proc/mounts")]
    here = folder.resolve()
    return max(((len(place), kind) for place, kind in mounts if here.is_relative_to(place)))[1]
