"""
Files of torch.save: a zip with the pickle of the objects (data.pkl) and the tensors' bytes, uncompressed (data/0, ...).

They are read without torch and without running the pickle (see unpickling), at a cost independent of the tensors' size.
"""

import io
import os
import re
import struct
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

from cloning.errors import CheckpointUnusable
from model_cache.formats.contents import BITS, Contents, Shape, Tensor, Wrapper, without_gaps
from model_cache.formats.unpickling import Call, Global, NotPlainData, Persistent, Unpickler

MAX_PICKLE = 32 << 20  # bytes; that of a training file with 4000 tensors has 1 MB
_MAX_DIRECTORY = 64 << 20
_DEPTH = 4  # containers within containers; weights are at 0 or 1
_MAX_ITEMS = 1_000_000  # of all containers together: they may hold each other
_DIMENSIONS = 16

_TYPES = {
    "Float": "F32",
    "Double": "F64",
    "Half": "F16",
    "BFloat16": "BF16",
    "Bool": "BOOL",
    "Byte": "U8",
    "Char": "I8",
}
_TYPES |= {"Short": "I16", "Int": "I32", "Long": "I64"}
_STORAGES = {f"torch.{name}Storage": dtype for name, dtype in _TYPES.items()}
_TENSOR, _PARAMETER = "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_parameter"
_HARMLESS = {"collections.OrderedDict", "collections.Counter", "torch.Size", "torch.device", _TENSOR, _PARAMETER}
_HARMLESS |= _STORAGES.keys()
_HARMLESS |= {f"torch.{name}" for name in ("float32", "float64", "float16", "bfloat16", "int64", "int32", "bool")}


@dataclass(frozen=True)
class _Span:
    begin: int
    size: int


class _Frugal(io.FileIO):
    """A file that refuses to read a huge block at once, whatever a zip's directory claims."""

    def read(self, size: int | None = -1, /) -> bytes:
        rest = os.fstat(self.fileno()).st_size - self.tell()
        wanted = rest if size is None or size < 0 else min(size, rest)
        if wanted > _MAX_DIRECTORY:
            raise zipfile.BadZipFile("its directory is too large")
        return super().read(wanted) or b""


def read_archive(path: Path) -> Contents:
    """
    Read what a file of torch.save holds. Raises CheckpointUnusable with the reason if it is another file, or damaged.

    Classes that the pickle asks for don't raise: they are listed in `Contents.foreign`.
    """
    try:
        with _Frugal(path, "rb") as file:
            entries = _entries(file)
            unpickler = Unpickler(_pickle(file, entries))
            storages = {name.removeprefix("data/"): span for name, span in entries.items() if name.startswith("data/")}
            root = unpickler.read()
            return _contents(path, root, _Tensors(storages), unpickler.globals)
    except (NotPlainData, zipfile.BadZipFile, struct.error, UnicodeDecodeError, NotImplementedError) as error:
        raise CheckpointUnusable(f"{path.name} is not a whole file of torch.save: {error}", file=path.name) from error


def _entries(file: BinaryIO) -> dict[str, _Span]:
    """The place of each entry's bytes, by its name without the archive's own folder."""
    with zipfile.ZipFile(file) as archive:
        infos = archive.infolist()
    size = file.seek(0, io.SEEK_END)
    entries: dict[str, _Span] = {}
    for info in infos:
        name = info.filename.partition("/")[2]
        if name in entries:
            raise zipfile.BadZipFile(f"it has {name} twice")
        if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1 or info.file_size != info.compress_size:
            raise zipfile.BadZipFile(f"{name} is compressed or encrypted, which torch.save never does")
        entries[name] = _span(file, info, size)
    if "constants.pkl" in entries:
        raise zipfile.BadZipFile("it is a TorchScript program; a checkpoint of weights is needed")
    return entries


def _span(file: BinaryIO, info: zipfile.ZipInfo, size: int) -> _Span:
    file.seek(info.header_offset)
    signature, name, extra = struct.unpack("<4s22xHH", file.read(30))
    span = _Span(info.header_offset + 30 + name + extra, info.file_size)
    if signature != b"PK\x03\x04" or span.begin + span.size > size:
        raise zipfile.BadZipFile("its directory names places that are not in the file")
    return span


def _pickle(file: BinaryIO, entries: Mapping[str, _Span]) -> bytes:
    if "data.pkl" not in entries:
        raise zipfile.BadZipFile("it is a zip file without the data.pkl of torch.save")
    if "byteorder" in entries and _read(file, entries["byteorder"]) != b"little":
        raise zipfile.BadZipFile("it was written on a machine with another byte order")
    return _read(file, entries["data.pkl"])


