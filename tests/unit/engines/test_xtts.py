"""XTTS files: each row of the table has its verdict, and what a repair writes is what the loader's own rules take."""

import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

import pytest

from cloning.errors import CheckpointUnusable
from model_cache.layouts.inspection import inspect
from model_cache.layouts.repair import repair
from tests.layouts import names, same, save
from tests.xtts_layouts import NUMBERS, ROWS, State, second_names, table_weights, under

CONFIG_MODULE = "TTS.tts.models.xtts"


@pytest.fixture(scope="module")
def truth() -> State:
    return table_weights(1)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Goes away at once: each file has 35 MB."""
    with TemporaryDirectory() as path:
        yield Path(path)


def loaded(path: Path) -> dict[str, Any]:
    """By torch, as the loader does it."""
    import torch

    content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return content


@pytest.mark.parametrize("name", ROWS)
def test_each_row_has_its_verdict(name: str, folder: Path, truth: State) -> None:
    """Ready files are left alone; the others become `{"model": weights}` with the true bits, and are ready then."""
    row = ROWS[name]
    path = save(folder / "model.pth", row.make(truth))
    before = path.stat()

    found = inspect(path)
    done = repair(path, folder / "out.pth", inspection=found)

    assert (found.verdict, found.layout, found.lossless) == (row.verdict, row.layout, row.lossless)
    facts = {name: found.architecture[name] for name in ("family", "dim", "depth", "vocabulary")}
    assert facts == {"family": "xtts", "dim": 64, "depth": 2, "vocabulary": 53}
    assert row.said in "; ".join([*found.changes, *found.drops])
    assert (path.stat().st_mtime_ns, path.stat().st_size) == (before.st_mtime_ns, before.st_size)
    if row.verdict == "ready":
        assert (done.bytes_written, names(folder)) == (0, ["model.pth"])
        return
    assert same(loaded(folder / "out.pth")["model"], truth)
    assert inspect(folder / "out.pth").verdict == "ready"


class PretendConfig:
    """Pickled under the name of coqui-tts's own classes."""

    def __init__(self, **values: Any) -> None:
        vars(self).update(values)


@pytest.fixture
def pickled_config(monkeypatch: pytest.MonkeyPatch) -> type[PretendConfig]:
    """A class that pickles as TTS.tts.models.xtts.XttsConfig."""
    modules = {name: ModuleType(name) for name in ("TTS", "TTS.tts", "TTS.tts.models", CONFIG_MODULE)}
    config = type("XttsConfig", (PretendConfig,), {"__module__": CONFIG_MODULE})
    vars(modules[CONFIG_MODULE])["XttsConfig"] = config
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    return config


def test_a_pickled_config_becomes_a_dictionary(folder: Path, truth: State, pickled_config: type[PretendConfig]) -> None:
    """The loader would rewrite the file at its first load; the repaired one has plain data and no speakers, as it would."""
    config = pickled_config(model="xtts", audio=pickled_config(sample_rate=24000), languages=["en"], speakers=["Ana"])
    path = save(folder / "model.pth", {"model": truth, "config": config})

    found = inspect(path)
    repair(path, folder / "out.pth")

    assert (found.verdict, found.layout, found.lossless) == ("repairable", "xtts-pickled-config", True)
    assert "would rewrite the file" in found.reason
    content = loaded(folder / "out.pth")
    assert content["config"] == {"model": "xtts", "audio": {"sample_rate": 24000}, "languages": ["en"], "speakers": []}
    assert same(content["model"], truth)


def test_safetensors_become_a_file_of_torch(folder: Path, truth: State) -> None:
    """The loader reads no safetensors."""
    path = save(folder / "model.safetensors", truth)

    found = inspect(path)
    repair(path, folder / "out.pth")

    assert (found.verdict, found.layout) == ("repairable", "xtts-bare")
    assert same(loaded(folder / "out.pth")["model"], truth)


