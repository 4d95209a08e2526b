"""Packages that are imported at their first use, though others import them at their tops."""

import importlib
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from engines.imports.deferred import deferred

HEAVY = """
loaded = True
level = 1
def use(backend):
    global level
    level = backend
def double(x):
    return 2 * x
class Shape:
    sides = 4
"""
TOP = """
import heavy_one
import heavy_one.inner as inner
from heavy_one import Shape, double
from heavy_one.inner import deep
heavy_one.use("quiet")
"""


@pytest.fixture(autouse=True)
def _packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """`heavy_one` with a module `inner`, and `light_one`, which imports all of it at its top."""
    (tmp_path / "heavy_one").mkdir()
    (tmp_path / "heavy_one" / "__init__.py").write_text(HEAVY, "utf-8")
    (tmp_path / "heavy_one" / "inner.py").write_text("def deep():\n    return 'deep'\n", "utf-8")
    (tmp_path / "light_one.py").write_text(TOP, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    yield
    for name in ("heavy_one", "heavy_one.inner", "light_one"):
        sys.modules.pop(name, None)


@pytest.fixture
def light() -> ModuleType:
    """`light_one`, imported while `heavy_one` was deferred."""
    with deferred("heavy_one"):
        return importlib.import_module("light_one")


def is_loaded() -> bool:
    return "heavy_one" in sys.modules


def test_nothing_is_imported_before_its_first_use(light: ModuleType) -> None:
    """The importer has its names, the package is not loaded, and nothing of the stand-ins is left in sys.modules."""
    assert not is_loaded()
    assert repr(light.double) == "<heavy_one.double, imported at its first use>"
    assert not is_loaded()
    assert [finder for finder in sys.meta_path if type(finder).__module__ == "engines.imports.deferred"] == []


@pytest.mark.parametrize(
    ("use", "expected"),
    [
        ("light_one.double(4)", 8),
        ("light_one.heavy_one.level", "quiet"),
        ("light_one.inner.deep()", "deep"),
        ("light_one.deep()", "deep"),
        ("light_one.Shape.sides", 4),
        ("isinstance(1, light_one.Shape)", False),
        ("isinstance(light_one.Shape(), light_one.Shape)", True),
    ],
)
def test_the_first_use_imports_the_real_thing(light: ModuleType, use: str, expected: object) -> None:
    """Called, read, compared: the answer is the package's own."""
    assert eval(use, {"light_one": light}) == expected  # noqa: S307 - the expressions stand above
    assert is_loaded()


def test_a_deferred_class_can_be_a_base(light: ModuleType) -> None:
    """A `class` statement imports it; the real class is the base."""

    class Square(light.Shape):  # type: ignore[misc, name-defined]  # found at run time
        pass

    assert Square.__mro__[1] is sys.modules["heavy_one"].Shape


def test_a_call_while_deferred_is_made_at_the_first_use(light: ModuleType) -> None:
    """`matplotlib.use("Agg")` at an importer's top is kept, and made once."""
    assert light.heavy_one.level == "quiet"

    sys.modules["heavy_one"].use("loud")

    assert light.heavy_one.level == "loud"


def test_behind_the_block_an_import_is_the_real_one(light: ModuleType) -> None:
    """A later import gets the package, and the stand-ins lead to the same."""
    real = importlib.import_module("heavy_one")

    assert real.loaded
    assert light.Shape() is not None
    assert isinstance(light.Shape(), real.Shape)


def test_a_subclass_within_the_block_imports_the_package_alone(tmp_path: Path) -> None:
    """Code that needs a class at its top gets it; the other packages keep waiting."""
    (tmp_path / "eager_one.py").write_text("from heavy_one import Shape\nclass Square(Shape):\n    pass\n", "utf-8")
    with deferred("heavy_one"):
        eager = importlib.import_module("eager_one")
        assert is_loaded()

    assert eager.Square.sides == 4


def test_what_is_imported_already_is_left_alone() -> None:
    """A package that somebody uses is not replaced under their hands."""
    real = importlib.import_module("heavy_one")

    with deferred("heavy_one"):
        light = importlib.import_module("light_one")

    assert light.heavy_one is real
    assert real.level == "quiet"


def test_a_package_that_is_not_installed_says_so_when_it_is_used(tmp_path: Path) -> None:
    """Its ImportError names it, at the first use and at every later one."""
    (tmp_path / "wishful_one.py").write_text("from no_such_package import wish\n", "utf-8")
    with deferred("no_such_package"):
        wishful = importlib.import_module("wishful_one")

    for _ in range(2):
        with pytest.raises(ModuleNotFoundError, match="no_such_package"):
            wishful.wish()


def test_another_thread_imports_the_real_one() -> None:
    """Only the thread that opened the block is given stand-ins."""
    found: list[object] = []
    with deferred("heavy_one"):
        thread = threading.Thread(target=lambda: found.append(importlib.import_module("heavy_one").loaded))
        thread.start()
        thread.join()

    assert found == [True]


def test_what_another_thread_finds_meanwhile_is_used_at_once() -> None:
    """A stand-in in sys.modules gives it the real thing; no call of its own is put off."""
    found: list[object] = []
    with deferred("heavy_one"):
        light = importlib.import_module("light_one")
        thread = threading.Thread(target=lambda: found.append(light.double(4)))
        thread.start()
        thread.join()
        assert is_loaded()

    assert found == [8]
    assert light.heavy_one.level == "quiet"


def test_a_failing_import_leaves_nothing_behind(tmp_path: Path) -> None:
    """The finder goes, and the package can be imported."""
    (tmp_path / "broken_one.py").write_text("import heavy_one\nraise ValueError('broken')\n", "utf-8")

    with pytest.raises(ValueError, match="broken"), deferred("heavy_one"):
        importlib.import_module("broken_one")

    assert importlib.import_module("heavy_one").loaded
