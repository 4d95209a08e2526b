"""Names for callers: the engines and their profiles; models without this machine's paths."""

from typing import Literal

EngineName = Literal["f5", "xtts"]
ProfileName = Literal["balanced", "fast", "draft", "ultra_quality", "ultra_natural", "expressive"]
BALANCED: ProfileName = "balanced"


def public_name(name: str) -> str:
    """A name of the catalogue or the hub unchanged; only the last part of a folder's path."""
    is_folder = name.count("/") > 1 or name.startswith(("/", ".", "~"))
    return name.rstrip("/").rsplit("/", 1)[-1] if is_folder else name
