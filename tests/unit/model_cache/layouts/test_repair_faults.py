"""A repair on a disk that lies, is full or can't do everything, and one that is killed or overtaken: a whole file appears, or none."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from cloning.errors import CheckpointUnusable
from model_cache.layouts.repair import repair
from tests.layouts import names, under
from tests.machines import kill, python
from tests.unit.model_cache.layouts.tiny_weights import Arrays


def test_what_is_written_wrongly_is_found(tmp_path: Path, weights: Arrays, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the disk flips a bit, the comparison finds it and nothing is left."""
    path = tmp_path / "model.safetensors"
    save_file(under("ema.", weights), path)

    def flipping(reader: int, writer: int, size: int, source: int, target: int) -> int:
        data = bytearray(os.pread(reader, size, source))
        data[len(data) // 2] ^= 1
        return os.pwrite(writer, data, target)

    monkeypatch.setattr(os, "copy_file_range", flipping)

    with pytest.raises(CheckpointUnusable, match="differs from its source"):
        repair(path, tmp_path / "out.safetensors")
    assert names(tmp_path) == ["model.safetensors"]


@pytest.mark.parametrize("error", ["EXDEV", "ENOSYS", "EOPNOTSUPP"])
def test_without_the_kernels_copy_the_bytes_are_the_same(
    error: str, tmp_path: Path, weights: Arrays, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the kernel can't copy (another disk, an old kernel, an odd file system), bytes are read and written."""
    path = tmp_path / "model.safetensors"
    save_file(under("ema.", weights) | {"update": np.zeros(1, np.float32)}, path)
    with_kernel = repair(path, tmp_path / "a.safetensors")

    def refusing(*_: object) -> int:
        raise OSError(getattr(errno, error), "no")

    monkeypatch.setattr(os, "copy_file_range", refusing)

    assert repair(path, tmp_path / "b.safetensors") == with_kernel


def test_a_full_disk_leaves_nothing(tmp_path: Path, weights: Arrays, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk raises the system's error, and the half-written file is removed."""
    path = tmp_path / "model.safetensors"
    save_file(under("ema.", weights), path)

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "copy_file_range", full)

    with pytest.raises(OSError, match="No space left"):
        repair(path, tmp_path / "out.safetensors")
    assert names(tmp_path) == ["model.safetensors"]


def test_a_file_made_meanwhile_is_not_overwritten(tmp_path: Path, weights: Arrays) -> None:
    """If somebody creates OUT during the repair, their file stays and ours is removed."""
    path, out = tmp_path / "model.safetensors", tmp_path / "out.safetensors"
    save_file(under("ema.", weights), path)

    with pytest.raises(FileExistsError, match="made in the meantime"):
        repair(path, out, progress=lambda *_: out.write_text("theirs"))  # type: ignore[arg-type]

    assert out.read_text() == "theirs"
    assert names(tmp_path) == ["model.safetensors", "out.safetensors"]


def test_a_killed_repair_is_cleared_away_by_the_next(tmp_path: Path, weights: Arrays) -> None:
    """After a SIGKILL the next repair removes the hidden folder with half a file, and none that is still in use."""
    path = tmp_path / "model.safetensors"
    save_file(under("ema.", weights), path)
    script = (
        "import sys, time\nfrom pathlib import Path\nfrom model_cache.layouts.repair import repair\n"
        "def hang(*_):\n    print('half', flush=True)\n    time.sleep(600)\n"
        "repair(Path(sys.argv[1]), Path(sys.argv[2]), progress=hang)\n"
    )
    dead, alive = (python(script, path, tmp_path / f"{name}.safetensors") for name in ("dead", "alive"))
    for process in (dead, alive):
        assert process.stdout is not None
        assert process.stdout.readline() == "half\n"
    assert len(list(tmp_path.glob(".repair-*"))) == 2
    kill(dead)

    repair(path, tmp_path / "out.safetensors")

    assert [each.name for each in tmp_path.glob(".repair-*/*")] == ["alive.safetensors"]
    kill(alive)


def test_without_hard_links_the_file_appears_too(
    tmp_path: Path, weights: Arrays, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without hard links, as on some network volumes, the file still appears whole."""
    save_file(under("ema.", weights), tmp_path / "model.safetensors")

    def refusing(*_: object) -> None:
        raise OSError(errno.EPERM, "no links")

    monkeypatch.setattr(os, "link", refusing)
    repair(tmp_path / "model.safetensors", tmp_path / "out.safetensors")

    assert names(tmp_path) == ["model.safetensors", "out.safetensors"]
