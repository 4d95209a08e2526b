"""Pickles are read as data: plain data comes back, and hostile ones are named and never run."""

import os
import pickle
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from cloning.errors import CheckpointUnusable
from model_cache.formats.torch_file import read_archive
from model_cache.formats.unpickling import NotPlainData, Unpickler
from model_cache.layouts.inspection import inspect
from tests.unit.model_cache.formats.archives import archive


class Evil:
    """Runs a command when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.mark}",)


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
