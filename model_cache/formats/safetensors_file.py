"""
Safetensors headers, read and written at constant memory.

A file is: u64 little-endian length N of the header; N bytes of JSON, `name -> {dtype, shape, data_offsets}` and
`__metadata__`, padded with spaces; the tensors' bytes, one after the other without a gap. Offsets count from the end of the
header. Source: https://github.com/huggingface/safetensors#format. Every header is checked against those rules before it is
used, so a truncated, padded or foreign file is refused here and not inside a loader.
"""

import json
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from pathlib import Path
from typing import Any

from cloning.errors import CheckpointUnusable
from model_cache.formats.contents import BITS

MAX_HEADER = 100_000_000  # bytes; the library's own limit
HEADER_LENGTH = 8  # bytes, of the u64
ALIGNMENT = 8  # bytes; the library pads its headers so that the data begins at a multiple of it


@dataclass(frozen=True)
class TensorInfo:
    """One tensor's type, shape, and the bytes [begin, end) that it owns, counted from the end of the header."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True)
class Header:
    """A valid header. `length` is N, in bytes."""

    tensors: Mapping[str, TensorInfo]
    metadata: Mapping[str, str]
    length: int

    @property
    def data_start(self) -> int:
        """Where the tensors' bytes begin, in bytes from the start of the file."""
        return HEADER_LENGTH + self.length


def read_header(path: Path) -> Header:
    """Read a safetensors file's header. Raises CheckpointUnusable if the file breaks a rule, OSError if it can't be read."""
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(HEADER_LENGTH)
        length = int.from_bytes(start, "little")
        if len(start) < HEADER_LENGTH or length > min(MAX_HEADER, size - HEADER_LENGTH):
            raise _damaged(path, f"its header should have {length} bytes, the whole file has {size}")
        text = file.read(length)
    header = _parse(path, text)
    _check_coverage(path, header, size - header.data_start)
    return header


def rename_in_place(path: Path, renames: Mapping[str, str], header: Header) -> None:
    """
    Rename tensors by rewriting the header; no tensor moves. Tensors that are not in `renames` keep their names.

    `header` is the file's. The file must be the caller's own: a crash in the middle leaves it unreadable. Raises ValueError if
    the new header is longer than the old one, or two tensors would share a name; the file is then unchanged.
    """
    tensors = {renames.get(name, name): info for name, info in header.tensors.items()}
    if len(tensors) < len(header.tensors):
        raise ValueError("two tensors would share a name")
    start = encode_header(tensors, header.metadata, header.length)
    with path.open("r+b") as file:
        file.write(start)
        file.flush()
        os.fdatasync(file.fileno())  # the size stays


def encode_header(tensors: Mapping[str, TensorInfo], metadata: Mapping[str, str], length: int | None = None) -> bytes:
    """
    The bytes before a file's data, padded to a header of `length` bytes, or as the library pads them.

    Raises ValueError if the header is longer than `length`.
    """
    text = _encode(tensors, metadata)
    if length is None:
        length = -(-len(text) // ALIGNMENT) * ALIGNMENT
    if len(text) > length:
        raise ValueError(f"the new header has {len(text)} bytes, the old one {length}: rewrite the file instead")
    return struct.pack("<Q", length) + text.ljust(length)


def _parse(path: Path, text: bytes) -> Header:
    try:
        entries = _object(json.loads(text.decode("utf-8"), object_pairs_hook=_without_duplicates))
        metadata = _metadata(_object(entries.pop("__metadata__", {})))
        return Header({name: _tensor(name, entry) for name, entry in entries.items()}, metadata, len(text))
    except (ValueError, RecursionError) as error:
        raise _damaged(path, f"its header can't be read ({error})") from error


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(found := dict(pairs)) < len(pairs):
        raise ValueError("a name occurs twice")
    return found


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"a {type(value).__name__} instead of an object")  # noqa: TRY004 - the caller collects ValueError
    return value


def _metadata(entries: dict[str, Any]) -> dict[str, str]:
    if not all(isinstance(value, str) for value in entries.values()):
        raise ValueError("__metadata__ holds something other than text")
    return entries


def _tensor(name: str, entry: Any) -> TensorInfo:
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise ValueError(f"{name!r} lacks dtype, shape or data_offsets")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in BITS:
        raise ValueError(f"{name!r} has the unknown dtype {dtype!r}")
    if not (_are_sizes(shape) and _are_sizes(offsets) and len(offsets) == 2):  # noqa: PLR2004 - begin and end
        raise ValueError(f"{name!r} has a shape or offsets that are not sizes")
    begin, end = offsets
    if end - begin != prod(shape) * BITS[dtype] // 8:
        raise ValueError(f"{name!r} owns {end - begin} bytes, which doesn't fit {dtype} of shape {shape}")
    return TensorInfo(dtype, tuple(shape), begin, end)


def _are_sizes(values: Any) -> bool:
    return isinstance(values, list) and all(type(value) is int and value >= 0 for value in values)


def _check_coverage(path: Path, header: Header, size: int) -> None:
    """Check that every byte after the header belongs to exactly one tensor; the library refuses anything else."""
    spans = sorted((info.begin, info.end) for info in header.tensors.values())
    if any(left[1] != right[0] for left, right in pairwise([(0, 0), *spans])):
        raise _damaged(path, "its tensors overlap or leave gaps")
    expected = spans[-1][1] if spans else 0
    if expected != size:
        raise _damaged(path, f"its tensors take {expected} bytes, {size} are there")


def _damaged(path: Path, why: str) -> CheckpointUnusable:
    return CheckpointUnusable(f"{path.name} is not a whole safetensors file: {why}. Fetch it again", file=path.name)


def _encode(tensors: Mapping[str, TensorInfo], metadata: Mapping[str, str]) -> bytes:
    entries: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    for name, info in tensors.items():
        entries[name] = {"dtype": info.dtype, "shape": info.shape, "data_offsets": (info.begin, info.end)}
    return json.dumps(entries, separators=(",", ":"), ensure_ascii=False).encode("utf-8")
