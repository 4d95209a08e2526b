"""
The one place that imports transformers to hear.

Its models bring what spreads them over many GPUs and what compiles them: torch.distributed.tensor and torch._dynamo, which bring
sympy and more. That is two thirds of the import, and hearing a sentence uses none of it. So while it runs, torch has no process
groups (as in its builds without them; transformers then leaves that code out, for the life of the process), and the compiler's marks on
functions do nothing. Who compiles later imports the real compiler, and finds these functions without their marks.
docs/decisions/0016-imports.md has what it saves. If somebody imported transformers' models before, nothing is left to save.
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
    """`transformers` with its pipelines and Whisper; about 2 s on two cores beside torch at the first call. Safe to call from several threads."""
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
    """Nothing if the compiler is there already."""
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

        vars(torch).pop("_dynamo", None)  # torch finds it anew when it is asked for


class _Marks(ModuleType):
    """Stands in for the compiler: each of its names is a mark that leaves functions as they are."""

    __path__: list[str] = []  # noqa: RUF012 - a package, as the import system knows it

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _mark


def _mark(function: Any = None, *_args: object, **_kwargs: object) -> Any:
    """For `@mark` and `@mark(...)` alike."""
    return function if callable(function) else _mark


class _Wrapped(ModuleType):
    """Stands in for a module of the compiler; what is imported from it is the real thing's when it is called."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("__"):
            raise AttributeError(name)

        def real(*args: Any, **kwargs: Any) -> Any:
            return getattr(importlib.import_module(_WRAPPED), name)(*args, **kwargs)

        return real
