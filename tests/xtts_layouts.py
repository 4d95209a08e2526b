"""XTTS v2's weights in every published layout, at a small size and without coqui-tts, from the table of names and shapes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from model_cache.layouts.xtts_tensors import expected_keys

NUMBERS = {
    "channels": 64,
    "vocabulary": 53,
    "audio_tokens": 66,
    "audio_positions": 63,
    "text_positions": 102,
    "decoder_channels": 32,
    "decoder_in": 64,
    "layers": 2,
}
State = dict[str, Any]


def table_weights(seed: int = 0) -> State:
    """Random weights under the names of the table."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    return {
        name: torch.tensor(seed) if name.endswith("num_batches_tracked") else torch.randn(shape, generator=generator)
        for name, shape in expected_keys(NUMBERS).items()
    }


def under(prefix: str, state: Mapping[str, Any]) -> State:
    return {f"{prefix}{name}": tensor for name, tensor in state.items()}


def second_names(state: Mapping[str, Any]) -> State:
    """What `init_gpt_for_inference` adds: second names for the same tensors."""
    names = {
        name.replace("gpt.gpt.", "gpt.gpt_inference.transformer.", 1): tensor
        for name, tensor in state.items()
        if name.startswith("gpt.gpt.")
    }
    mel = state["gpt.mel_embedding.weight"]
    names |= dict.fromkeys(
        ("gpt.gpt.wte.weight", "gpt.gpt_inference.transformer.wte.weight", "gpt.gpt_inference.embeddings.weight"), mel
    )
    names["gpt.gpt_inference.pos_embedding.emb.weight"] = state["gpt.mel_pos_embedding.emb.weight"]
    for kind in ("weight", "bias"):
        names[f"gpt.gpt_inference.lm_head.0.{kind}"] = state[f"gpt.final_norm.{kind}"]
        names[f"gpt.gpt_inference.final_norm.{kind}"] = state[f"gpt.final_norm.{kind}"]
        names[f"gpt.gpt_inference.lm_head.1.{kind}"] = state[f"gpt.mel_head.{kind}"]
    return names


def trainer(state: Mapping[str, Any]) -> State:
    """What GPTTrainer saves."""
    import torch

    parts = {
        "dvae.codebook.embed": torch.ones(3, 3),
        "torch_mel_spectrogram_style_encoder.mel_stft.spectrogram.window": torch.ones(4),
        "torch_mel_spectrogram_dvae.mel_stft.spectrogram.window": torch.ones(4),
    }
    return {
        "config": {"model": "xtts", "model_args": {"gpt_layers": 2}, "languages": ["en", "pt"], "run_name": None},
        "model": under("xtts.", state) | parts,
        "optimizer": [{"state": {0: {"exp_avg": torch.ones(4)}}, "param_groups": [{"lr": 1e-5, "betas": (0.9, 0.99)}]}],
        "scaler": None,
        "step": 2735,
        "epoch": 1,
        "date": "2025-10-09",
        "model_loss": 1.5,
    }


def only_inference(state: Mapping[str, Any]) -> State:
    """Only `gpt.gpt_inference.*`, and no `gpt.gpt.*`."""
    return {name: tensor for name, tensor in state.items() if not name.startswith("gpt.gpt.")} | {
        name: tensor for name, tensor in second_names(state).items() if name.startswith("gpt.gpt_inference.")
    }


def blindly_renamed(state: Mapping[str, Any]) -> State:
    """What a conversion script makes that replaces 'gpt_inference' by 'gpt'."""
    return {name.replace("gpt.gpt_inference.", "gpt.gpt."): tensor for name, tensor in only_inference(state).items()}


def old_weight_norm(state: Mapping[str, Any]) -> State:
    """The names of torch before 2.1, which torch still takes."""
    return {
        name.replace("parametrizations.weight.original0", "weight_g").replace(
            "parametrizations.weight.original1", "weight_v"
        ): tensor
        for name, tensor in state.items()
    }


@dataclass(frozen=True)
class Row:
    """A row of the table: how the file is made, the verdict, the stable name, what must be said, and whether it is lossless."""

    make: Callable[[State], State]
    verdict: str
    layout: str
    said: str = ""
    lossless: bool = True


ROWS = {
    "bare weights under model": Row(lambda s: {"model": dict(s)}, "ready", "xtts"),
    "trainer": Row(trainer, "ready", "xtts-trainer"),
    "pruned with config": Row(lambda s: {"model": dict(s), "config": {"a": 1}}, "ready", "xtts"),
    "old weight norm": Row(lambda s: {"model": old_weight_norm(s)}, "ready", "xtts"),
    "dump of a loaded model": Row(lambda s: {"model": {**s, **second_names(s)}}, "ready", "xtts-inference"),
    "trainer with gpt_inference left in": Row(
        lambda s: trainer({**s, **second_names(s)}), "ready", "xtts-inference-trainer"
    ),
    "only gpt_inference": Row(
        lambda s: {"model": only_inference(s)}, "repairable", "xtts-inference-only", "second names of tensors"
    ),
    "gpt_inference blindly renamed": Row(
        lambda s: {"model": blindly_renamed(s)}, "repairable", "xtts-renamed", "second names of tensors"
    ),
    "no model key": Row(dict, "repairable", "xtts-bare", "go under the key 'model'"),
    "module": Row(lambda s: {"model": under("module.", s)}, "repairable", "xtts-ddp", "names lose 'module.'"),
    "module.xtts": Row(
        lambda s: {"model": under("module.xtts.", s)}, "repairable", "xtts-ddp", "names lose 'module.xtts.'"
    ),
    "trainer under module": Row(
        lambda s: trainer(s) | {"model": under("module.", trainer(s)["model"])},
        "repairable",
        "xtts-trainer-ddp",
        "3 tensors: training parts that the loader skips",
        lossless=False,
    ),
}
