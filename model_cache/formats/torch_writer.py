"""
Write what torch.save would write, without torch: a zip of stored entries, with a pickle that rebuilds the tensors.

torch.load reads the file with weights_only=True.
"""

import pickle
import struct
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

from model_cache.formats.contents import Tensor, row_major

_FOLDER = "archive"
_ALIGNMENT = 64  # bytes, as torch does, so that the tensors can be mapped into memory
_ENTRY_HEADER = 30  # bytes, before the name
_STORAGES = {
    "F32": "Float",
    "F64": "Double",
    "F16": "Half",
    "BF16": "BFloat16",
    "BOOL": "Bool",
    "U8": "Byte",
    "I8": "Char",
}
_STORAGES |= {"I16": "Short", "I32": "Int", "I64": "Long"}


def write_archive(
    out: Path, tensors: Mapping[str, Tensor], blocks: Callable[[str], Iterator[bytes]], config: Any = None
) -> None:
    """
    Write `{"model": tensors}`, with `config` (plain data) beside it if there is one; `blocks` gives a tensor's bytes by name.

    Only the tensors' types and shapes are used. Raises FileExistsError, KeyError for a type that torch.save has no storage for.
    """
    with out.open("xb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        _store(archive, file.tell(), "data.pkl", [_pickle(tensors, config)])
        _store(archive, file.tell(), "byteorder", [b"little"])
        for number, name in enumerate(tensors):
            _store(archive, file.tell(), f"data/{number}", blocks(name), tensors[name].size)
        _store(archive, file.tell(), "version", [b"3\n"])


def _store(archive: zipfile.ZipFile, position: int, name: str, blocks: Iterable[bytes], size: int = 0) -> None:
    info = zipfile.ZipInfo(f"{_FOLDER}/{name}")
    info.file_size = size
    padding = -(position + _ENTRY_HEADER + len(info.filename) + 4) % _ALIGNMENT
    info.extra = struct.pack("<2sH", b"FB", padding) + b"Z" * padding
    with archive.open(info, "w") as entry:
        for block in blocks:
            entry.write(block)


def _pickle(tensors: Mapping[str, Tensor], config: Any) -> bytes:
    numbers = count()
    model = b"".join(_text(name) + _tensor(next(numbers), tensor) for name, tensor in tensors.items())
    entries = _text("model") + b"}(" + model + b"u"
    if config is not None:
        entries += _text("config") + _plain(config)
    return b"\x80\x02}(" + entries + b"u."


def _plain(value: Any) -> bytes:
    return pickle.dumps(value, 2)[2:-1]  # without the protocol's mark and the final stop


def _text(text: str) -> bytes:
    data = text.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(data)) + data


def _tensor(number: int, tensor: Tensor) -> bytes:
    """torch._utils._rebuild_tensor_v2(storage, offset, shape, strides, requires_grad, hooks)"""
    elements = tensor.size // tensor.itemsize
    storage = (
        _text("storage") + f"ctorch\n{_STORAGES[tensor.dtype]}Storage\n".encode() + _text(str(number)) + _text("cpu")
    )
    storage = b"(" + storage + _plain(elements) + b"tQ"
    sizes = _plain(tensor.shape) + _plain(row_major(tensor.shape))
    hooks = b"ccollections\nOrderedDict\n)R"
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + b"K\x00" + sizes + b"\x89" + hooks + b"tR"
