"""
A GPU without a GPU: torch's fake tensors have a CUDA device and no numbers, and what a path would ask of a GPU is counted on them.

What needs a real device is replaced: its generator, its properties, the switch to it. torch's own check inside `istft` is not covered.
"""

import re
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from engines.f5 import solver

CUDA = "cuda:0"
FREE = {
    "view", "_unsafe_view", "expand", "transpose", "permute", "slice", "select", "unsqueeze", "squeeze", "split", "split_with_sizes",
    "t", "as_strided", "detach", "alias", "unbind", "view_as_complex", "view_as_real", "_reshape_alias", "lift_fresh",
    "empty", "empty_like", "new_empty", "empty_strided", "new_empty_strided", "chunk", "device",
}  # fmt: skip
# What torch does in libtorch_cuda_linalg, which the image lacks.
_LINEAR_ALGEBRA = re.compile(
    r"_?linalg_(cholesky|inv|lu|solve|qr|householder|eig|svd|lstsq|ldl|slogdet|det)|triangular_solve|geqrf|ormqr|orgqr|cholesky_(inverse|solve)"
)
_WIDE = {torch.float32, torch.float64, torch.complex64, torch.complex128}
_COPIES = {"_to_copy", "to", "copy_"}


class Operations(TorchDispatchMode):
    """
    Counts what would start a kernel; notes operations with tensors on two devices (scalars may be anywhere), and where copies go.

    If the host asks for a number it fails, because there is none. With `answers` it gets the next of them, then True for `all`, False and 0;
    and `waits` counts how often, and by which line of ours or of a library, it asked the GPU. `wide` are the operations that made float32 or
    complex numbers there.
    """

    def __init__(self, *answers: object, is_answering: bool = False) -> None:
        super().__init__()
        self.counts = Counter[str]()
        self.mixed = Counter[tuple[str, ...]]()
        self.copies = Counter[tuple[str, str]]()
        self.waits = Counter[str]()
        self.wide = Counter[str]()
        self._is_answering = is_answering or bool(answers)
        self._answers = list(answers)
        self._all: list[Any] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.__name__.partition(".")[0]
        assert not _LINEAR_ALGEBRA.match(name), f"{name} is not in the image"
        if name == "_local_scalar_dense" and self._is_answering:
            return self._answer(args[0])
        made = func(*args, **(kwargs or {}))
        if name == "all":
            self._all.append(made)
        if name not in FREE:
            self.counts[name] += 1
            self._note(name, args, kwargs, made)
        return made

    def _note(self, name: str, args: Any, kwargs: Any, made: Any) -> None:
        tensors = [
            one for one in torch.utils._pytree.tree_leaves((args, kwargs, made)) if isinstance(one, torch.Tensor)
        ]
        if isinstance(made, torch.Tensor) and made.is_cuda and made.dtype in _WIDE:
            self.wide[name] += 1
        devices = {str(one.device) for one in tensors if one.ndim}
        if len(devices) > 1:
            self.mixed[name, *sorted(devices)] += 1
            if name in _COPIES:
                source, target = (args[1], args[0]) if name == "copy_" else (args[0], made)
                self.copies[str(source.device), str(target.device)] += 1

    def _answer(self, asked: torch.Tensor) -> object:
        if asked.is_cuda:
            self.waits[_asker()] += 1
        if self._answers:
            return self._answers.pop(0)
        if asked.dtype == torch.bool:
            return any(asked is one for one in self._all)
        return 0


def _asker() -> str:
    """The file outside torch whose line asks."""
    stack = [frame for frame in traceback.extract_stack() if "/torch/" not in frame.filename]
    return next(frame for frame in reversed(stack) if frame.filename != __file__).filename.rpartition("/")[2]


class Card:
    """What torch reports of a card."""

    name = "a card that isn't there"
    major, minor = 8, 9
    total_memory = 24 * 2**30


@contextmanager
def fake_gpu(monkeypatch: pytest.MonkeyPatch, *, may_be_real: bool = False) -> Iterator[None]:
    """Make every tensor within the block a fake one; `may_be_real` lets those of numpy take part."""
    draw = lambda one, known: torch.randn(one.frames, known.shape[-1], device=known.device)  # noqa: E731 - the proof looks at the draw
    monkeypatch.setattr(solver, "noise", draw)
    # On a GPU attention is one operation; without one torch would take it apart.
    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", lambda query, *_, **__: query.clone())
    # In inference mode a fake tensor sees whole functions, not the operations that they are made of.
    monkeypatch.setattr(torch, "inference_mode", lambda mode=True: torch.no_grad() if mode else nullcontext())
    monkeypatch.setattr(
        torch.Tensor, "numpy", lambda one, **_: np.ones(one.shape, str(one.dtype).removeprefix("torch."))
    )
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda *_: Card)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda *_: Card.name)
    monkeypatch.setattr(torch.cuda, "device", lambda *_: nullcontext())
    monkeypatch.setattr(nn.Module, "_apply", _apply)
    with FakeTensorMode(allow_non_fake_inputs=may_be_real):
        yield


def _apply(top: nn.Module, fn: Any, recurse: bool = True) -> nn.Module:  # noqa: FBT001, FBT002 - torch's own signature
    """Replace `Module._apply`, which can't put numbers into a fake parameter: a new one takes its place, the same in all its places."""
    made: dict[int, nn.Parameter] = {}
    for module in top.modules():
        for name, old in module._parameters.items():
            if old is not None:
                with torch.no_grad():
                    new = made[id(old)] if id(old) in made else nn.Parameter(fn(old), old.requires_grad)
                module._parameters[name] = made[id(old)] = new
        for name, buffer in module._buffers.items():
            if buffer is not None:
                module._buffers[name] = fn(buffer)
    return top
