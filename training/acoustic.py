"""
Train the official DiT of f5_tts on a file of training.data; on a GPU if there is one, else on a CPU.

OUT gets model.safetensors (16 bits, moving average, keys as f5_tts publishes them), vocab.txt, arch.json, log.csv and state.pt,
written again every five minutes. The learning rate follows the clock: what --minutes allows is used up. SIGTERM and Ctrl-C save
and end with status 3; the same command goes on from there. After its end it trains for another --minutes.
"""

import argparse
import json
import random
import re
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn

from engines.imports.f5 import import_f5
from training import packed, runs
from training.batches import VOCAB, Chains, Choices
from training.flow import fastest_attention, loss_of
from training.mels import BINS

_MATRICES = re.compile(r"blocks.*(attn\.to_|ff\.ff|pwconv)")
_SAVE_EVERY = 5  # minutes
STOPPED = 3  # exit status


@dataclass(frozen=True)
class Settings:
    """How to train; the defaults made the checkpoint that README.md describes."""

    frames: int = 3072  # a step
    rate: float = 2e-3  # Muon's; AdamW's is half
    lean: float = 4  # moments are u ** lean
    falling: float = 0.3  # the last share of the run, in which the rate falls to 0
    decay: float = 0.997  # of the moving average
    compile: bool = False
    seed: int = 0


def arch_of(dim: int, depth: int, text_dim: int) -> dict[str, Any]:
    """The arguments of the DiT. Average upsampling spreads the letters over the frames, so that alignment is nearly given."""
    return {
        "dim": dim, "depth": depth, "heads": dim // 64, "ff_mult": 2, "text_dim": text_dim, "text_mask_padding": True,
        "text_embedding_average_upsampling": True, "qk_norm": None, "conv_layers": 4, "pe_attn_head": None,
        "attn_backend": "torch", "attn_mask_enabled": False, "checkpoint_activations": False,
    }  # fmt: skip


