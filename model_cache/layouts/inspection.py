"""
Inspect a checkpoint file: ready to load, repairable, or refused with the reason.

This takes milliseconds and a few megabytes for any size of file: only its header, or the pickle of its zip, is read, and no
code of a pickle is run. The verdict compares the whole set of names and shapes with the architecture's.
"""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path

from cloning.errors import CheckpointUnusable
from model_cache.architectures import published
from model_cache.families import XTTS
from model_cache.formats.contents import Contents
from model_cache.formats.reading import read_contents
from model_cache.layouts import f5 as layouts
from model_cache.layouts import xtts
from model_cache.layouts.diagnosis import Diagnosis, refused
from model_cache.layouts.f5 import Wanted


@dataclass(frozen=True, kw_only=True)
class Inspection(Diagnosis):
    """
    A diagnosis, with the file's size in `bytes` and its number of `tensors`.

    `contents` and `stamp` are for `repair`, which needs the places of the tensors and must notice a change of the file.
    """

    tensors: int
    bytes: int
    contents: Contents | None = field(repr=False, compare=False)
    wanted: Wanted = field(repr=False, compare=False)
    stamp: tuple[int, int] = field(repr=False, compare=False)

    def to_json(self) -> str:
        """Return a JSON object, without the fields that only `repair` needs."""
        shown = ("verdict", "layout", "architecture", "tensors", "bytes", "changes", "drops", "lossless", "reason")
        return json.dumps({name: getattr(self, name) for name in shown}, ensure_ascii=False)


def inspect(path: Path, *, config: str | None = None, vocabulary: int | None = None) -> Inspection:
    """
    Inspect the file. `config` names the configuration of f5_tts that it must fit, `vocabulary` the entries of its vocab.txt.

    Without them the numbers come from the shapes, and the configuration is "unknown": v0 and v1 have the same shapes. Raises
    CheckpointUnusable for an unknown `config`, OSError if the file can't be read.
    """
    if config is None:
        return inspect_for(path, Wanted(vocabulary=vocabulary))
    known = published(config)
    return inspect_for(path, Wanted(config, known.backbone, known.arch, vocabulary))


def inspect_for(path: Path, wanted: Wanted, *, name: str | None = None) -> Inspection:
    """Inspect a file for any architecture, as if it had the name `name`: loaders go by the end of the name."""
    status = path.stat()
    contents = None
    try:
        contents = read_contents(path)
        diagnosis = _diagnose(replace(contents, name=name) if name else contents, wanted)
    except CheckpointUnusable as error:
        diagnosis = refused("unreadable", error.message)
    return Inspection(
        **vars(diagnosis),
        tensors=contents.count if contents else 0,
        bytes=status.st_size,
        contents=contents,
        wanted=wanted,
        stamp=(status.st_size, status.st_mtime_ns),
    )


def _diagnose(contents: Contents, wanted: Wanted) -> Diagnosis:
    if wanted.backbone == XTTS:
        if xtts.is_xtts(contents):
            return xtts.diagnose(contents, wanted.vocabulary, wanted.arch)
        return refused("not-xtts", f"it is not an XTTS model, but the configuration {wanted.config!r} is one of XTTS")
    if not xtts.is_xtts(contents):
        return layouts.diagnose(contents, wanted)
    if wanted.backbone:
        return refused("xtts", f"it is an XTTS model, but the configuration {wanted.config!r} is one of F5-TTS")
    return xtts.diagnose(contents, wanted.vocabulary)
