"""
A small checkpoint for machines that can't download a real one: the official classes, the real vocabulary, random weights.

`python -m engines.tiny OUT` makes it in seconds. It goes through every step of a real checkpoint, and speaks noise. Its tensors
are under `ema.`, as in some published files, so that the repair is used too: f5_tts's own loader refuses the file as it is.
`--arch F5TTS_v1_Base` makes the full size (1.35 GB) for measurements.
"""

import argparse
import json
import re
import shutil
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import OmegaConf

from engines.imports.f5 import import_f5

if TYPE_CHECKING:
    from torch import Tensor, nn

NOTE = "random weights: proves plumbing, not sound"

TINY = "tiny"
TINY_ARCH: dict[str, Any] = {
    "dim": 64,
    "depth": 2,
    "heads": 2,
    "ff_mult": 2,
    "text_dim": 64,
    "text_mask_padding": True,
    "qk_norm": None,
    "conv_layers": 1,
    "pe_attn_head": None,
    "attn_backend": "torch",
    "attn_mask_enabled": False,
    "checkpoint_activations": False,
}
_TINY_VOCODER = {"dim": 64, "intermediate_dim": 128, "num_layers": 2}
_FULL_VOCODER = {"dim": 512, "intermediate_dim": 1536, "num_layers": 8}  # charactr/vocos-mel-24khz


def make_checkpoint(out: Path, *, arch: str = TINY, seed: int = 0) -> Path:
    """
    Write the folder `out` (checkpoint.json, model.safetensors, vocab.txt, vocoder/) atomically and return it.

    `arch` is "tiny" or a configuration of f5_tts with a DiT, such as "F5TTS_v1_Base". The same seed gives the same bytes; a
    folder that already holds this checkpoint is left unchanged. Raises ValueError for an unknown `arch`, FileExistsError if
    `out` holds something else.
    """
    record = _record(arch, seed)
    if out.exists() and any(out.iterdir()):
        _expect_same(out, record)
        return out
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as staging:
        folder = Path(staging) / out.name
        _write(folder, record, seed, _TINY_VOCODER if arch == TINY else _FULL_VOCODER)
        try:
            folder.rename(out)
        except OSError:  # taken in the meantime
            _expect_same(out, record)
    return out


def _expect_same(out: Path, record: dict[str, Any]) -> None:
    there = out / "checkpoint.json"
    if not there.is_file() or json.loads(there.read_text("utf-8")) != record:
        raise FileExistsError(
            f"{out} holds something other than the checkpoint {record['name']}: remove it or choose another folder"
        )


def _record(arch: str, seed: int) -> dict[str, Any]:
    numbers = TINY_ARCH if arch == TINY else _published_arch(arch)
    return {
        "name": f"{arch}-random-{seed}",
        "config": "F5TTS_v1" if arch == TINY else arch,
        "architecture": {"backbone": "DiT", "arch": numbers},
        "mel_spec_type": "vocos",
        "model": "model.safetensors",
        "vocab": "vocab.txt",
        "vocoder": "vocoder",
        "languages": ["en", "zh"],
        "license": "MIT",
        "commercial": True,
        "note": NOTE,
    }


def _published_arch(name: str) -> dict[str, Any]:
    path = _package_folder() / "configs" / f"{name}.yaml"
    choices = sorted(other.stem for other in path.parent.glob("F5TTS_*.yaml"))
    if name not in choices:
        raise ValueError(f"unknown architecture {name!r}: choose {TINY} or one of {', '.join(choices)}")
    return dict(OmegaConf.load(path).model.arch)


def _package_folder() -> Path:
    spec = find_spec("f5_tts")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("f5_tts is not installed: run `make setup`", name="f5_tts")
    return Path(next(iter(spec.submodule_search_locations)))


def _write(folder: Path, record: dict[str, Any], seed: int, vocoder: dict[str, int]) -> None:
    import torch
    from safetensors.torch import save_file

    folder.joinpath("vocoder").mkdir(parents=True)
    vocab = folder / "vocab.txt"
    shutil.copyfile(_package_folder() / "infer/examples/vocab.txt", vocab)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        save_file(_weights(record["architecture"]["arch"], vocab), folder / "model.safetensors")
        _write_vocoder(folder / "vocoder", vocoder)
    (folder / "model.safetensors").chmod(0o644)  # safetensors makes it readable by its owner only
    (folder / "checkpoint.json").write_text(json.dumps(record, indent=2) + "\n", "utf-8")


def _weights(arch: dict[str, Any], vocab: Path) -> "dict[str, Tensor]":
    import torch

    utils_infer = import_f5()
    from f5_tts.model import CFM, DiT
    from f5_tts.model.utils import get_tokenizer

    _, size = get_tokenizer(str(vocab), "custom")
    mels = utils_infer.n_mel_channels
    model = CFM(transformer=DiT(**arch, text_num_embeds=size, mel_dim=mels), mel_spec_kwargs={"n_mel_channels": mels})
    make_lively(model.transformer, {r"attn_norm\.linear|norm_out\.linear|proj_out": 2.0, r"to_[qk]\.": 4.0})
    scalars = {"ema.initted": torch.tensor(True), "ema.step": torch.tensor(0)}
    return {f"ema.{name}": tensor for name, tensor in model.state_dict().items()} | scalars


def make_lively(module: "nn.Module", gains: dict[str, float]) -> None:
    """
    Redraw the matrices whose names match a pattern of `gains`, with that gain over the square root of their inputs.

    DiT zero-initialises its gates and its output, so fresh weights return the noise that they started from; and fresh attention is
    uniform, so the text has no effect. The speech should depend on every input.
    """
    from torch.nn import init

    for name, parameter in module.named_parameters():
        for pattern, gain in gains.items():
            if parameter.ndim > 1 and re.search(pattern, name):
                init.normal_(parameter, std=gain / parameter.shape[1] ** 0.5)


def _write_vocoder(folder: Path, size: dict[str, int]) -> None:
    import torch
    from vocos import Vocos

    frames = {"n_fft": 1024, "hop_length": 256, "padding": "center"}
    config = {
        "feature_extractor": _part(
            "feature_extractors.MelSpectrogramFeatures", sample_rate=24000, n_mels=100, **frames
        ),
        "backbone": _part("models.VocosBackbone", input_channels=100, **size),
        "head": _part("heads.ISTFTHead", dim=size["dim"], **frames),
    }
    OmegaConf.save(config, folder / "config.yaml")
    vocoder = Vocos.from_hparams(str(folder / "config.yaml"))
    make_lively(vocoder, {r"head\.out": 1.0})
    torch.save(vocoder.state_dict(), folder / "pytorch_model.bin")


def _part(name: str, **arguments: object) -> dict[str, object]:
    """Describe a class of vocos and its arguments, as `Vocos.from_hparams` reads them."""
    return {"class_path": f"vocos.{name}", "init_args": arguments}


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m engines.tiny", description="Make a checkpoint folder with random weights."
    )
    parser.add_argument("out", type=Path, help="folder to make; left unchanged if it holds this checkpoint already")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same bytes (default 0)")
    parser.add_argument(
        "--arch", default=TINY, help="'tiny' (default) or a configuration of f5_tts, such as F5TTS_v1_Base"
    )
    arguments = parser.parse_args()
    try:
        make_checkpoint(arguments.out, arch=arguments.arch, seed=arguments.seed)
    except (ValueError, FileExistsError) as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
