"""
The contents of a checkpoint file of any format: dictionaries of named tensors, and where in the file each tensor's bytes are.

Nothing here reads a tensor's bytes or runs a pickle.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from math import prod
from typing import Any, Literal

Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]
Wrapper = tuple[str, ...]
"""The keys that lead from the file's outermost dictionary to an inner one; () is the outermost."""

BITS = {"BOOL": 8, "U8": 8, "I8": 8, "F8_E4M3": 8, "F8_E5M2": 8, "U16": 16, "I16": 16, "F16": 16, "BF16": 16}
BITS |= {"U32": 32, "I32": 32, "F32": 32, "U64": 64, "I64": 64, "F64": 64}
"""The bits of an element of each type, by the type's safetensors name."""

WEIGHT_TYPES = ("F32", "F16", "BF16", "F64")


@dataclass(frozen=True, slots=True)
class Tensor:
    """
    One tensor's type and shape, and where its first element begins, in bytes from the start of the file.

    `strides`, in elements, is None if the elements are in row-major order without gaps. Two equal tensors of a file are
    aliases of each other.
    """

    dtype: str
    shape: Shape
    begin: int
    strides: Shape | None = None

    @property
    def itemsize(self) -> int:
        return BITS[self.dtype] // 8

    @property
    def size(self) -> int:
        """The bytes that the elements take without gaps."""
        return prod(self.shape) * self.itemsize


@dataclass(frozen=True)
class Contents:
    """
    A checkpoint file. `kind` "torch" is a file of torch.save; `size` is the file's, in bytes; `count` counts all tensors.

    `others` names what the dictionaries hold beside tensors. `foreign` are the classes and functions that the file asks for
    and that torch.load(weights_only=True) refuses. `data_start` is where a safetensors file's tensors begin, in bytes. `root`
    is the outermost object of a torch file, with inert stand-ins.
    """

    kind: Literal["safetensors", "torch"]
    name: str
    size: int
    count: int
    dicts: Mapping[Wrapper, Mapping[str, Tensor]]
    others: Mapping[Wrapper, tuple[str, ...]] = field(default_factory=dict)
    foreign: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    data_start: int = 0
    root: Any = None

    @property
    def named_safetensors(self) -> bool:
        """Whether loaders take the file for safetensors: they go by the end of its name."""
        return self.name.endswith(".safetensors")


def row_major(shape: Shape) -> Shape:
    """The strides, in elements, of a tensor without gaps."""
    strides = [1]
    for size in reversed(shape[1:]):
        strides.append(strides[-1] * size)
    return tuple(reversed(strides))[: len(shape)]


def without_gaps(shape: Shape, strides: Shape) -> bool:
    """Whether these strides mean row-major order; an axis of one element may have any."""
    if 0 in shape:
        return True
    relevant = [(size, stride) for size, stride in zip(shape, strides, strict=True) if size > 1]
    return all(left[1] == right[0] * right[1] for left, right in pairwise(relevant)) and (
        not relevant or relevant[-1][1] == 1
    )
