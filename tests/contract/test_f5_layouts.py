"""
Every layout in which F5-TTS weights are published: the verdict, and what f5_tts's own strict loader makes of the result.

The files are made with the official classes at a small size; the tests have the numbers of the rows in the table of layouts.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cloning.errors import CheckpointUnusable
from model_cache.layouts.inspection import inspect
from model_cache.layouts.repair import repair
from tests.layouts import (
    ARCH,
    READY,
    REPAIRABLE,
    VOCABULARY,
    State,
    half,
    load_officially,
    names,
    same,
    save,
    scalars,
    true_weights,
    under,
)


@pytest.fixture(scope="module")
def truth() -> State:
    return true_weights(1)


@pytest.fixture(scope="module")
def other() -> State:
    """Other weights of the same shapes, which must not be loaded."""
    return true_weights(2)


@pytest.mark.parametrize("row", READY)
def test_what_loads_is_ready_and_nothing_is_written(row: str, tmp_path: Path, truth: State, other: State) -> None:
    """A file that the official loader takes is ready, and a repair writes no byte."""
    file, layout, content = READY[row]
    path = save(tmp_path / file, content(truth, other))
    before = sorted((each.name, each.stat().st_mtime_ns) for each in tmp_path.iterdir())

    found = inspect(path, vocabulary=VOCABULARY)
    done = repair(path, tmp_path / "out.safetensors", inspection=found)

    assert (found.verdict, found.layout, found.reason, found.lossless) == ("ready", layout, "", True)
    assert (done.how, done.bytes_written, done.sha256) == ("nothing", 0, None)
    assert sorted((each.name, each.stat().st_mtime_ns) for each in tmp_path.iterdir()) == before
    loaded = load_officially(path)
    assert same(loaded, {name: tensor.half().float() for name, tensor in truth.items()} if row == "17 half" else truth)


@pytest.mark.parametrize("row", REPAIRABLE)
def test_what_does_not_load_is_repaired(row: str, tmp_path: Path, truth: State, other: State) -> None:
    """A file that the loader refuses is repaired to exactly the true weights; the source keeps its bytes."""
    file, layout, content, how, lossless, said = REPAIRABLE[row]
    path = save(tmp_path / file, content(truth, other))
    before = path.read_bytes()
    with pytest.raises((RuntimeError, KeyError)):
        load_officially(path)

    found = inspect(path, vocabulary=VOCABULARY)
    done = repair(path, tmp_path / "out.safetensors", inspection=found)

    assert (found.verdict, found.layout, found.lossless) == ("repairable", layout, lossless)
    assert said in "; ".join([*found.changes, *found.drops])
    assert (done.how, done.bytes_written) == (how, (tmp_path / "out.safetensors").stat().st_size)
    assert same(load_officially(tmp_path / "out.safetensors"), truth)
    assert inspect(tmp_path / "out.safetensors").verdict == "ready"
    assert path.read_bytes() == before
    assert names(tmp_path) == sorted([file, "out.safetensors"])


def test_row_16_safetensors_under_another_name(tmp_path: Path, truth: State) -> None:
    """The format comes from the first bytes; the loader goes by the name, so the repaired file ends in .safetensors."""
    path = save(tmp_path / "model.safetensors", truth).rename(tmp_path / "model.pt")

    found = inspect(path)
    done = repair(path, tmp_path / "out.safetensors")

    assert (found.verdict, found.layout, done.how) == ("repairable", "misnamed-safetensors", "renamed-copy")
    assert same(load_officially(tmp_path / "out.safetensors"), truth)


class Settings:
    """A class that only its own program knows."""


def test_row_18_pickled_objects_are_refused(tmp_path: Path, truth: State) -> None:
    """A file that needs somebody's code is refused, and the class is named."""
    path = save(tmp_path / "model.pt", {"ema_model_state_dict": truth, "config": Settings()})

    found = inspect(path)

    assert (found.verdict, found.layout, found.lossless) == ("refused", "foreign-classes", None)
    assert "tests.contract.test_f5_layouts.Settings" in found.reason
    with pytest.raises(CheckpointUnusable, match="Settings"):
        repair(path, tmp_path / "out.safetensors")
    assert not (tmp_path / "out.safetensors").exists()


@pytest.mark.parametrize(
    ("arch", "backbone"),
    [
        pytest.param({**ARCH, "dim": 48, "depth": 3, "heads": 2, "ff_mult": 3}, "DiT", id="19 other sizes"),
        pytest.param({**ARCH, "qk_norm": "rms_norm", "long_skip_connection": True}, "DiT", id="options"),
        pytest.param({"dim": 32, "depth": 4, "heads": 1, "ff_mult": 4}, "UNetT", id="E2-TTS"),
    ],
)
def test_row_19_numbers_come_from_the_shapes(arch: dict[str, Any], backbone: str, tmp_path: Path) -> None:
    """Width, depth, heads and vocabulary are read from the shapes; the configuration is unknown unless it is given."""
    model = {"arch": arch, "backbone": backbone, "vocabulary": 33}
    state = true_weights(3, **model)
    path = save(tmp_path / "model.safetensors", under("ema.", state))

    found = inspect(path)
    repair(path, tmp_path / "out.safetensors")

    facts = {name: found.architecture[name] for name in ("backbone", "dim", "depth", "heads", "vocabulary", "config")}
    numbers = {name: arch[name] for name in ("dim", "depth", "heads")}
    assert facts == {"backbone": backbone, **numbers, "vocabulary": 33, "config": "unknown"}
    assert same(load_officially(tmp_path / "out.safetensors", **model), state)


