"""
Copy tensors' bytes from one file into another at constant memory: unchanged, without their gaps, or in half precision.

What was written is read back and compared while the next bytes are copied and the disk stores the previous ones.
"""

import errno
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from cloning.errors import CheckpointUnusable
from cloning.ports import Progress
from model_cache.formats.contents import WEIGHT_TYPES, Tensor, row_major

BLOCK = 32 << 20  # bytes
_STEP = 1 << 20  # bytes, of data that passes through this process
_STRETCH = 1 << 18  # bytes, of data that is only read

_EXPONENT = 0x7C00  # of half precision; all ones for infinities and NaN
_NUMPY = {
    "F32": "<f4",
    "F64": "<f8",
    "F16": "<f2",
    "BF16": "<u2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "U16": "<u2",
}
_NO_KERNEL_COPY = {errno.EXDEV, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL, errno.EPERM, errno.EBADF}


@dataclass(frozen=True)
class Piece:
    """A stretch of a new file, [begin, begin + size) in bytes, and the tensor that it holds; `half` says that it is cast."""

    begin: int
    size: int
    tensor: Tensor
    half: bool

    @property
    def plain(self) -> bool:
        """Whether its bytes equal the source's."""
        return self.tensor.strides is None and not self.half


def becomes_half(tensor: Tensor) -> bool:
    """Whether a cast to half precision changes the tensor: counters stay unchanged."""
    return tensor.dtype in WEIGHT_TYPES and tensor.dtype != "F16"


