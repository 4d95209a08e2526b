"""
The only module that imports transformers for transcription.

Its models import code for many GPUs and for compilation: torch.distributed.tensor and torch._dynamo, which import sympy and more.
That is two thirds of the import, and transcription uses none of it. So during the import torch has no process groups (as in its
builds without them; transformers then leaves that code out, for the life of the process), and the compiler's decorators do
nothing. Later compilation imports the real compiler, and finds these functions undecorated. docs/decisions/0016-imports.md states
what this saves. If transformers' models were imported before, nothing is saved.
"""

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from cloning.process_lock import one_import_at_a_time
from engines.imports.deferred import deferred

COMPILER = "torch._dynamo"
_WRAPPED = f"{COMPILER}._trace_wrapped_higher_order_op"  # transformers' masks take one class from it, and use it for some models
_MODELS = (
    "transformers.models.whisper.modeling_whisper",
    "transformers.pipelines",
)
_UNUSED = ("scipy",)  # losses of object detection


def import_transformers() -> ModuleType:
    """Import `transformers` with its pipelines and Whisper; the first call takes about 2 s on two cores on top of torch. Thread-safe."""
    with one_import_at_a_time():
        if _MODELS[0] not in sys.modules:
            importlib.import_module("torch")
            with _without_compiler(), _without_process_groups(), deferred(*_UNUSED):
                for module in _MODELS:
                    importlib.import_module(module)
        return importlib.import_module("transformers")


@contextmanager
def _without_process_groups() -> Iterator[None]:
    import torch.distributed

    asked = torch.distributed.is_available
    torch.distributed.is_available = lambda: False
    try:
        yield
    finally:
        torch.distributed.is_available = asked


@contextmanager
def _without_compiler() -> Iterator[None]:
    """Replace the compiler by stand-ins within the block, unless it is imported already."""
    if COMPILER in sys.modules:
        yield
        return
    stand_ins = {COMPILER: _Marks(COMPILER), _WRAPPED: _Wrapped(_WRAPPED)}
    sys.modules.update(stand_ins)
    try:
        yield
    finally:
        for name, stand_in in stand_ins.items():
            if sys.modules.get(name) is stand_in:
                del sys.modules[name]
        import torch

        vars(torch).pop("_dynamo", None)  # torch imports it again on demand


class _Marks(ModuleType):
    """Stands in for the compiler: each of its names is a decorator that returns functions unchanged."""

    __path__: list[str] = []  # noqa: RUF012 - a package, as the import system knows it

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _mark


def _mark(function: Any = None, *_args: object, **_kwargs: object) -> Any:
    """Return the function unchanged; works as `@mark` and as `@mark(...)`."""
    return function if callable(function) else _mark


class _Wrapped(ModuleType):
    """Stands in for a module of the compiler; a function imported from it calls the real one."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("__"):
            raise AttributeError(name)

        def real(*args: Any, **kwargs: Any) -> Any:
            return getattr(importlib.import_module(_WRAPPED), name)(*args, **kwargs)

        return real
