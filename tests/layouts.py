"""A very small F5-TTS with the official classes, its weights in every published layout, and the official loader."""

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from engines.imports.f5 import import_f5

VOCABULARY = 20
ARCH: dict[str, Any] = {"dim": 32, "depth": 2, "heads": 1, "ff_mult": 2, "text_dim": 16, "conv_layers": 1}
State = dict[str, Any]


def small_model(arch: Mapping[str, Any] = ARCH, backbone: str = "DiT", vocabulary: int = VOCABULARY) -> Any:
    """The official CFM around the official backbone, with random weights everywhere."""
    import torch

    import_f5()
    import f5_tts.model

    transformer = getattr(f5_tts.model, backbone)(**arch, text_num_embeds=vocabulary, mel_dim=100)
    model = f5_tts.model.CFM(transformer=transformer, mel_spec_kwargs={"n_mel_channels": 100})
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_()
    return model


def true_weights(seed: int = 0, **model: Any) -> State:
    """The state that a file of each layout must give back, bit for bit."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return {name: tensor.clone() for name, tensor in small_model(**model).state_dict().items()}


def load_officially(path: Path, **model: Any) -> State:
    """Load with f5_tts's own strict loader and return the model's weights. Raises what the loader raises."""
    f5 = import_f5()
    empty = small_model(**model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        loaded = f5.load_checkpoint(empty, str(path), "cpu")
    return dict(loaded.state_dict())


def same(left: Mapping[str, Any], right: Mapping[str, Any]) -> bool:
    """Whether two states have the same names, and the same bits under each."""
    import torch

    return left.keys() == right.keys() and all(
        left[name].dtype == right[name].dtype and torch.equal(left[name], right[name]) for name in left
    )


def under(prefix: str, state: Mapping[str, Any]) -> State:
    return {f"{prefix}{name}": tensor for name, tensor in state.items()}


def save(path: Path, content: Any) -> Path:
    """Save by the library that people use: safetensors' or torch's, by the ending."""
    import torch
    from safetensors.torch import save_file

    saver: Callable[[Any, Any], None] = save_file if path.suffix == ".safetensors" else torch.save
    saver(content, path)
    return path


def names(folder: Path) -> list[str]:
    """Everything in a folder, including hidden files."""
    return sorted(path.name for path in folder.iterdir())