def pieces(placed: Iterable[tuple[Tensor, int]], *, half: bool) -> list[Piece]:
    """The pieces of a new file, from each tensor and its place there; neighbours in both files become one piece."""
    found: list[Piece] = []
    for tensor, begin in placed:
        cast = half and becomes_half(tensor)
        piece = Piece(begin, tensor.size * 2 // tensor.itemsize if cast else tensor.size, tensor, cast)
        last = found[-1] if found else None
        if last and _continues(last, piece):
            joined = Tensor("U8", (last.size + piece.size,), last.tensor.begin)
            found[-1] = Piece(last.begin, joined.size, joined, half=False)
        elif piece.size:
            found.append(piece)
    return found


def _continues(last: Piece, piece: Piece) -> bool:
    together = last.begin + last.size == piece.begin and last.tensor.begin + last.size == piece.tensor.begin
    return together and last.plain and piece.plain


def transfer(
    reader: int,
    writer: int,
    work: Iterable[Piece],
    *,
    digest: Any = None,
    durable: bool = True,
    progress: Progress | None = None,
) -> None:
    """
    Write the pieces, which follow each other without a gap, and verify each by reading it back; `digest` takes their bytes.

    `reader` and `writer` are file descriptors; a `durable` file is on the disk at the end. Raises CheckpointUnusable if the
    source shrinks, if the written bytes are wrong, or if a value doesn't fit half precision; OSError if the disk is full.
    """
    with _Followers(reader, writer, digest, store=durable) as followers:
        for piece in work:
            for offset, size in _blocks(piece):
                _write(reader, writer, piece, offset, size)
                followers.follow(piece, offset, size)
                if progress:
                    progress(size)
        if durable:
            os.fsync(writer)
        followers.finish()


class _Followers:
    """The work that follows the copy, each kind on its own thread: flushing to disk, comparison and digest."""

    def __init__(self, reader: int, writer: int, digest: Any, *, store: bool) -> None:
        self._reader, self._writer, self._digest, self._store = reader, writer, digest, store
        self._unstored: tuple[int, int] | None = None
        self._proofs: list[Future[None]] = []
        self._threads = ExitStack()
        # One thread each: a digest needs the blocks in order, and the disk should get them in order.
        self._storing, self._comparing, self._digesting = (
            self._threads.enter_context(ThreadPoolExecutor(1)) for _ in range(3)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.close()

    def follow(self, piece: Piece, offset: int, size: int) -> None:
        """Queue the follow-up work for these written bytes."""
        begin = piece.begin + offset
        self._proofs.append(self._comparing.submit(_compare, self._reader, self._writer, piece, offset, size))
        if self._digest:
            self._proofs.append(self._digesting.submit(_digest, self._writer, begin, size, self._digest))
        start = self._unstored[0] if self._unstored else begin
        self._unstored = (start, begin + size)
        if self._store and begin + size - start >= BLOCK:
            self._storing.submit(_begin_to_store, self._writer, start, begin + size - start)
            self._unstored = None

    def finish(self) -> None:
        """Wait for the comparison and the digest; raise what they raise."""
        for proof in self._proofs:
            proof.result()


def _begin_to_store(file: int, begin: int, size: int) -> None:
    """
    Start writing these bytes to disk while others are copied, so that the last fsync has little to do.

    The advice means "not needed soon": Linux then starts to write dirty pages, and keeps them in memory until they are written.
    """
    with suppress(OSError):
        os.posix_fadvise(file, begin, size, os.POSIX_FADV_DONTNEED)


def read_blocks(reader: int, tensor: Tensor, *, half: bool) -> Iterator[bytes]:
    """The bytes that the tensor has in a new file."""
    for piece in pieces([(tensor, 0)], half=half):
        for offset, size in _blocks(piece):
            yield _bytes(reader, piece, offset, size)


def compare(reader: int, writer: int, work: Iterable[Piece]) -> None:
    """Compare the written bytes with the expected ones. Raises CheckpointUnusable."""
    for piece in work:
        for offset, size in _blocks(piece):
            _compare(reader, writer, piece, offset, size)


def _blocks(piece: Piece) -> Iterator[tuple[int, int]]:
    """The blocks of a piece, as (offset, size). A tensor with gaps is one block: its middle can't be addressed directly."""
    step = BLOCK if piece.plain else piece.size if piece.tensor.strides else _STEP
    for offset in range(0, piece.size, step):
        yield offset, min(step, piece.size - offset)


def _write(reader: int, writer: int, piece: Piece, offset: int, size: int) -> None:
    if piece.plain:
        _copy(reader, writer, piece.tensor.begin + offset, piece.begin + offset, size)
        return
    data = memoryview(_bytes(reader, piece, offset, size))
    while data:
        written = os.pwrite(writer, data, piece.begin + offset)
        data, offset = data[written:], offset + written


def _copy(reader: int, writer: int, source: int, target: int, size: int) -> None:
    """Copy in the kernel where possible, so that the bytes don't pass through this process."""
    while size:
        try:
            copied = os.copy_file_range(reader, writer, size, source, target)
        except OSError as error:
            if error.errno not in _NO_KERNEL_COPY:
                raise
            copied = os.pwrite(writer, os.pread(reader, min(size, _STEP), source), target)
        if not copied:
            raise _shrunk()
        source, target, size = source + copied, target + copied, size - copied


def _compare(reader: int, writer: int, piece: Piece, offset: int, size: int) -> None:
    if piece.plain:
        left, right = (
            _stretches(reader, piece.tensor.begin + offset, size),
            _stretches(writer, piece.begin + offset, size),
        )
        same = all(a == b for a, b in zip(left, right, strict=True))
    else:
        same = _bytes(reader, piece, offset, size) == _read(writer, piece.begin + offset, size)
    if not same:
        raise CheckpointUnusable(
            "the written file differs from its source: the disk is faulty, or the source is being changed. Try again"
        )


def _digest(file: int, offset: int, size: int, digest: Any) -> None:
    for stretch in _stretches(file, offset, size):
        digest.update(stretch)


def _stretches(file: int, offset: int, size: int) -> Iterator[bytearray]:
    """Read a file in one small buffer that stays in the processor's cache; each is valid until the next is read."""
    buffer = bytearray(min(size, _STRETCH))
    while size:
        if size < len(buffer):
            buffer = bytearray(size)
        filled = 0
        while filled < len(buffer):
            count = os.preadv(file, [memoryview(buffer)[filled:]], offset + filled)
            if not count:
                raise _shrunk()
            filled += count
        yield buffer
        offset, size = offset + filled, size - filled


def _bytes(reader: int, piece: Piece, offset: int, size: int) -> bytes:
    """The bytes that the piece must hold at [offset, offset + size)."""
    tensor = piece.tensor
    if piece.plain:
        return _read(reader, tensor.begin + offset, size)
    if tensor.strides is not None:
        raw = _gathered(reader, tensor)
        return _halved(raw, tensor.dtype) if piece.half else raw
    begin, count = offset // 2 * tensor.itemsize, size // 2 * tensor.itemsize
    return _halved(_read(reader, tensor.begin + begin, count), tensor.dtype)


def _read(file: int, offset: int, size: int) -> bytes:
    data = os.pread(file, size, offset)
    while len(data) < size:  # one call returns at most 2 GiB
        more = os.pread(file, size - len(data), offset + len(data))
        if not more:
            raise _shrunk()
        data += more
    return data


def _gathered(reader: int, tensor: Tensor) -> bytes:
    """The elements of a tensor with gaps, in row-major order."""
    strides = tensor.strides or row_major(tensor.shape)
    reach = 1 + sum((size - 1) * stride for size, stride in zip(tensor.shape, strides, strict=True))
    kind = np.dtype(_NUMPY.get(tensor.dtype, "u1"))
    flat = np.frombuffer(_read(reader, tensor.begin, reach * kind.itemsize), kind)
    view = np.lib.stride_tricks.as_strided(flat, tensor.shape, [stride * kind.itemsize for stride in strides])
    return np.ascontiguousarray(view).tobytes()


def _halved(raw: bytes, dtype: str) -> bytes:
    """Cast like torch's `.half()`, bit for bit, by way of float32; refuse results that are NaN or infinite."""
    values: np.ndarray[Any, Any] = np.frombuffer(raw, _NUMPY[dtype])
    if dtype == "BF16":
        values = (values.astype("<u4") << 16).view("<f4")
    with np.errstate(over="ignore", under="ignore"):
        half = values.astype("<f4", copy=False).astype("<f2")
    if (half.view("<u2") & _EXPONENT == _EXPONENT).any():
        raise CheckpointUnusable(
            "a weight doesn't fit half precision (65504 at most, and no NaN): keep the file's own precision"
        )
    return half.tobytes()


def _shrunk() -> CheckpointUnusable:
    return CheckpointUnusable("the checkpoint's file shrank while it was read. Fetch it again")


def in_half(tensor: Tensor) -> Tensor:
    """The tensor's type and shape after the cast."""
    return replace(tensor, dtype="F16") if becomes_half(tensor) else tensor
