"""What torch.save wrote is understood to the last alias; what lies outside of its storage, or is no checkpoint, is refused."""

import io
import pickle
import struct
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cloning.errors import CheckpointUnusable
from model_cache.formats.contents import Tensor
from model_cache.formats.reading import read_contents
from model_cache.formats.torch_file import read_archive
from model_cache.layouts.inspection import inspect
from tests.layouts import save
from tests.unit.model_cache.formats.archives import archive


def test_what_torch_saved_is_understood(tmp_path: Path) -> None:
    """Names, shapes, types, places, gaps and aliases are those of the tensors, and the bytes are where they should be."""
    import torch

    base = torch.arange(24, dtype=torch.float32)
    state = {
        "whole": base.reshape(4, 6),
        "alias": base.reshape(4, 6),
        "part": base[6:12],
        "transposed": base.reshape(4, 6).T,
        "bfloat16": torch.ones(3, dtype=torch.bfloat16),
        "scalar": torch.tensor(7),
        "parameter": torch.nn.Parameter(torch.ones(2, 1)),
        "empty": torch.zeros(0, 3),
        "flag": torch.tensor([True]),
    }
    path = save(tmp_path / "model.pt", {"inner": state, "step": 3, "nothing": None})

    found = read_contents(path)

    tensors = found.dicts["inner",]
    assert {name: (t.dtype, t.shape) for name, t in tensors.items()} == {
        "whole": ("F32", (4, 6)),
        "alias": ("F32", (4, 6)),
        "part": ("F32", (6,)),
        "transposed": ("F32", (6, 4)),
        "bfloat16": ("BF16", (3,)),
        "scalar": ("I64", ()),
        "parameter": ("F32", (2, 1)),
        "empty": ("F32", (0, 3)),
        "flag": ("BOOL", (1,)),
    }
    assert tensors["whole"] == tensors["alias"]
    assert tensors["part"].begin == tensors["whole"].begin + 24
    assert [name for name, tensor in tensors.items() if tensor.strides] == ["transposed"]
    assert found.others[()] == ("inner", "step", "nothing")
    assert found.foreign == ()
    data = path.read_bytes()
    begin = tensors["whole"].begin
    assert data[begin : begin + 96] == struct.pack("<24f", *range(24))


def tensor_pickle(
    *,
    storage: str = "FloatStorage",
    key: str = "0",
    offset: int = 0,
    shape: tuple[int, ...] = (2,),
    strides: Any = (1,),
) -> bytes:
    """{"a": a tensor with these facts}"""

    def plain(value: object) -> bytes:
        return pickle.dumps(value, 2)[2:-1]

    stored = (
        b"(X\x07\x00\x00\x00storage" + f"ctorch\n{storage}\n".encode() + plain(key) + plain("cpu") + plain(2) + b"tQ"
    )
    rebuilt = (
        b"ctorch._utils\n_rebuild_tensor_v2\n(" + stored + plain(offset) + plain(shape) + plain(strides) + b"\x89)tR"
    )
    return b"\x80\x02}X\x01\x00\x00\x00a" + rebuilt + b"s."


def test_a_sound_tensor_is_read(tmp_path: Path) -> None:
    """The tensor that the next test changes, one fact at a time, is valid."""
    found = read_archive(archive(tmp_path / "model.pt", tensor_pickle(), data_0=b"\0" * 8))

    assert found.dicts[()]["a"].shape == (2,)


@pytest.mark.parametrize(
    "facts",
    [
        {"offset": 1},
        {"offset": -1},
        {"offset": "0"},
        {"shape": (3,)},
        {"shape": (-2,)},
        {"shape": (True,)},
        {"shape": (1 << 62,), "strides": (0,)},
        {"shape": (2, 2), "strides": (0, 1)},
        {"strides": (2,)},
        {"strides": (1, 1)},
        {"strides": [1]},
        {"key": "../../etc/passwd"},
        {"storage": "DoubleStorage"},
        {"storage": "QInt8Storage"},
    ],
    ids=str,
)
def test_tensors_outside_of_their_storage_are_refused(facts: dict[str, Any], tmp_path: Path) -> None:
    """Tensors beyond their storage's end, before its start, or blown up from a few bytes are refused."""
    path = archive(tmp_path / "model.pt", tensor_pickle(**facts), data_0=b"\0" * 8)

    with pytest.raises(CheckpointUnusable, match=r"not a whole file of torch\.save"):
        read_archive(path)