def test_another_vocabulary_is_refused_with_both_numbers(tmp_path: Path, truth: State) -> None:
    """A vocabulary of another size is refused with both numbers: the text embedding has one row more than vocab.txt has entries."""
    found = inspect(save(tmp_path / "model.safetensors", truth), vocabulary=2545)

    assert found.verdict == "refused"
    assert "a vocabulary of 20 entries, vocab.txt has 2545" in found.reason


def test_a_given_configuration_must_fit(tmp_path: Path, truth: State) -> None:
    """If the given configuration doesn't fit, the sizes that differ are named before the tensors that are missing because of them."""
    found = inspect(save(tmp_path / "model.safetensors", truth), config="F5TTS_v1_Base")

    assert found.verdict == "refused"
    assert found.reason.startswith(
        "size mismatch: it has dim 32, depth 2, the configuration F5TTS_v1_Base has dim 1024, depth 22"
    )
    assert found.reason.index("wrong shape") < found.reason.index("missing")


def test_tensors_with_gaps_or_of_one_storage_are_written_as_they_are_seen(tmp_path: Path, truth: State) -> None:
    """Transposed, sliced and shared tensors of a .pt are written with their values."""
    import torch

    odd = dict(truth)
    name = "transformer.proj_out.weight"
    odd[name] = truth[name].T.contiguous().T
    name = "transformer.time_embed.time_mlp.2.weight"
    odd[name] = torch.stack([truth[name], truth[name] * 0], dim=-1)[..., 0]
    both = torch.cat([truth["transformer.proj_out.bias"], truth["transformer.norm_out.linear.bias"]])
    odd["transformer.proj_out.bias"], odd["transformer.norm_out.linear.bias"] = both[:100], both[100:]
    path = save(tmp_path / "model.pt", odd)

    repair(path, tmp_path / "out.safetensors")

    assert same(load_officially(tmp_path / "out.safetensors"), truth)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float64", "float16"])
@pytest.mark.parametrize("ending", ["safetensors", "pt"])
def test_half_precision_is_torchs(dtype: str, ending: str, tmp_path: Path, truth: State) -> None:
    """fp16, when asked for, has the bits of torch's `.half()` from any type; counters stay as they are."""
    import torch
    from safetensors.torch import load_file

    source = {name: tensor.to(getattr(torch, dtype)) for name, tensor in truth.items()} | scalars()
    path = save(tmp_path / f"model.{ending}", {"ema_model_state_dict": source} if ending == "pt" else source)

    done = repair(path, tmp_path / "out.safetensors", dtype="fp16")

    if dtype == "float16":
        assert done.how == "nothing"
        return
    written = load_file(tmp_path / "out.safetensors")
    assert {name: tensor.dtype for name, tensor in written.items() if name in truth} == dict.fromkeys(
        truth, torch.float16
    )
    assert same({name: written[name] for name in truth}, half({name: source[name] for name in truth}))
    assert same(load_officially(tmp_path / "out.safetensors"), {n: source[n].half().float() for n in truth})


def test_half_precision_is_bit_equal_over_all_magnitudes(tmp_path: Path, truth: State) -> None:
    """Normal, subnormal and rounded float32 values become what torch makes of them; values that don't fit are refused."""
    import torch
    from safetensors.torch import load_file

    bits = np.random.default_rng(0).integers(0, 2**32, 32 * 256, dtype=np.uint32).view(np.float32)
    values = torch.from_numpy(
        np.where(np.abs(bits) < 65000, bits, 1 / (1 + np.abs(np.nan_to_num(bits, posinf=1, neginf=1))))
    ).float()
    name = "transformer.time_embed.time_mlp.0.weight"
    path = save(tmp_path / "model.safetensors", truth | {name: values.reshape(32, 256)})

    repair(path, tmp_path / "out.safetensors", dtype="fp16")

    assert torch.equal(
        load_file(tmp_path / "out.safetensors")[name].view(torch.int16),
        values.reshape(32, 256).half().view(torch.int16),
    )
    huge = save(tmp_path / "huge.safetensors", truth | {name: values.reshape(32, 256) + 70000})
    with pytest.raises(CheckpointUnusable, match="half precision"):
        repair(huge, tmp_path / "none.safetensors", dtype="fp16")
    assert names(tmp_path) == ["huge.safetensors", "model.safetensors", "out.safetensors"]
