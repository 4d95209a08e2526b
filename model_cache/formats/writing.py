"""Write a file of chosen tensors, straight from the file that holds them, and verify each byte of it."""

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cloning.errors import CheckpointUnusable
from cloning.ports import Progress
from model_cache.formats.contents import Tensor
from model_cache.formats.reading import read_contents
from model_cache.formats.safetensors_file import TensorInfo, encode_header, read_header
from model_cache.formats.tensor_copy import compare, in_half, pieces, read_blocks, transfer
from model_cache.formats.torch_writer import write_archive
from storage.bulk import sha256_of


@dataclass(frozen=True)
class Written:
    """A new file's size in bytes and, if asked for, its sha256 in lower-case hex."""

    size: int
    sha256: str | None


@dataclass(frozen=True)
class Options:
    """How to write: cast floats to half precision, take the sha256 (slower than the copy), wait for the disk, report progress."""

    half: bool = False
    digest: bool = False
    durable: bool = True
    progress: Progress | None = None


def write_safetensors(source: Path, out: Path, kept: Mapping[str, Tensor], options: Options = Options()) -> Written:
    """
    Write `out` with the tensors `kept` of `source`, largest types first and then in their order there.

    Raises FileExistsError, CheckpointUnusable if a byte of the result is wrong, OSError.
    """
    placed = _placed(kept, half=options.half)
    return _write(source, out, encode_header(placed, {"format": "pt"}), placed, kept, options)


def rename_into(source: Path, out: Path, names: Mapping[str, Tensor], options: Options = Options()) -> Written:
    """
    Write `out` with all tensors of the safetensors file `source`, each at its old place, under new names.

    Raises ValueError if the names don't fit into the old header; otherwise like `write_safetensors`.
    """
    header = read_header(source)
    placed = {}
    for name, tensor in sorted(names.items(), key=lambda item: item[1].begin):
        begin = tensor.begin - header.data_start
        placed[name] = TensorInfo(tensor.dtype, tensor.shape, begin, begin + tensor.size)
    start = encode_header(placed, header.metadata, header.length)
    return _write(source, out, start, placed, names, replace(options, half=False))


def write_torch(
    source: Path, out: Path, kept: Mapping[str, Tensor], config: Any, options: Options = Options()
) -> Written:
    """Write `out` as torch.save would write `{"model": kept, "config": config}`; otherwise like `write_safetensors`."""
    shown = _shown(kept, half=options.half)
    with _opened(source, os.O_RDONLY) as reader:

        def blocks(name: str) -> Iterator[bytes]:
            for block in read_blocks(reader, kept[name], half=options.half):
                yield block
                if options.progress:
                    options.progress(len(block))

        write_archive(out, shown, blocks, config)
        there = read_contents(out).dicts.get(("model",), {})
        _expect(shown, there)
        with _opened(out, os.O_RDWR) as writer:
            if options.durable:
                os.fsync(writer)
            compare(reader, writer, pieces([(kept[name], there[name].begin) for name in kept], half=options.half))
    return Written(out.stat().st_size, sha256_of(out) if options.digest else None)


def _shown(kept: Mapping[str, Tensor], *, half: bool) -> dict[str, Tensor]:
    """The tensors as the new file describes them."""
    return {name: in_half(tensor) if half else tensor for name, tensor in kept.items()}


def _placed(kept: Mapping[str, Tensor], *, half: bool) -> dict[str, TensorInfo]:
    placed, position = {}, 0
    shown = _shown(kept, half=half)
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
    options: Options,
) -> Written:
    digest = hashlib.sha256(start) if options.digest else None
    size = len(start) + max((info.end for info in placed.values()), default=0)
    work = pieces([(kept[name], len(start) + info.begin) for name, info in placed.items()], half=options.half)
    with _opened(source, os.O_RDONLY) as reader, _opened(out, os.O_RDWR | os.O_CREAT | os.O_EXCL) as writer:
        os.pwrite(writer, start, 0)
        os.truncate(writer, size)
        transfer(reader, writer, work, digest=digest, durable=options.durable, progress=options.progress)
    meant = {name: Tensor(info.dtype, info.shape, len(start) + info.begin) for name, info in placed.items()}
    _expect(meant, read_contents(out).dicts[()], places=True)
    return Written(size, digest.hexdigest() if digest else None)


def _expect(wanted: Mapping[str, Tensor], found: Mapping[str, Tensor], *, places: bool = False) -> None:
    """Raise CheckpointUnusable unless the header, read back, describes the tensors as intended."""

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
