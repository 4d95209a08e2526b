"""Kernels that are not there, not whole, or of another source are refused, with what to do."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from engines.f5.kernels.compiled import INDEX, KernelsUnusable, find


@pytest.fixture
def folder(built: Path, tmp_path: Path) -> Path:
    """A copy to spoil."""
    return Path(shutil.copytree(built / "compiled", tmp_path / "compiled"))


def _edited(**changes: object) -> Callable[[Path], object]:
    def edit(folder: Path) -> None:
        index = json.loads((folder / INDEX).read_text())
        (folder / INDEX).write_text(json.dumps(index | changes))

    return edit


def _shut(folder: Path) -> None:
    (folder / INDEX).unlink()
    (folder / INDEX).mkdir()


SPOILED: dict[str, tuple[Callable[[Path], object], str]] = {
    "no folder": (shutil.rmtree, "is not there: the kernels are compiled where the image is built"),
    "no index": (lambda folder: (folder / INDEX).unlink(), "is not there"),
    "an index that can't be opened": (_shut, "can't be read .Is a directory."),
    "half an index": (lambda folder: (folder / INDEX).write_text('{"triton": "3'), "is damaged"),
    "an index of another shape": (_edited(more=1), "is damaged"),
    "another source": (_edited(source="0" * 64), "was compiled from another source.py: build the kernels again"),
    "no code": (lambda folder: (folder / "norm-float16-768-sm89.cubin").unlink(), "can't be read"),
    "damaged code": (lambda folder: (folder / "norm-float16-768-sm89.cubin").write_bytes(b"\x7fELF"), "is damaged"),
    "no kernels": (_edited(kernels=[]), "has no kernels for compute capability 8.9"),
}


@pytest.mark.parametrize("what", SPOILED)
def test_what_is_missing_stale_or_damaged_is_refused(what: str, folder: Path) -> None:
    """Each for its own reason."""
    spoil, says = SPOILED[what]
    spoil(folder)

    with pytest.raises(KernelsUnusable, match=says):
        find(folder, card=89, dtype="float16", dim=768)


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"card": 75}, "compute capability 7.5, float16 and 768"),
        ({"card": 100}, "compute capability 10, float16 and 768"),
        ({"dtype": "float32"}, "capability 8.9, float32 and 768"),
        ({"dim": 512}, "capability 8.9, float16 and 512"),
    ],
)
def test_another_card_precision_or_size_has_none(asked: dict[str, object], says: str, folder: Path) -> None:
    """What was not compiled isn't guessed."""
    with pytest.raises(KernelsUnusable, match=says):
        find(folder, **{"card": 89, "dtype": "float16", "dim": 768} | asked)  # type: ignore[arg-type]  # each of its own type


def test_a_digest_changes_with_the_code(folder: Path) -> None:
    """So that a verdict holds for these kernels alone."""
    cards = {find(folder, card=card, dtype="float16", dim=768).digest for card in (80, 86, 89, 90, 120)}

    assert len(cards) == 5
    assert find(folder, card=89, dtype="float16", dim=768).digest in cards