def _read(file: BinaryIO, span: _Span) -> bytes:
    if span.size > MAX_PICKLE:
        raise zipfile.BadZipFile(f"its pickle has {span.size} bytes, {MAX_PICKLE} are allowed")
    file.seek(span.begin)
    return file.read(span.size)


class _Tensors:
    """Makes a Tensor from the call that would rebuild it."""

    def __init__(self, storages: Mapping[str, _Span]) -> None:
        self._storages = storages

    def make(self, value: Any) -> Tensor | None:
        """The tensor that the value describes; None if it describes something else."""
        if isinstance(value, Call) and value.what.name == _PARAMETER and value.arguments:
            value = value.arguments[0]
        if not isinstance(value, Call) or value.what.name != _TENSOR:
            return None
        storage, offset, shape, strides, *_ = value.arguments
        dtype, span = self._storage(storage)
        shape, strides = _sizes(shape), _sizes(strides)
        if type(offset) is not int or offset < 0 or len(shape) != len(strides):
            raise NotPlainData("a tensor's shape, strides or offset are not sizes")
        item = BITS[dtype] // 8
        reach = 1 + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True)) if prod(shape) else 0
        if (offset + max(reach, prod(shape))) * item > span.size:  # the product: no two elements share a place
            raise NotPlainData("a tensor reaches beyond its storage")
        return Tensor(dtype, shape, span.begin + offset * item, None if without_gaps(shape, strides) else strides)

    def _storage(self, storage: Any) -> tuple[str, _Span]:
        key = storage.key if isinstance(storage, Persistent) else ()
        if len(key) < 3 or key[0] != "storage" or not isinstance(key[1], Global) or not isinstance(key[2], str):  # noqa: PLR2004 - tag, type, key
            raise NotPlainData("a tensor has no storage")
        if key[1].name not in _STORAGES or key[2] not in self._storages:
            raise NotPlainData(f"a tensor's storage {key[2]!r} of type {key[1].name} is not in the file")
        return _STORAGES[key[1].name], self._storages[key[2]]


def _sizes(value: Any) -> Shape:
    if isinstance(value, Call) and value.what.name == "torch.Size" and value.arguments:
        value = value.arguments[0]
    if not isinstance(value, tuple) or len(value) > _DIMENSIONS:
        raise NotPlainData("a tensor's shape is not a shape")
    if not all(type(size) is int and 0 <= size < 1 << 62 for size in value):
        raise NotPlainData("a tensor's shape holds something other than sizes")
    return value


def _contents(path: Path, root: Any, tensors: _Tensors, names: set[str]) -> Contents:
    dicts: dict[Wrapper, dict[str, Tensor]] = {}
    others: dict[Wrapper, tuple[str, ...]] = {}
    seen = 0
    for wrapper, mapping in _dictionaries((), root):
        seen += 1 + len(mapping)
        if seen > _MAX_ITEMS:
            raise NotPlainData(f"its dictionaries hold more than {_MAX_ITEMS} items")
        found = {key: tensor for key, value in mapping.items() if (tensor := _named(key, value, tensors))}
        if found:
            dicts[wrapper] = {str(key): tensor for key, tensor in found.items()}
        others[wrapper] = tuple(str(key) for key in mapping if key not in found)
    return Contents(
        kind="torch",
        name=path.name,
        size=path.stat().st_size,
        count=sum(map(len, dicts.values())),
        dicts=dicts,
        others=others,
        foreign=tuple(sorted(name[:200].encode("unicode_escape").decode() for name in names - _HARMLESS)),
        root=root,
    )


def _named(key: Any, value: Any, tensors: _Tensors) -> Tensor | None:
    try:
        return tensors.make(value)
    except (NotPlainData, ValueError) as error:
        raise NotPlainData(f"{error} ({str(key)[:100]})") from error


def _dictionaries(wrapper: Wrapper, value: Any) -> Iterator[tuple[Wrapper, dict[Any, Any]]]:
    """The nested dictionaries and lists, each before those that it holds."""
    mapping = dict(enumerate(value)) if isinstance(value, list) else value
    if isinstance(mapping, dict):
        yield wrapper, mapping
        if len(wrapper) < _DEPTH:
            for key, inner in mapping.items():
                yield from _dictionaries((*wrapper, str(key)), inner)


def is_archive(start: bytes) -> bool:
    """Whether a file with these first bytes is a zip archive."""
    return start.startswith(b"PK\x03\x04")


def legacy(start: bytes) -> str | None:
    """Why a file with these first bytes is refused, if it is of a kind older than torch's zip files."""
    if start[257:262] == b"ustar":
        return "it is a tar file, as torch wrote them before 0.2"
    if re.match(rb"\x80[\x02-\x05]", start) or start.startswith((b"(dp", b"(lp", b"ccollections\n")):
        return "it is a bare pickle, as torch.save wrote them before 1.6"
    return None
