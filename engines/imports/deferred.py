"""
Lazy imports: packages that are imported at their first use, although a module imports them at its top.

Within `with deferred("librosa", "scipy"):` a foreign module's `import librosa` and `from scipy.integrate import solve_ivp` get
stand-ins. A later call, attribute access, subclassing or `isinstance` imports the real thing, or raises its ImportError. A plain
call within the block (`matplotlib.use("Agg")`) is kept and made right before the package's first use. After the block
`import librosa` is the real one everywhere. Packages that are already imported are not affected.

Only the thread that opened the block gets stand-ins. If another thread finds one in `sys.modules`, that counts as a first use.
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
    """Defer imports of these packages and their submodules, made within the block, to their first use."""
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
    """Finds stand-ins for the waiting packages, for one thread."""

    def __init__(self, packages: Sequence[str]) -> None:
        self._waiting = {name for name in packages if name not in sys.modules}
        self._thread = threading.get_ident()
        self._calls: dict[str, list[Callable[[], object]]] = {}
        self._stand_ins: dict[str, ModuleType] = {}

    def waits(self, module: str) -> bool:
        """Whether this thread still gets a stand-in for the module; only the thread that opened the block does."""
        return _package(module) in self._waiting and threading.get_ident() == self._thread

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return ModuleSpec(fullname, self, is_package=True) if self.waits(fullname) else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self._stand_ins.setdefault(spec.name, _Module(spec.name, self))

    def exec_module(self, module: ModuleType) -> None:
        """Run nothing before the first use."""

    def release(self, package: str) -> None:
        """Let imports of the package, and uses of its stand-ins, reach the real package from now on."""
        self._waiting.discard(package)
        for name, stand_in in self._stand_ins.items():
            if _package(name) == package and sys.modules.get(name) is stand_in:
                del sys.modules[name]

    def keep(self, module: str, call: Callable[[], object]) -> None:
        """Keep a call that was made while the package waits."""
        self._calls.setdefault(_package(module), []).append(call)

    def real(self, module: str) -> ModuleType:
        """Import the module and make the calls kept for its package. Raises its ImportError."""
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
        if name.startswith("__"):  # the import system asks for these; any other name is a function or class
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
