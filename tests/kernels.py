"""
The fused kernels without a GPU: by Triton's interpreter, behind a driver that only looks like one, or as torch's operations.

The interpreter computes what a kernel's source says, number by number; what a card's machine code makes of it shows on a card alone.
"""

import ctypes
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from engines.f5 import rotary
from engines.f5.kernels.compiled import ALIGNMENT, EPS, HEAD, SOURCE, Compiled, Kernel
from engines.f5.kernels.driver import CALLS, Driver

if TYPE_CHECKING:
    from torch import Tensor

STREAM = 0x5EED
TYPES = {"float16": ctypes.c_uint16, "bfloat16": ctypes.c_uint16, "float32": ctypes.c_float}


def interpreted_source(patch: pytest.MonkeyPatch) -> ModuleType:
    """`kernels/source.py`, whose kernels run in Triton's interpreter for as long as the patch holds."""
    import triton.language as tl
    from triton.runtime.interpreter import InterpretedFunction

    patch.setenv("TRITON_INTERPRET", "1")
    _round_to_bfloat16(patch)
    if not isinstance(tl.sum, InterpretedFunction):  # the only one of Triton's own that is written in Triton
        patch.setattr(tl, "sum", InterpretedFunction(tl.sum.fn))
    spec = importlib.util.spec_from_file_location("interpreted_source", SOURCE)
    assert spec is not None
    assert spec.loader is not None
    source = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(source)
    return source


def _round_to_bfloat16(patch: pytest.MonkeyPatch) -> None:
    """The interpreter cuts float32 off where machine code rounds it."""
    import torch
    import triton.language as tl
    from triton.runtime import interpreter

    convert = interpreter._convert_float

    def rounded(numbers: Any, source: Any, target: Any, mode: Any) -> Any:
        if (source, target) != (tl.float32, tl.bfloat16):
            return convert(numbers, source, target, mode)
        return torch.from_numpy(numbers).bfloat16().view(torch.uint16).numpy()

    patch.setattr(interpreter, "_convert_float", rounded)


def constants(name: str, dim: int) -> dict[str, Any]:
    """What a kernel is compiled for."""
    import triton

    return {"DIM": dim, "BLOCK": triton.next_power_of_2(dim), **({"HEAD": HEAD} if name == "rotate" else {"EPS": EPS})}


class InterpretedKernels:
    """The kernels of `source` on a CPU, of any size."""

    def __init__(self, source: ModuleType) -> None:
        self._source = source

    def rotate(self, qkv: "Tensor", rotation: rotary.Rotation, heads: int) -> None:
        import torch

        dim = qkv[0, 0].numel()
        cosine, sine = rotation
        self._source.rotate[len(qkv), 2](qkv, cosine, torch.view_as_real(sine), heads, **constants("rotate", dim))

    def norm(self, x: "Tensor", scale: "Tensor", shift: "Tensor") -> "Tensor":
        import torch

        out = torch.empty_like(x)
        self._source.norm[(len(x),)](x, scale, shift, out, **constants("norm", x.shape[1]))
        return out

    def add_norm(self, x: "Tensor", y: "Tensor", gate: "Tensor", scale: "Tensor", shift: "Tensor") -> "Tensor":
        import torch

        out = torch.empty_like(x)
        self._source.add_norm[(len(x),)](x, y, gate, scale, shift, out, **constants("add_norm", x.shape[1]))
        return out


class TorchKernels:
    """The same by torch's operations in float32, rounded where the kernels round: as fast as a CPU is."""

    def rotate(self, qkv: "Tensor", rotation: rotary.Rotation, heads: int) -> None:
        for part in qkv.unbind(1)[:2]:
            part.copy_(rotary.rotated(part.clone(), rotation, heads))

    def norm(self, x: "Tensor", scale: "Tensor", shift: "Tensor") -> "Tensor":
        from torch.nn.functional import layer_norm

        return (layer_norm(x.float(), x.shape[1:], eps=EPS) * scale.float() + shift.float()).to(x.dtype)

    def add_norm(self, x: "Tensor", y: "Tensor", gate: "Tensor", scale: "Tensor", shift: "Tensor") -> "Tensor":
        x.copy_(x.float() + y.float() * gate.float())
        return self.norm(x, scale, shift)


