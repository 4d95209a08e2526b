"""
Packages that are imported when they are first used, though the code that imports them does so at its top.

`with deferred("librosa", "scipy"):` lets a foreign module's `import librosa` and `from scipy.integrate import solve_ivp` give
stand-ins. Whatever is called, read, subclassed or compared with `isinstance` later imports the real thing, or raises its
ImportError. A plain call within the block (`matplotlib.use("Agg")`) is kept and made right before the package's first use.
Behind the block `import librosa` is the real one, for everybody. What is imported already is left as it is.

Only the thread that opened the block gets stand-ins. If another finds one in `sys.modules` meanwhile, that is a first use.
"""

import importlib
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any


@contextmanager
def deferred(*packages: str) -> Iterator[None]:
    """Within the block, imports of these packages and of all that is in them wait for their first use."""
    finder = _Finder(packages)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for package in packages:
            finder.release(package)


def _package(module: str) -> str:
    return module.partition(".")[0]


class _Finder(MetaPathFinder, Loader):
    """Finds stand-ins for the packages that wait, for one thread."""

    def __init__(self, packages: Sequence[str]) -> None:
        self._waiting = {name for name in packages if name not in sys.modules}
        self._thread = threading.get_ident()
        self._calls: dict[str, list[Callable[[], object]]] = {}
        self._stand_ins: dict[str, ModuleType] = {}

    def waits(self, module: str) -> bool:
        """Whether the module is still to be stood in for: to the thread that opened the block, and to no other."""
        return _package(module) in self._waiting and threading.get_ident() == self._thread

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return ModuleSpec(fullname, self, is_package=True) if self.waits(fullname) else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self._stand_ins.setdefault(spec.name, _Module(spec.name, self))

    def exec_module(self, module: ModuleType) -> None:
        """Nothing runs before the first use."""

    def release(self, package: str) -> None:
        """From now on an import of the package is an import, and a use of what stands in for it is a use."""
        self._waiting.discard(package)
        for name, stand_in in self._stand_ins.items():
            if _package(name) == package and sys.modules.get(name) is stand_in:
                del sys.modules[name]

    def keep(self, module: str, call: Callable[[], object]) -> None:
        """A call that was made while the package waits."""
        self._calls.setdefault(_package(module), []).append(call)

    def real(self, module: str) -> ModuleType:
        """The module itself, after the calls that were kept for its package. Raises its ImportError."""
        package = _package(module)
        self.release(package)
        importlib.import_module(package)
        for call in self._calls.pop(package, []):
            call()
        return importlib.import_module(module)


class _Module(ModuleType):
    """Stands in for a module; its attributes are names while the package waits, and the real ones afterwards."""

    def __init__(self, name: str, finder: _Finder) -> None:
        super().__init__(name, "Stands in for a module that is imported at its first use.")
        self.__dict__["_finder"] = finder

    def __getattr__(self, name: str) -> Any:
        finder: _Finder = self.__dict__["_finder"]
        if not finder.waits(self.__name__):
            return getattr(finder.real(self.__name__), name)
        if name.startswith("__"):  # the import system asks for these; all else is somebody's function or class
            raise AttributeError(name)
        return _Name(self.__name__, name, finder)


class _Name:
    """Stands in for a function or class that was imported from a module."""

    def __init__(self, module: str, name: str, finder: _Finder) -> None:
        self._module = module
        self._name = name
        self._finder = finder

    def _real(self) -> Any:
        return getattr(self._finder.real(self._module), self._name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._finder.waits(self._module):
            return self._finder.keep(self._module, lambda: self(*args, **kwargs))
        return self._real()(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._real(), name)

    def __instancecheck__(self, instance: object) -> bool:
        return isinstance(instance, self._real())

    def __mro_entries__(self, _bases: tuple[object, ...]) -> tuple[type, ...]:
        return (self._real(),)

    def __repr__(self) -> str:
        return f"<{self._module}.{self._name}, imported at its first use>"
