"""Safetensors headers: what the library wrote is read, renamed and rewritten without touching a tensor; what it refuses is refused."""

import json
import struct
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file, save_file

from cloning.errors import CheckpointUnusable
from model_cache.formats.reading import read_contents
from model_cache.formats.safetensors_file import read_header, rename_in_place
from model_cache.formats.writing import Options, write_safetensors

Arrays = dict[str, NDArray[Any]]

NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12).filter(lambda name: name != "__metadata__")
SHAPES = st.lists(st.integers(0, 4), max_size=3).map(tuple)
TYPES = st.sampled_from([np.float32, np.float16, np.int64, np.int8, np.bool_])
METADATA = st.none() | st.dictionaries(st.text(max_size=5), st.text(max_size=5), min_size=1, max_size=2)


@st.composite
def arrays(draw: st.DrawFn, min_size: int = 0) -> Arrays:
    names = draw(st.lists(NAMES, unique=True, min_size=min_size, max_size=6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    return {name: np.asarray(rng.random(draw(SHAPES)) * 100, draw(TYPES)) for name in names}


@contextmanager
def saved(tensors: Arrays, metadata: dict[str, str] | None = None) -> Iterator[Path]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        save_file(tensors, path, metadata=metadata)
        yield path


def raw(path: Path, header: object, data: bytes = b"") -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


def entry(begin: int, end: int) -> dict[str, object]:
    return {"dtype": "U8", "shape": [end - begin], "data_offsets": [begin, end]}


def same(left: Arrays, right: Arrays) -> bool:
    return left.keys() == right.keys() and all(
        left[name].dtype == right[name].dtype
        and left[name].shape == right[name].shape
        and left[name].tobytes() == right[name].tobytes()
        for name in left
    )


@settings(deadline=None, max_examples=60)
@given(tensors=arrays(), metadata=METADATA)
def test_header_is_what_the_library_reads(tensors: Arrays, metadata: dict[str, str] | None) -> None:
    """Names, dtypes, shapes and metadata of any file are those that the library reads."""
    with saved(tensors, metadata) as path:
        header = read_header(path)

        with safe_open(path, "np") as file:
            assert header.metadata == (file.metadata() or {})
            assert header.tensors.keys() == set(file.keys())
            for name, info in header.tensors.items():
                assert info.dtype == file.get_slice(name).get_dtype()
                assert list(info.shape) == file.get_slice(name).get_shape()


@settings(deadline=None, max_examples=60)
@given(tensors=arrays(min_size=1), metadata=METADATA)
def test_renaming_in_place_moves_no_tensor(tensors: Arrays, metadata: dict[str, str] | None) -> None:
    """Stripping a prefix changes the names and nothing else, not even the file's size; other names stay."""
    prefixed = {f"ema.{name}": array for name, array in tensors.items()} | {"kept": np.zeros(1, np.float32)}
    with saved(prefixed, metadata) as path:
        size = path.stat().st_size

        rename_in_place(path, {f"ema.{name}": name + "." for name in tensors}, read_header(path))

        expected = {name + ".": array for name, array in tensors.items()} | {"kept": prefixed["kept"]}
        assert same(load_file(path), expected)
        assert read_header(path).metadata == (metadata or {})
        assert path.stat().st_size == size


@settings(deadline=None, max_examples=60)
@given(tensors=arrays(), data=st.data())
def test_writing_keeps_exactly_the_named_tensors(tensors: Arrays, data: st.DataObject) -> None:
    """Whatever is left out, the other tensors keep their bytes under the new names, the library takes the file, and the source stays."""
    kept = data.draw(st.sets(st.sampled_from(sorted(tensors)))) if tensors else set()
    with saved(tensors) as path:
        before = path.read_bytes()
        there = read_contents(path).dicts[()]

        names = {f"x.{name}": there[name] for name in kept}
        written = write_safetensors(path, path.with_name("new"), names, Options(digest=True))

        assert same(load_file(path.with_name("new")), {f"x.{name}": tensors[name] for name in kept})
        assert written.sha256 == sha256(path.with_name("new").read_bytes()).hexdigest()
        assert path.read_bytes() == before


@settings(deadline=None, max_examples=60)
@given(tensors=arrays(min_size=1), data=st.data())
def test_a_file_of_another_length_is_refused(tensors: Arrays, data: st.DataObject) -> None:
    """A file that is cut off anywhere, or has extra bytes, is refused."""
    with saved(tensors) as path:
        whole = path.read_bytes()
        cut = data.draw(st.integers(0, len(whole) - 1))

        for damaged in (whole[:cut], whole + b"\0"):
            path.write_bytes(damaged)
            with pytest.raises(CheckpointUnusable, match="Fetch it again"):
                read_header(path)


@settings(deadline=None, max_examples=300)
@given(tensors=arrays(min_size=1), data=st.data())
def test_what_the_library_refuses_is_refused(tensors: Arrays, data: st.DataObject) -> None:
    """If a byte of the header changes, the only error is ours, and what the library refuses is refused."""
    with saved(tensors) as path:
        content = bytearray(path.read_bytes())
        content[data.draw(st.integers(0, read_header(path).data_start - 1))] = data.draw(st.integers(0, 255))
        path.write_bytes(content)
        try:
            with safe_open(path, "np"):
                library_takes_it = True
        except (SafetensorError, UnicodeDecodeError):
            library_takes_it = False

        try:
            read_header(path)
        except CheckpointUnusable:
            return
        assert library_takes_it


@settings(deadline=None, max_examples=100)
@given(content=st.binary(max_size=200))
def test_arbitrary_bytes_are_refused(content: bytes) -> None:
    """Any other bytes (a web page, a pickle, nothing) give our error."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        path.write_bytes(b"<html>" + content)

        with pytest.raises(CheckpointUnusable):
            read_header(path)


@pytest.mark.parametrize(
    ("header", "data"),
    [
        pytest.param({"a": entry(1, 3)}, b"abc", id="gap at the start"),
        pytest.param({"a": entry(0, 1), "b": entry(2, 3)}, b"abc", id="gap in the middle"),
        pytest.param({"a": entry(0, 2), "b": entry(1, 3)}, b"abc", id="overlap"),
        pytest.param({"a": {"dtype": "U8", "shape": [2], "data_offsets": [0, 3]}}, b"abc", id="shape of another size"),
        pytest.param({"a": {"dtype": "Q4", "shape": [3], "data_offsets": [0, 3]}}, b"abc", id="unknown dtype"),
        pytest.param(
            {"a": {"dtype": ["U8"], "shape": [3], "data_offsets": [0, 3]}}, b"abc", id="dtype that is no text"
        ),
        pytest.param({"a": {"dtype": "U8", "shape": [-3], "data_offsets": [3, 0]}}, b"abc", id="negative"),
        pytest.param({"a": {"dtype": "U8", "shape": [True], "data_offsets": [0, 1]}}, b"a", id="boolean size"),
        pytest.param({"a": {"dtype": "U8", "shape": [3]}}, b"abc", id="no offsets"),
        pytest.param({"__metadata__": {"step": 1}, "a": entry(0, 3)}, b"abc", id="metadata that is no text"),
        pytest.param({"__metadata__": []}, b"", id="metadata that is no object"),
        pytest.param([], b"", id="no object"),
        pytest.param(b"[" * 100_000, b"", id="nested too deep"),
        pytest.param(b'{"a":%b,"a":%b}' % ((json.dumps(entry(0, 3)).encode(),) * 2), b"abc", id="a name twice"),
    ],
)
def test_headers_that_break_a_rule_are_refused(tmp_path: Path, header: object, data: bytes) -> None:
    """For each rule of the format a file that breaks only this rule is refused."""
    path = raw(tmp_path / "model.safetensors", header, data)

    with pytest.raises(CheckpointUnusable):
        read_header(path)


def test_a_longer_header_is_not_written(tmp_path: Path) -> None:
    """If the new names don't fit or would collide, the file stays as it was."""
    path = tmp_path / "model.safetensors"
    save_file({"a": np.zeros(2), "b": np.ones(2)}, path)
    before, header = path.read_bytes(), read_header(path)

    with pytest.raises(ValueError, match="rewrite the file instead"):
        rename_in_place(path, {"a": "a" * 100}, header)
    with pytest.raises(ValueError, match="share a name"):
        rename_in_place(path, {"a": "b"}, header)
    assert path.read_bytes() == before


@pytest.mark.parametrize("half", [False, True])
def test_writing_takes_constant_memory(tmp_path: Path, *, half: bool) -> None:
    """A file of 256 MB is written and compared within an eighth of that memory."""
    path = tmp_path / "model.safetensors"
    save_file({"a": np.zeros(32_000_000), "b": np.ones(8)}, path)
    there = read_contents(path).dicts[()]

    tracemalloc.start()
    write_safetensors(path, tmp_path / "new", {"x": there["a"]}, Options(half))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 32e6
    assert (tmp_path / "new").stat().st_size > (64e6 if half else 256e6) - 1
