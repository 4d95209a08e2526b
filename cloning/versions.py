"""Versions of what speaks, read without importing it."""

from functools import cache
from importlib.metadata import PackageNotFoundError, version

WORKER_VERSION = "0.1.0"
_PACKAGES = ("f5-tts", "torch", "torchaudio", "transformers", "vocos", "coqui-tts", "runpod", "soundfile")


@cache
def versions() -> dict[str, str | None]:
    """Of the worker and of the packages that shape the sound; None for one that is not installed."""
    return {"worker": WORKER_VERSION, **{package: _version(package) for package in _PACKAGES}}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
