"""Pickles are read as data: what torch.save wrote is understood to the last alias; hostile ones are named and never run."""

import io
import os
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
from model_cache.formats.unpickling import NotPlainData, Unpickler
from model_cache.layouts.inspection import inspect
from tests.layouts import save


def archive(path: Path, data: bytes, **entries: bytes) -> Path:
    """A zip as torch.save makes it, around that pickle."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as zipped:
        zipped.writestr("archive/data.pkl", data)
        for name, content in entries.items():
            zipped.writestr(f"archive/{name.replace('_', '/')}", content)
    return path


class Evil:
    """Runs a command when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.mark}",)


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


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_call_is_named_and_never_happens(protocol: int, tmp_path: Path) -> None:
    """A call of os.system, in any pickle protocol, is refused, named where possible, and never run."""
    path = archive(tmp_path / "model.pt", pickle.dumps({"model": Evil(tmp_path / "ran")}, protocol))

    found = inspect(path)

    assert found.verdict == "refused"
    assert ("posix.system" if protocol == 2 else f"protocol {protocol}") in found.reason
    assert not (tmp_path / "ran").exists()


HOSTILE: dict[str, tuple[bytes, str]] = {
    "GLOBAL and REDUCE": (b"\x80\x02cposix\nsystem\nX\x04\x00\x00\x00true\x85R.", "posix.system"),
    "builtins": (b"\x80\x02c__builtin__\neval\nX\x01\x00\x00\x001\x85R.", "__builtin__.eval"),
    "smuggled as NEWOBJ": (b"\x80\x02csubprocess\nPopen\nX\x04\x00\x00\x00true\x85\x81.", "subprocess.Popen"),
    "smuggled through BUILD": (b"\x80\x02cfunctools\npartial\n)R}X\x01\x00\x00\x00a]sb.", "functools.partial"),
    "behind an ordered dictionary": (b"\x80\x02ccollections\nOrderedDict\n)Rq\x00cos\npopen\nb.", "os.popen"),
    "a name with a line break's worth of trouble": (b"\x80\x02ctorch\nload\x00\n)R.", r"torch.load\x00"),
    "INST": (b"\x80\x02(X\x04\x00\x00\x00trueios\nsystem\n.", "the operation b'i'"),
    "OBJ": (b"\x80\x02(cos\nsystem\nX\x04\x00\x00\x00trueo.", "the operation b'o'"),
    "EXT1": (b"\x80\x02\x82\x01.", r"the operation b'\x82'"),
    "STACK_GLOBAL": (b"\x80\x02\x8c\x02os\x8c\x06system\x93.", r"the operation b'\x8c'"),
    "BYTEARRAY8 of many exabytes": (b"\x80\x02\x96" + b"\xff" * 8, r"the operation b'\x96'"),
    "a text of 4 GB": (b"\x80\x02X\xff\xff\xff\xffabc.", "ends in the middle"),
    "memo of 4 billion entries": (b"\x80\x02}r\xff\xff\xff\xff0.", "the operation b'0'"),
    "memo that isn't": (b"\x80\x02j\xff\xff\xff\xff.", "damaged"),
    "stack underflow": (b"\x80\x02R.", "damaged"),
    "mark underflow": (b"\x80\x02u.", "damaged"),
    "tuple underflow": (b"\x80\x02N\x87.", "takes more than it has"),
    "a key that takes forever to hash": (b"\x80\x02}(" + b")" + b"q\x00h\x00\x86" * 60 + b"Nu.", "keys"),
    "no end": (b"\x80\x02}", "ends in the middle"),
    "too many steps": (b"\x80\x02" + b"N" * 1_000_001, "more than 1000000 steps"),
    "a call of data": (b"\x80\x02K\x01)R.", "not a name"),
    "an odd dictionary": (b"\x80\x02}(Nu.", "damaged"),
    "a storage that isn't": (
        b"\x80\x02}X\x01\x00\x00\x00actorch._utils\n_rebuild_tensor_v2\n(NK\x00K\x01\x85K\x01\x85\x89)ts.",
        "damaged",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_pickles_are_refused_with_the_reason(name: str, tmp_path: Path) -> None:
    """Hostile pickles are refused with what they tried; none is run, and none takes much memory."""
    data, reason = HOSTILE[name]
    path = archive(tmp_path / "model.pt", data)

    tracemalloc.start()
    found = inspect(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert found.verdict == "refused"
    assert reason in found.reason or (reason == "damaged" and "not a whole file" in found.reason)
    assert peak < 50e6


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


def test_dictionaries_that_hold_each_other_end(tmp_path: Path) -> None:
    """A thousand names for a dictionary of a thousand names for a dictionary ... is refused, not walked through."""
    inner: dict[str, Any] = {}
    for _ in range(5):
        inner = dict.fromkeys((str(number) for number in range(1000)), inner)

    with pytest.raises(CheckpointUnusable, match="more than 1000000 items"):
        read_archive(archive(tmp_path / "model.pt", pickle.dumps(inner, 2)))


def test_cycles_end(tmp_path: Path) -> None:
    """A dictionary that contains itself is plain data and doesn't hang."""
    loop: dict[str, Any] = {}
    loop["self"] = loop

    assert read_archive(archive(tmp_path / "model.pt", pickle.dumps(loop, 2))).count == 0


@pytest.mark.parametrize(
    "value",
    [
        {
            "a": [
                1,
                -1,
                255,
                65536,
                2**40,
                -(2**70),
                1.5,
                True,
                False,
                None,
                "é",
                (),
                (1,),
                (1, 2),
                (1, 2, 3),
                (1, 2, 3, 4),
            ]
        },
        [{}, [], [[]], {"b": {"c": "d"}}],
    ],
)
def test_plain_data_comes_back(value: object) -> None:
    """Everything but tensors in a training file is read as its value."""
    assert Unpickler(pickle.dumps(value, 2)).read() == value


@pytest.mark.parametrize("seed", range(3))
def test_a_damaged_pickle_gives_our_error_or_data(seed: int) -> None:
    """With any byte changed, the pickle gives our error or data: no other error, and no endless loop."""
    import random

    rng = random.Random(seed)  # noqa: S311 - not for secrets
    whole = pickle.dumps({"a": [1, 2.5, "text", (3, None)], "b": {"c": True}}, 2)
    for _ in range(500):
        data = bytearray(whole)
        data[rng.randrange(len(data))] = rng.randrange(256)
        try:
            Unpickler(bytes(data)).read()
        except NotPlainData:
            continue


def test_places_are_hashable() -> None:
    """Equal places are one tensor under two names; aliases are found by that."""
    assert len({Tensor("F32", (2,), 8), Tensor("F32", (2,), 8), Tensor("F32", (2,), 16)}) == 2
