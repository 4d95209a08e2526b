"""
The way of a caller's text: which files of the project have it in hand between the request and the model.

    python scripts/follow_text.py [FOLDER]

Runs one generate in this process, from handler.py to the real F5-TTS with small random weights (made in FOLDER, or in a temporary
one), with the solver that a GPU uses. Prints, in order, each file in which a function had the text, or a chunk of it, among its
arguments, itself or inside a dict, a request or another record: first those that pass it on, then those that only look at it.
What an object keeps (`self`) or a closure has inside is no argument.
"""

import sys
import tempfile
import threading
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from importlib.resources import files
from pathlib import Path
from types import FrameType
from typing import Any

from pydantic import BaseModel

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from cloning.clock import SystemClock  # noqa: E402 - found by the line above
from cloning.service import Call, Service  # noqa: E402
from cloning.settings import Settings  # noqa: E402
from engines.tiny import make_checkpoint  # noqa: E402
from handler import answer  # noqa: E402
from worker.assembly import build  # noqa: E402

TEXT = " ".join(["Follow these very words, please: through all the rooms, and out of the last one as sound."] * 4)
WORDS = "Some call me nature, others call me mother nature."
SHORTEST = 12  # characters of what counts as a piece of the text
DEEPEST = 5
SHARED = (Service, Call)  # the service's parts, not arguments of this text


def holds(value: Any, depth: int = DEEPEST) -> bool:
    """Whether it is the text, a piece of it, or something that holds one."""
    if isinstance(value, str):
        piece = value.strip()
        return len(piece) >= SHORTEST and (piece in TEXT or TEXT in piece)
    if depth == 0 or isinstance(value, (type, *SHARED)):
        return False
    return any(holds(part, depth - 1) for part in parts_of(value))


def parts_of(value: Any) -> list[Any]:
    """What a container or a record holds."""
    if isinstance(value, Mapping):
        return list(value.values())
    if isinstance(value, list | tuple):
        return list(value)
    if isinstance(value, BaseModel):
        return list(vars(value).values())
    return [getattr(value, field.name) for field in fields(value)] if is_dataclass(value) else []


def file_of(frame: FrameType | None) -> str | None:
    """The project's file that the frame runs in; None for a library's."""
    path = Path(frame.f_code.co_filename) if frame else Path()
    inside = path.is_relative_to(ROOT) and not {".venv", "tests", "scripts"} & set(path.relative_to(ROOT).parts)
    return path.relative_to(ROOT).as_posix() if inside else None


class Trail:
    """The files that had the text, in order; `passes_on` has those that returned it, or called somebody else with it."""

    def __init__(self) -> None:
        self.files: list[str] = []
        self.passes_on: set[str] = set()

    def __call__(self, frame: FrameType, event: str, returned: Any) -> None:
        """As `sys.setprofile` calls it."""
        here = file_of(frame)
        if event == "call" and (here or "f5_tts" in frame.f_code.co_filename):
            self._called(frame, here)
        if event == "return" and here in self.files and holds(returned):
            self.passes_on.add(here)

    def _called(self, frame: FrameType, here: str | None) -> None:
        code = frame.f_code
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        if not any(holds(frame.f_locals.get(name)) for name in names if name not in ("self", "cls")):
            return
        caller = file_of(frame.f_back)
        if caller in self.files and caller != here:
            self.passes_on.add(caller)
        if here and here not in self.files:
            self.files.append(here)


def speak(folder: Path, scratch: Path, trail: Trail) -> dict[str, Any]:
    """The reply to one generate, followed."""
    (scratch / "voices").mkdir()
    checkpoint = make_checkpoint(folder / "tiny")
    settings = Settings(
        device="cpu",
        sampler="official",
        checkpoint=str(checkpoint),
        data_dir=scratch / "bucket",
        model_cache_dir=scratch / "models",
    )
    service = build(settings, SystemClock(), scratch / "voices")
    audio = b64encode(files("f5_tts").joinpath("infer/examples/basic/basic_ref_en.wav").read_bytes()).decode()
    upload = {"action": "upload", "voice": "anna", "audio": audio, "consent": True, "transcript": WORDS}
    answer(service, upload, Call("upload"))
    threading.setprofile(trail)
    sys.setprofile(trail)
    try:
        return answer(service, {"text": TEXT, "voice": "anna", "seed": 1, "nfe_step": 4}, Call("generate"))
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


def main() -> None:
    """Print the way."""
    trail = Trail()
    with tempfile.TemporaryDirectory() as scratch:
        reply = speak(Path(sys.argv[1] if len(sys.argv) > 1 else scratch), Path(scratch), trail)
    if reply.get("status") != "COMPLETED":
        sys.exit(f"nothing was spoken: {reply.get('error')}")
    way = [file for file in trail.files if file in trail.passes_on]
    looks = [file for file in trail.files if file not in trail.passes_on]
    print(f"{len(way)} files pass the text on:", *way, sep="\n  ")
    print(f"{len(looks)} files look at it, and give none of it back:", *looks, sep="\n  ")


if __name__ == "__main__":
    main()
