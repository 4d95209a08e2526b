"""The origin of a figure, and the file that keeps it."""

import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

Rows = Sequence[Mapping[str, object]]
RESULTS = Path(__file__).resolve().parent / "results"
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


def save(report: dict[str, Any], folder: Path, name: str, rows: Rows) -> None:
    """Write the report to a file of that name and today's date, and to stdout; write these rows and the limits to stderr."""
    text = json.dumps(report, indent=2)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}-{report['at'][:10]}.json").write_text(text + "\n", encoding="utf-8")
    limits = [{"limit": what, "holds": "yes" if holds else "NO"} for what, holds in report.get("holds", {}).items()]
    parts = [str(report["what"]), table(rows), *([table(limits)] if limits else [])]
    sys.stderr.write("\n\n".join(parts) + "\n")
    print(text)


def table(rows: Rows) -> str:
    """Aligned columns, named by the first row's keys; numbers to the right, with three digits after the point."""
    names = list(rows[0]) if rows else []
    cells = [names, *([_shown(row[name]) for name in names] for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(names))]
    numeric = [all(isinstance(row[name], int | float) for row in rows) for name in names]
    aligned = (
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, numeric, strict=True)
        )
        for line in cells
    )
    return "\n".join(line.rstrip() for line in aligned)


def _shown(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _lines(path: str) -> list[str]:
    return Path(path).read_text(encoding="utf-8").splitlines()


def _file_system(folder: Path) -> str:
    """The type of the mount with the longest matching path."""
    mounts = [line.split()[1:3] for line in _lines("/proc/mounts")]
    here = folder.resolve()
    return max(((len(place), kind) for place, kind in mounts if here.is_relative_to(place)))[1]
