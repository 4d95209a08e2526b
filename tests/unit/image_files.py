"""The Dockerfile and the requirements, read."""

import re
from typing import NamedTuple

from tests.conftest import ROOT


class Step(NamedTuple):
    """One instruction of a Dockerfile and its arguments, on one line."""

    name: str
    rest: str


def dockerfile() -> list[Step]:
    lines = [
        line for line in (ROOT / "Dockerfile").read_text().splitlines() if line.strip() and not line.startswith("#")
    ]
    whole = "\n".join(lines).replace("\\\n", " ").splitlines()
    return [Step(*re.split(r"\s+", line.strip(), maxsplit=1)) for line in whole]


def steps(name: str) -> list[str]:
    return [step.rest for step in dockerfile() if step.name == name]


def environment() -> dict[str, str]:
    return dict(pair.split("=", 1) for rest in steps("ENV") for pair in rest.split())


def requirements(name: str = "requirements.txt") -> dict[str, set[str]]:
    """Each package and the versions that it is pinned to (more than one if Python versions differ)."""
    text = "\n".join(line for line in (ROOT / name).read_text().splitlines() if not line.startswith("#"))
    pins: dict[str, set[str]] = {}
    for line in text.replace("\\\n", " ").splitlines():
        pinned = re.fullmatch(
            r"([a-z0-9][a-z0-9.-]*)==([^\s;]+)( ;[^\\]*?)?((?:\s+--hash=sha256:[0-9a-f]{64})+)", line.rstrip()
        )
        assert pinned, f"not a pinned requirement with its hashes: {line[:120]}"
        pins.setdefault(pinned[1], set()).add(pinned[2])
    return pins