def test_half_precision_of_xtts_is_torchs(folder: Path, truth: State) -> None:
    """Floats are cast, counters stay."""
    path = save(folder / "model.pth", {"model": truth})

    repair(path, folder / "out.pth", dtype="fp16")

    cast = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in truth.items()}
    assert same(loaded(folder / "out.pth")["model"], cast)


def changed(state: State, **changes: Any) -> State:
    return {**state, **{name.replace("__", "."): value for name, value in changes.items()}}


def without(state: State, *names: str) -> State:
    return {name: tensor for name, tensor in state.items() if name not in names}


def test_another_vocabulary_is_named_before_what_is_missing(folder: Path, truth: State) -> None:
    """The loader's own message lists 36 missing names first; the true cause comes first here, with both numbers."""
    path = save(folder / "model.pth", {"model": truth})

    found = inspect(path, vocabulary=54)

    assert found.verdict == "refused"
    assert found.reason == (
        "it was trained with a vocabulary of 53 entries, vocab.txt has 54: give the checkpoint's own vocab.txt"
    )


@pytest.mark.parametrize("what", ["missing", "shape", "unexpected", "copies", "two models", "v1", "cut down"])
def test_what_does_not_fit_is_refused(what: str, folder: Path, truth: State) -> None:
    """With the reason; strict=False would have loaded random weights."""
    import torch

    bias = "gpt.final_norm.bias"
    content, reason = {
        "missing": ({"model": without(truth, "gpt.gpt.h.0.ln_1.bias")}, "missing: gpt.gpt.h.0.ln_1.bias"),
        "shape": ({"model": {**truth, bias: torch.ones(3)}}, f"wrong shape: {bias} [3] instead of [64]"),
        "unexpected": ({"model": {**truth, "odd.weight": torch.ones(3)}}, "unexpected: odd.weight"),
        "copies": (
            {"model": {**truth, **{name: tensor.clone() for name, tensor in second_names(truth).items()}}},
            "two different tensors for one weight",
        ),
        "two models": ({"model": truth, "ema": under("", truth)}, "nothing says which one is meant"),
        "v1": ({"model": {**truth, "gpt.prompt_embedding.weight": torch.ones(66, 64)}}, "XTTS v1"),
        "cut down": ({"model": without(truth, "gpt.text_embedding.weight")}, "missing: gpt.text_embedding.weight"),
    }[what]
    path = save(folder / "model.pth", content)

    found = inspect(path)

    assert found.verdict == "refused"
    assert reason in found.reason
    with pytest.raises(CheckpointUnusable):
        repair(path, folder / "out.pth", inspection=found)
    assert names(folder) == ["model.pth"]


def test_a_file_of_xtts_is_none_of_f5(folder: Path, truth: State) -> None:
    """Where a configuration of F5-TTS is asked for."""
    path = save(folder / "model.pth", {"model": truth})

    assert "it is an XTTS model" in inspect(path, config="F5TTS_v1_Base").reason


def test_code_that_is_not_xttss_is_refused(folder: Path, truth: State) -> None:
    """Only the configuration's own classes are known; anything else is named."""
    path = save(folder / "model.pth", {"model": truth, "config": PretendConfig(a=1)})

    found = inspect(path)

    assert (found.verdict, found.layout) == ("refused", "foreign-classes")
    assert "PretendConfig" in found.reason


def test_numbers_of_the_table() -> None:
    """XTTS v2 has 963 tensors at its published size (counted on the real class), 627 at this one."""
    from model_cache.layouts.xtts_tensors import expected_keys

    published = {"channels": 1024, "vocabulary": 6681, "audio_tokens": 1026, "audio_positions": 608}
    published |= {"text_positions": 404, "decoder_channels": 512, "decoder_in": 1024, "layers": 30}
    assert (len(expected_keys(published)), len(expected_keys(NUMBERS))) == (963, 627)
