"""Write a file of chosen tensors, straight from the file that holds them, and prove each byte of it."""

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cloning.errors import CheckpointUnusable
from model_cache.contents import Tensor
from model_cache.reading import read_contents
from model_cache.tensorcopy import Progress, check, digest_of, in_half, pieces, read_blocks, transfer
from model_cache.tensorfile import TensorInfo, encode_header, read_header
from model_cache.torchfile import write_archive


@dataclass(frozen=True)
class Written:
    """A new file's size in bytes and its sha256 in lower-case hex."""

    size: int
    sha256: str


def write_safetensors(
    source: Path, out: Path, kept: Mapping[str, Tensor], *, half: bool = False, progress: Progress | None = None
) -> Written:
    """
    Write `out` with the tensors `kept` of `source`, largest types first and then in their order there.

    Raises FileExistsError, CheckpointUnusable if a byte of the result is not what it must be, OSError.
    """
    placed = _placed(kept, half=half)
    start = encode_header(placed, {"format": "pt"})
    return _write(source, out, start, placed, kept, half=half, progress=progress)


def rename_into(source: Path, out: Path, names: Mapping[str, Tensor], *, progress: Progress | None = None) -> Written:
    """
    Write `out` with all tensors of the safetensors file `source`, each where it was, under new names.

    Raises ValueError if the names don't fit into the old header; else as `write_safetensors`.
    """
    header = read_header(source)
    placed = {
        name: TensorInfo(tensor.dtype, tensor.shape, tensor.begin - header.data_start, tensor.begin - header.data_start + tensor.size)
        for name, tensor in sorted(names.items(), key=lambda item: item[1].begin)
    }  # fmt: skip
    start = encode_header(placed, header.metadata, header.length)
    return _write(source, out, start, placed, names, half=False, progress=progress)


def write_torch(
    source: Path,
    out: Path,
    kept: Mapping[str, Tensor],
    config: Any,
    *,
    half: bool = False,
    progress: Progress | None = None,
) -> Written:
    """Write `out` as torch.save would write `{"model": kept, "config": config}`; else as `write_safetensors`."""
    total, done = sum((in_half(tensor) if half else tensor).size for tensor in kept.values()), 0
    with _opened(source, os.O_RDONLY) as reader:

        def blocks(name: str) -> Iterator[bytes]:
            nonlocal done
            for block in read_blocks(reader, kept[name], half=half):
                yield block
                done += len(block)
                if progress:
                    progress(done, total)

        shown = {name: in_half(tensor) if half else tensor for name, tensor in kept.items()}
        write_archive(out, shown, blocks, config)
        there = read_contents(out).dicts.get(("model",), {})
        _expect(shown, there)
        with _opened(out, os.O_RDWR) as writer:
            os.fsync(writer)
            check(reader, writer, pieces([(kept[name], there[name].begin) for name in kept], half=half))
    with out.open("rb") as file:
        return Written(out.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())


def _placed(kept: Mapping[str, Tensor], *, half: bool) -> dict[str, TensorInfo]:
    placed, position = {}, 0
    shown = {name: in_half(tensor) if half else tensor for name, tensor in kept.items()}
    for name, tensor in sorted(shown.items(), key=lambda item: (-item[1].itemsize, item[1].begin)):
        placed[name] = TensorInfo(tensor.dtype, tensor.shape, position, position + tensor.size)
        position += tensor.size
    return placed


def _write(
    source: Path,
    out: Path,
    start: bytes,
    placed: Mapping[str, TensorInfo],
    kept: Mapping[str, Tensor],
    *,
    half: bool,
    progress: Progress | None,
) -> Written:
    digest = digest_of()
    digest.update(start)
    size = len(start) + max((info.end for info in placed.values()), default=0)
    work = pieces([(kept[name], len(start) + info.begin) for name, info in placed.items()], half=half)
    with _opened(source, os.O_RDONLY) as reader, _opened(out, os.O_RDWR | os.O_CREAT | os.O_EXCL) as writer:
        os.pwrite(writer, start, 0)
        os.truncate(writer, size)
        transfer(reader, writer, work, digest, progress)
        os.fsync(writer)
    found = read_contents(out).dicts[()]
    _expect(
        {name: Tensor(info.dtype, info.shape, len(start) + info.begin) for name, info in placed.items()},
        found,
        places=True,
    )
    return Written(size, digest.hexdigest())


def _expect(wanted: Mapping[str, Tensor], found: Mapping[str, Tensor], *, places: bool = False) -> None:
    """The header as it is read back says what was meant."""

    def facts(tensors: Mapping[str, Tensor]) -> dict[str, Any]:
        return {name: (each.dtype, each.shape, each.begin if places else 0) for name, each in tensors.items()}

    if facts(wanted) != facts(found):
        raise CheckpointUnusable(
            "the repaired file can't be read back as it was written; this is a bug, and nothing was kept"
        )


@contextmanager
def _opened(path: Path, flags: int) -> Iterator[int]:
    descriptor = os.open(path, flags, 0o666)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