@dataclass
class PretendedDriver:
    """
    Takes what a CUDA driver takes, through the same C interface, and runs the kernels of `source` in the interpreter.

    `launched` are the kernels by name with grid and values. `fails` has a CUDA error's number by call.
    """

    compiled: Compiled
    source: ModuleType | None = None
    fails: dict[str, int] = field(default_factory=dict)
    launched: list[tuple[str, tuple[int, ...], list[int]]] = field(default_factory=list)
    _text: bytes = b"pretended"

    def driver(self) -> Driver:
        """With these functions as the driver's library."""
        calls: Mapping[str, Any] = {
            "cuModuleLoadData": self._load,
            "cuModuleGetFunction": self._find,
            "cuLaunchKernel": self._launch,
            "cuGetErrorString": self._explain,
        }
        return Driver({name: kind(calls[name]) for name, kind in CALLS.items()})

    def _kernels(self) -> list[tuple[Kernel, bytes]]:
        return list(self.compiled.kernels.values())

    def _load(self, module: Any, image: int) -> int:
        held = [ctypes.string_at(image, len(code)) == code for _, code in self._kernels()]
        module[0] = 1 + held.index(True)
        return self.fails.get("cuModuleLoadData", 0)

    def _find(self, function: Any, module: int, name: bytes) -> int:
        function[0] = 100 + module
        found = self._kernels()[module - 1][0].symbol == name.decode()
        return self.fails.get("cuModuleGetFunction", 0 if found else 500)

    def _launch(self, function: int, *given: Any) -> int:
        grid, block, (shared, stream, parameters, extra) = given[:3], given[3:6], given[6:]
        kernel = self._kernels()[function - 101][0]
        assert (block, shared, stream, bool(extra)) == ((32 * kernel.warps, 1, 1), kernel.shared, STREAM, False)
        words = [
            (ctypes.c_uint64 if bits == 64 else ctypes.c_int32).from_address(parameters[place]).value
            for place, bits in enumerate(kernel.bits)
        ]
        assert words[-2:] == [0, 0]  # Triton's pointers to scratch memory
        self.launched.append((kernel.name, grid, words[:-2]))
        if self.source is not None:
            self._run(kernel, grid, words[:-2])
        return self.fails.get("cuLaunchKernel", 0)

    def _run(self, kernel: Kernel, grid: tuple[int, ...], words: list[int]) -> None:
        kinds = [kernel.dtype, "float32", "float32"] if kernel.name == "rotate" else [kernel.dtype] * len(words)
        values = [_at(word, kind) for word, kind in zip(words, kinds, strict=False)] + words[len(kinds) :]
        assert self.source is not None
        getattr(self.source, kernel.name)[grid](*values, **constants(kernel.name, kernel.dim))

    def _explain(self, _: int, text: Any) -> int:
        text[0] = self._text
        return 0


def _at(address: int, dtype: str) -> "Tensor":
    """One number there, of which a kernel takes the address alone."""
    import torch

    assert address % ALIGNMENT == 0
    return torch.frombuffer(TYPES[dtype].from_address(address), dtype=getattr(torch, dtype))


def flash_attention(patch: pytest.MonkeyPatch) -> None:
    """A CPU's stand-in for torch's attention over sequences of unequal lengths."""
    import torch
    from torch.nn.functional import scaled_dot_product_attention

    def attend(*given: Any, **_: Any) -> "tuple[Tensor, ...]":
        outputs = []
        for start, end in pairwise(given[3].tolist()):
            query, key, value = (one[None, start:end].transpose(1, 2) for one in given[:3])
            outputs.append(scaled_dot_product_attention(query, key, value).transpose(1, 2)[0])
        return (torch.cat(outputs),)

    patch.setattr(torch.ops.aten, "_flash_attention_forward", attend)
