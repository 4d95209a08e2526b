"""The versions of the worker and of packages that shape the sound, read without importing them."""

from functools import cache
from importlib.metadata import PackageNotFoundError, version

WORKER_VERSION = "0.1.0"
_PACKAGES = ("f5-tts", "torch", "torchaudio", "transformers", "vocos", "coqui-tts", "runpod", "soundfile")


@cache
def versions() -> dict[str, str | None]:
    """The versions by name; None for a package that is not installed."""
    return {"worker": WORKER_VERSION, **{package: _version(package) for package in _PACKAGES}}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