class Training:
    """A model, its moving average and its optimizers."""

    def __init__(self, arch: dict[str, Any], chains: Chains, settings: Settings, device: str) -> None:
        import_f5()
        from f5_tts.model import DiT

        torch.manual_seed(settings.seed)
        self.arch, self.settings, self.chains, self.device = arch, settings, chains, device
        self.model: nn.Module = DiT(**arch, text_num_embeds=len(VOCAB), mel_dim=BINS, dropout=0.0).to(device)
        vars(self.model)["_modules"]["proj_out"].bias.data.copy_(chains.mean())  # else AdamW walks there
        self.live = self.model.state_dict()
        self.average = runs.copied(self.live)
        self.optimizers, self.rates = _optimizers(self.model, settings.rate)
        self.step = self.spoken = 0

    def resume(self, path: Path) -> float:
        """Take up a saved state; returns the share of its run that it has behind it."""
        state = torch.load(path, map_location=self.device, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.average = state["average"]
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.step, self.spoken = state["step"], state["spoken"]
        return runs.unfinished(state)

    def compile(self) -> None:
        for block in self.model.get_submodule("transformer_blocks").children():
            block.compile(dynamic=False)
        self.model.get_submodule("input_embed").compile(dynamic=False)

    def advance(self, progress: float, rng: random.Random, *, bf16: bool) -> torch.Tensor:
        """One step; returns its loss."""
        settings, length = self.settings, self.chains.length()
        batch = self.chains.batch(max(1, settings.frames // length), length)
        loss = loss_of(self.model, batch, settings.lean, rng, bf16=bf16)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        factor = min(1.0, (self.step + 1) / 100, max(0.01, (1 - progress) / settings.falling))
        for optimizer, rate in zip(self.optimizers, self.rates, strict=True):
            optimizer.param_groups[0]["lr"] = rate * factor
            optimizer.step()
            optimizer.zero_grad()
        runs.follow(self.average, self.live, self.step, settings.decay)
        self.step, self.spoken = self.step + 1, self.spoken + batch.hidden.numel()
        return loss

    def save(self, out: Path, progress: float) -> None:
        """Write the checkpoint, and what `resume` needs."""
        tensors = {f"ema_model.transformer.{name}": tensor for name, tensor in runs.halved(self.average).items()}
        runs.write_whole(out / "model.safetensors", lambda path: save_file(tensors, path))
        (out / "vocab.txt").write_text("".join(f"{char}\n" for char in VOCAB), "utf-8")
        (out / "arch.json").write_text(json.dumps(self.arch, indent=2) + "\n", "utf-8")
        state = {
            "model": self.live,
            "average": self.average,
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "step": self.step,
            "spoken": self.spoken,
            "progress": progress,
        }
        runs.write_whole(out / "state.pt", lambda path: torch.save(state, path))


def _optimizers(model: nn.Module, rate: float) -> tuple[list[torch.optim.Optimizer], list[float]]:
    """Muon, which needs about half of AdamW's steps and is for matrices only, and AdamW for the rest; with their rates."""
    matrices: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for name, parameter in model.named_parameters():
        (matrices if parameter.ndim == 2 and _MATRICES.search(name) else others).append(parameter)
    muon = torch.optim.Muon(matrices, rate, weight_decay=0.01, adjust_lr_fn="match_rms_adamw")
    adam = torch.optim.AdamW(others, rate / 2, betas=(0.9, 0.98), weight_decay=0.01, fused=True)
    return [muon, adam], [rate, rate / 2]


def train(training: Training, rng: random.Random, run: runs.Run, out: Path) -> None:
    """Step until the run is over, and save."""
    out.mkdir(parents=True, exist_ok=True)
    bf16, log, saved = runs.has_bf16(training.device), runs.Log(out / "log.csv"), run.minutes
    seed = f"{training.settings.seed}/{training.step}"
    rng.seed(seed)  # a resumed run draws other chains
    torch.manual_seed(random.Random(seed).getrandbits(32))
    with fastest_attention(training.device):
        if training.settings.compile:
            training.compile()
        while run.goes_on():
            loss = training.advance(run.progress, rng, bf16=bf16)
            log.add(training.step, loss, run, training.spoken)
            if run.minutes - saved > _SAVE_EVERY:
                training.save(out, run.progress)
                saved = run.minutes
    training.save(out, run.progress)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m training.acoustic", description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--voices", default="slt,rms")
    parser.add_argument("--shares", help="how often each voice is drawn: 1,2")
    parser.add_argument("--lengths", default="384,704", help="frames of a chain (default 384,704)")
    parser.add_argument("--weights", help="how often each length is drawn: 1,1")
    parser.add_argument("--silence", type=float, default=0.1, help="share of the chains that end in silence")
    parser.add_argument("--dim", type=int, default=256)
    parser.add_argument("--depth", type=int, default=6)
    parser.add_argument("--text-dim", type=int, default=128)
    parser.add_argument("--compile", action="store_true", help="a third faster on a CPU; costs a minute at the start")
    for name, default in asdict(Settings()).items():
        if name != "compile":
            parser.add_argument(f"--{name}", type=type(default), default=default)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def _numbers(text: str | None) -> tuple[float, ...] | None:
    return tuple(map(float, text.split(","))) if text else None


def main() -> None:
    """The command line."""
    args = _arguments()
    torch.set_num_threads(args.threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    lengths = tuple(map(int, args.lengths.split(",")))
    choices = Choices(
        tuple(args.voices.split(",")), lengths, args.silence, _numbers(args.shares), _numbers(args.weights)
    )
    settings = Settings(**{name: getattr(args, name) for name in asdict(Settings())})
    rng = random.Random(args.seed)
    chains = Chains(packed.load(args.data), choices, rng, device)
    training = Training(arch_of(args.dim, args.depth, args.text_dim), chains, settings, device)
    done = training.resume(args.out / "state.pt") if (args.out / "state.pt").is_file() else 0.0
    print(
        f"{sum(p.numel() for p in training.model.parameters()) / 1e6:.2f} M parameters on {device}, step {training.step}"
    )
    run = runs.Run(args.minutes, time.monotonic, done)
    run.stop_on_signals()
    train(training, rng, run, args.out)
    sys.exit(STOPPED if run.stopped else 0)


if __name__ == "__main__":
    main()
