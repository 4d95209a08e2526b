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


def scalars(prefix: str = "", *names: str) -> State:
    """The EMA's counters, or others of these names."""
    import torch

    return {f"{prefix}{name}": torch.tensor(7) for name in names or ("initted", "step")}


def mel_buffers(prefix: str = "") -> State:
    """What the spectrogram computes with."""
    import torch

    return {
        f"{prefix}mel_spec.mel_stft.mel_scale.fb": torch.ones(513, 100),
        f"{prefix}mel_spec.mel_stft.spectrogram.window": torch.ones(1024),
    }


def trainer(truth: State, other: State) -> State:
    """What the trainer saves: the EMA's weights, the online ones, and the state of its optimizer."""
    import torch

    parameters = [torch.nn.Parameter(tensor) for tensor in other.values() if tensor.is_floating_point()]
    optimizer = torch.optim.AdamW(parameters)
    for parameter in parameters:
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer)
    return {
        "model_state_dict": other,
        "optimizer_state_dict": optimizer.state_dict(),
        "ema_model_state_dict": under("ema_model.", truth) | scalars(),
        "scheduler_state_dict": schedule.state_dict(),
        "update": 100,
    }


def half(state: State) -> State:
    return {name: tensor.half() for name, tensor in state.items()}


# What loads as it is, by name: its file, its layout and its content.
READY: dict[str, tuple[str, str, Callable[[State, State], State]]] = {
    "1 trainer": ("model.pt", "trainer-pt", trainer),
    "2 pruned": ("model.pt", "pruned-pt", lambda t, _: {"ema_model_state_dict": under("ema_model.", t)}),
    "3 official": ("model.safetensors", "ema-model", lambda t, _: under("ema_model.", t) | scalars()),
    "4 bare": ("model.safetensors", "bare", lambda t, _: t),
    "12 wrapped bare": ("model.pt", "pruned-pt", lambda t, _: {"ema_model_state_dict": t}),
    "13 mel buffers": (
        "model.safetensors",
        "ema-model",
        lambda t, _: under("ema_model.", t) | scalars() | mel_buffers("ema_model."),
    ),
    "17 half": ("model.safetensors", "ema-model", lambda t, _: under("ema_model.", half(t))),
}

# name: (file, layout, content, how it is repaired, is it lossless, what must be said)
REPAIRABLE: dict[str, tuple[str, str, Callable[[State, State], State], str, bool, str]] = {
    "5 ema": (
        "model.safetensors",
        "ema-prefix",
        lambda t, _: under("ema.", t),
        "renamed-copy",
        True,
        "weights lose 'ema.'",
    ),
    "5b ema with counters": (
        "model.safetensors",
        "ema-prefix",
        lambda t, _: under("ema.", t) | scalars("ema."),
        "renamed-copy",
        True,
        "weights lose 'ema.'",
    ),
    "6 whole EMA object": (
        "model.safetensors",
        "ema-object",
        lambda t, o: under("ema.ema_model.", t) | under("ema.online_model.", o) | scalars("ema."),
        "compacting-copy",
        False,
        "the online weights (never used for speech) under 'ema.online_model.'",
    ),
    "7 EMA object without online weights": (
        "model.safetensors",
        "ema-object",
        lambda t, _: under("ema.ema_model.", t) | scalars("ema."),
        "renamed-copy",
        True,
        "weights lose 'ema.'",
    ),
    "8 DDP": (
        "model.safetensors",
        "ddp",
        lambda t, _: under("ema_model.module.", t) | scalars(),
        "renamed-copy",
        True,
        "weights lose 'module.'",
    ),
    "9 compiled, with a vocoder": (
        "model.safetensors",
        "compiled",
        lambda t, o: under("ema_model._orig_mod.", t) | {"vocoder.head.weight": o["transformer.proj_out.weight"]},
        "compacting-copy",
        False,
        "1 tensor: the vocoder's, which goes into a file of its own",
    ),
    "10 bare .pt": ("model.pt", "bare-pt", lambda t, _: t, "converted", True, "are written as safetensors"),
    "11 online weights only": (
        "model.pt",
        "online-pt",
        lambda t, _: {"model_state_dict": t},
        "converted",
        True,
        "these are the online weights: the file names no EMA",
    ),
    "14 update": (
        "model.safetensors",
        "ema-model",
        lambda t, _: under("ema_model.", t) | scalars("", "initted", "step", "update"),
        "compacting-copy",
        True,
        "1 tensor: counter or buffer",
    ),
    "15 Lightning": (
        "model.safetensors",
        "lightning",
        lambda t, _: under("model.", t),
        "renamed-copy",
        True,
        "lose 'model.'",
    ),
    "15 state_dict": (
        "model.ckpt",
        "state-dict-pt",
        lambda t, _: {"state_dict": under("model.", t)},
        "converted",
        True,
        "of 'state_dict' are written as safetensors",
    ),
}