def deflated(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.writestr("archive/data.pkl", b"\0" * 200_000_000)


def huge_pickle(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as zipped:
        zipped.writestr("archive/data.pkl", b"N" * (33 << 20))


def lying_directory(path: Path) -> None:
    archive(path, b"\x80\x02}.")
    data = bytearray(path.read_bytes())
    data[-6:-2] = struct.pack("<I", 5)
    path.write_bytes(data)


def entry_elsewhere(path: Path) -> None:
    archive(path, b"\x80\x02}.")
    data = bytearray(path.read_bytes())
    directory = data.index(b"PK\x01\x02")
    data[directory + 42 : directory + 46] = struct.pack("<I", 3)
    path.write_bytes(data)


def twice(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as zipped:
        zipped.writestr("a/data.pkl", b"\x80\x02}.")
        zipped.writestr("b/data.pkl", b"\x80\x02}.")


def torchscript(path: Path) -> None:
    archive(path, b"\x80\x02}.")
    with zipfile.ZipFile(path, "a") as zipped:
        zipped.writestr("archive/constants.pkl", b"")


def big_endian(path: Path) -> None:
    archive(path, b"\x80\x02}.", byteorder=b"big")


def other_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as zipped:
        zipped.writestr("word/document.xml", b"<a/>")


def cut_off(path: Path) -> None:
    archive(path, b"\x80\x02}.")
    path.write_bytes(path.read_bytes()[:-30])


def tar(path: Path) -> None:
    with tarfile.open(path, "w") as packed:
        packed.addfile(tarfile.TarInfo("storages"), io.BytesIO(b""))


def bare_pickle(path: Path) -> None:
    path.write_bytes(pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (deflated, "compressed"),
        (huge_pickle, "are allowed"),
        (lying_directory, "not a whole file"),
        (entry_elsewhere, "places that are not in the file"),
        (twice, "twice"),
        (torchscript, "TorchScript"),
        (big_endian, "byte order"),
        (other_zip, "without the data.pkl"),
        (cut_off, "not a whole file"),
        (tar, "tar file"),
        (bare_pickle, "bare pickle"),
        pytest.param(lambda path: path.write_bytes(b""), "not a checkpoint", id="empty"),
        pytest.param(lambda path: path.write_bytes(bytes(1000)), "not a checkpoint", id="zeros"),
        pytest.param(lambda path: path.write_bytes(b"<!DOCTYPE html><p>Not found"), "web page", id="web page"),
        pytest.param(
            lambda path: path.write_bytes(b"version https://git-lfs.github.com/spec/v1\n"),
            "git lfs pull",
            id="git pointer",
        ),
        pytest.param(
            lambda path: path.write_bytes(b"ID3 this is a song, not a checkpoint"), "not a checkpoint", id="song"
        ),
    ],
)
def test_what_is_no_checkpoint_is_told_what_it_is(make: Callable[[Path], object], reason: str, tmp_path: Path) -> None:
    """A file that is no checkpoint is named as what it is, without being unpacked."""
    make(tmp_path / "model.pt")

    tracemalloc.start()
    found = inspect(tmp_path / "model.pt")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert (found.verdict, found.tensors) == ("refused", 0)
    assert reason in found.reason
    assert peak < 50e6


def test_places_are_hashable() -> None:
    """Equal places are one tensor under two names; aliases are found by that."""
    assert len({Tensor("F32", (2,), 8), Tensor("F32", (2,), 8), Tensor("F32", (2,), 16)}) == 2
