"""Repairs: only the kept bytes are written, checked, and named at the end; a source is never touched."""

import json
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from cloning.errors import CheckpointUnusable
from model_cache.formats.safetensors_file import TensorInfo, encode_header
from model_cache.layouts.f5_tensors import expected_keys
from model_cache.layouts.inspection import inspect
from model_cache.layouts.repair import rename_private, repair
from storage.bulk import sha256_of
from tests.layouts import names, under
from tests.unit.model_cache.layouts.tiny_weights import SHAPES, VOCABULARY, Arrays


def sparse(path: Path, layout: dict[str, tuple[int, ...]]) -> Path:
    """A safetensors file of that content, all zeros, that takes no room on the disk."""
    tensors, position = {}, 0
    for name, shape in layout.items():
        size = 4 * int(np.prod(shape))
        tensors[name] = TensorInfo("F32", shape, position, position + size)
        position += size
    start = encode_header(tensors, {})
    with path.open("wb") as file:
        file.write(start)
        file.truncate(len(start) + position)
    return path


def test_a_large_file_is_inspected_by_its_header(tmp_path: Path) -> None:
    """Of a file of more than 5 GB almost nothing is read to inspect it."""
    base = expected_keys({"dim": 2048, "depth": 22, "heads": 32, "ff_mult": 2, "text_dim": 512, "conv_layers": 4}, 2545)
    path = sparse(tmp_path / "model.safetensors", {f"ema.{name}": shape for name, shape in base.items()})

    tracemalloc.start()
    found = inspect(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert found.bytes > 5e9
    assert (found.verdict, found.tensors) == ("repairable", 364)
    assert peak < 5e6
    assert path.stat().st_blocks * 512 < 1 << 20


def test_a_ready_file_of_any_size_is_left_alone(tmp_path: Path) -> None:
    """A ready file of any size is used as it is: no byte is written."""
    base = expected_keys({"dim": 2048, "depth": 22, "heads": 32, "ff_mult": 2, "text_dim": 512, "conv_layers": 4}, 2545)
    path = sparse(tmp_path / "model.safetensors", {f"ema_model.{name}": shape for name, shape in base.items()})

    done = repair(path, tmp_path / "out.safetensors")

    assert (done.how, done.bytes_written) == ("nothing", 0)
    assert names(tmp_path) == ["model.safetensors"]
    assert path.stat().st_blocks * 512 < 1 << 20


def test_only_the_kept_bytes_are_written(tmp_path: Path, weights: Arrays) -> None:
    """If half of a file is online weights, the repaired one is half as large, and memory doesn't grow with it."""
    path = tmp_path / "model.safetensors"
    save_file(under("ema.ema_model.", weights) | under("ema.online_model.", weights), path)
    kept = sum(array.nbytes for array in weights.values())

    tracemalloc.start()
    done = repair(path, tmp_path / "out.safetensors")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert done.how == "compacting-copy"
    assert kept < done.bytes_written < kept + 16_384
    assert peak < 30e6


def test_a_private_file_gets_its_names_in_place(tmp_path: Path, weights: Arrays) -> None:
    """If new names are enough, only the header of the caller's own file is rewritten and its tensors stay in place."""
    path = tmp_path / "model.safetensors"
    save_file(under("ema.", weights), path)
    size, file = path.stat().st_size, path.stat().st_ino

    rename_private(path, inspect(path))

    assert (path.stat().st_size, path.stat().st_ino) == (size, file)
    assert inspect(path).verdict == "ready"
    assert {name: array.tobytes() for name, array in load_file(path).items()} == {
        name: array.tobytes() for name, array in weights.items()
    }


def test_names_that_do_not_suffice_leave_a_private_file_alone(tmp_path: Path, weights: Arrays) -> None:
    """A private file that must lose tensors, or is ready, is not renamed; the caller is told of the mistake."""
    for name, content in {"a": under("ema.", weights) | {"update": np.zeros(1, np.float32)}, "b": weights}.items():
        path = tmp_path / f"{name}.safetensors"
        save_file(content, path)
        before = path.read_bytes()

        with pytest.raises(ValueError, match=r"don't make .* loadable"):
            rename_private(path, inspect(path))
        assert path.read_bytes() == before


@pytest.mark.parametrize("name", ["out.pt", "out", "out.safetensors.bak"])
def test_the_name_must_be_one_that_the_loader_reads(name: str, tmp_path: Path, weights: Arrays) -> None:
    """The new file's name must have the ending by which f5_tts reads it."""
    save_file(under("ema.", weights), tmp_path / "model.safetensors")

    with pytest.raises(ValueError, match=r"must end in \.safetensors"):
        repair(tmp_path / "model.safetensors", tmp_path / name)


def test_nothing_is_overwritten(tmp_path: Path, weights: Arrays) -> None:
    """Neither another file nor the source itself is overwritten."""
    path = tmp_path / "model.safetensors"
    save_file(under("ema.", weights), path)
    before = path.read_bytes()

    with pytest.raises(FileExistsError, match="exists already"):
        repair(path, path)
    assert path.read_bytes() == before


def test_a_file_that_changed_since_is_not_repaired(tmp_path: Path, weights: Arrays) -> None:
    """A file that changed since its inspection is not repaired."""
    path = tmp_path / "model.safetensors"
    save_file(under("ema.", weights), path)
    found = inspect(path)
    save_file(under("ema.ema_model.", weights), path)

    with pytest.raises(CheckpointUnusable, match="changed since it was inspected"):
        repair(path, tmp_path / "out.safetensors", inspection=found)


def test_progress_counts_the_bytes(tmp_path: Path, weights: Arrays) -> None:
    """The reported bytes add up to all bytes of all tensors."""
    path = tmp_path / "model.safetensors"
    save_file(under("ema.", weights), path)
    told: list[int] = []

    repair(path, tmp_path / "out.safetensors", progress=told.append)

    assert sum(told) == sum(array.nbytes for array in weights.values())
    assert min(told) > 0


@pytest.mark.parametrize("durable", [True, False])
def test_the_digest_is_the_files_if_it_is_asked_for(tmp_path: Path, weights: Arrays, *, durable: bool) -> None:
    """The digest costs more than the copy, so it is computed on request only, and is the file's."""
    path = tmp_path / "model.safetensors"
    save_file(under("ema.", weights), path)

    told = repair(path, tmp_path / "a.safetensors", digest=True, durable=durable)
    untold = repair(path, tmp_path / "b.safetensors", durable=durable)

    assert told.sha256 == sha256_of(tmp_path / "a.safetensors") == sha256_of(tmp_path / "b.safetensors")
    assert untold.sha256 is None


def test_the_json_says_what_is_promised(tmp_path: Path, weights: Arrays) -> None:
    """The JSON is one object with these keys and no tensor's place."""
    save_file(under("ema.", weights), tmp_path / "model.safetensors")

    told = json.loads(inspect(tmp_path / "model.safetensors").to_json())

    assert list(told) == [
        "verdict",
        "layout",
        "architecture",
        "tensors",
        "bytes",
        "changes",
        "drops",
        "lossless",
        "reason",
    ]
    assert told["architecture"] == {
        "family": "f5-tts",
        "backbone": "DiT",
        "dim": 64,
        "depth": 2,
        "heads": 2,
        "text_dim": 64,
        "vocabulary": VOCABULARY,
        "dtype": "F32",
        "config": "unknown",
    }
    assert told["changes"] == [f"{len(SHAPES)} weights lose 'ema.', which f5_tts doesn't strip"]
    assert (told["drops"], told["lossless"]) == ([], True)
