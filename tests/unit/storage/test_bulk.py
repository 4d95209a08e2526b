"""Large files in few steps."""

import hashlib
import os
from io import BytesIO
from pathlib import Path

import pytest

from storage.bulk import STEP, copy, sha256_of


@pytest.mark.parametrize("size", [0, 1, STEP, STEP + 1], ids=["nothing", "a byte", "a step", "more than a step"])
def test_a_copy_is_its_source_and_has_its_digest(tmp_path: Path, size: int) -> None:
    """A copy of any size has its source's bytes and digest."""
    data = os.urandom(size)
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(data)

    with source.open("rb") as reader, target.open("wb") as writer:
        copy(reader, writer)

    assert target.read_bytes() == data
    assert sha256_of(target) == hashlib.sha256(data).hexdigest()


def test_what_the_kernel_cant_copy_is_copied_all_the_same(tmp_path: Path) -> None:
    """Bytes in memory have no descriptor, and an append-only file accepts no copy by the kernel; both are copied all the same."""
    data = os.urandom(STEP + 3)
    target = tmp_path / "target"
    (tmp_path / "source").write_bytes(data)

    with target.open("wb") as writer:
        copy(BytesIO(data), writer)
    with (tmp_path / "source").open("rb") as reader, target.open("ab") as writer:
        copy(reader, writer)

    assert target.read_bytes() == data * 2


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    """A full disk is reported, and no other way of copying is tried."""
    (tmp_path / "source").write_bytes(b"x" * 10)

    with (
        (tmp_path / "source").open("rb") as reader,
        Path("/dev/full").open("wb", buffering=0) as writer,
        pytest.raises(OSError, match="No space"),
    ):
        copy(reader, writer)
