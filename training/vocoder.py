"""
Train a small official Vocos on the waves of a file of training.data; on a GPU if there is one, else on a CPU.

OUT gets config.yaml and pytorch_model.bin (16 bits, moving average), log.csv and state.pt. No adversary: the losses are of the
log-mel and of magnitudes at five resolutions, the short ones of which teach phase. flite's speech is itself vocoded, so this is
enough to be understood; it buzzes. Stops, saves and resumes as training.acoustic does.
"""

import argparse
import math
import random
import sys
import time
from pathlib import Path
from typing import Any

import torch
import torchaudio
import yaml
from torch import Tensor

from engines.imports.f5 import import_f5
from training import packed, runs
from training.acoustic import STOPPED
from training.mels import BINS, HOP, RATE, at_model_rate

_SIZE, _CROP = 12, 64 * HOP  # crops a step, and their samples
_RATE, _DECAY = 2e-3, 0.998
_SAVE_EVERY = 5  # minutes
_FRAMES = {"n_fft": 1024, "hop_length": HOP, "padding": "center"}


def config_of(dim: int, layers: int) -> dict[str, Any]:
    """What `Vocos.from_hparams` reads."""

    def part(name: str, **arguments: object) -> dict[str, Any]:
        return {"class_path": f"vocos.{name}", "init_args": arguments}

    return {
        "feature_extractor": part(
            "feature_extractors.MelSpectrogramFeatures", sample_rate=RATE, n_mels=BINS, **_FRAMES
        ),
        "backbone": part(
            "models.VocosBackbone", input_channels=BINS, dim=dim, intermediate_dim=dim * 3, num_layers=layers
        ),
        "head": part("heads.ISTFTHead", dim=dim, **_FRAMES),
    }


class Losses:
    """How far a wave is from the real one: magnitudes at five resolutions, mels at three."""

    def __init__(self, device: str) -> None:
        self._windows = {n: torch.hann_window(n, device=device) for n in (2048, 1024, 512, 256, 128)}
        self._mels = [
            torchaudio.transforms.MelSpectrogram(RATE, n_fft=n, hop_length=n // 4, n_mels=bins, power=1).to(device)
            for n, bins in ((1024, 100), (512, 64), (2048, 128))
        ]

    def __call__(self, made: Tensor, real: Tensor) -> Tensor:
        total = made.new_zeros(())
        for n, window in self._windows.items():
            a, b = (
                torch.stft(x, n, n // 4, window=window, return_complex=True).abs().clamp(min=1e-4) for x in (made, real)
            )
            total = total + (a.log() - b.log()).abs().mean() + 2 * ((a - b).norm() / b.norm())
        for mel in self._mels:
            a, b = (mel(x).clamp(min=1e-5).log() for x in (made, real))
            total = total + 2 * (a - b).abs().mean()
        return total


class Training:
    """A Vocos, its moving average and its optimizer. Writes the configuration that both it and f5_tts read."""

    def __init__(self, out: Path, config: dict[str, Any], device: str, seed: int) -> None:
        import_f5()
        from vocos import Vocos

        torch.manual_seed(seed)
        out.mkdir(parents=True, exist_ok=True)
        (out / "config.yaml").write_text(yaml.safe_dump(config), "utf-8")
        self.out, self.device, self.step, self.seed = out, device, 0, seed
        self.model = Vocos.from_hparams(str(out / "config.yaml")).to(device)
        self.live: runs.State = self.model.state_dict()
        self.average = runs.copied(self.live)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), _RATE, betas=(0.8, 0.95), weight_decay=0.01)
        self.losses = Losses(device)

    def resume(self) -> float:
        """Take up a saved state; returns the share of its run that it has behind it."""
        state = torch.load(self.out / "state.pt", map_location=self.device, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.average, self.step = state["average"], state["step"]
        self.optimizer.load_state_dict(state["optimizer"])
        return runs.unfinished(state)

    def advance(self, real: Tensor, progress: float, *, bf16: bool) -> Tensor:
        """One step on waves [size, samples]; returns its loss."""
        falling = 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * progress))
        self.optimizer.param_groups[0]["lr"] = _RATE * min(1.0, (self.step + 1) / 100) * falling
        with torch.no_grad():
            mel = self.model.feature_extractor(real).clamp(min=math.log(1e-5))  # F5's floor; Vocos' own is lower
        with torch.autocast(self.device, dtype=torch.bfloat16, enabled=bf16):
            hidden = self.model.backbone(mel)
        made = self.model.head(hidden.float())
        loss = self.losses(made[:, : real.shape[1]], real[:, : made.shape[1]])
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        runs.follow(self.average, self.live, self.step, _DECAY)
        self.step += 1
        return loss

    def save(self, progress: float) -> None:
        """Write the weights, and what `resume` needs."""
        weights = runs.halved(self.average)
        runs.write_whole(self.out / "pytorch_model.bin", lambda path: torch.save(weights, path))
        state = {
            "model": self.live,
            "average": self.average,
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "progress": progress,
        }
        runs.write_whole(self.out / "state.pt", lambda path: torch.save(state, path))


def crops(waves: list[Tensor], rng: random.Random) -> Tensor:
    """Pieces of waves that are long enough, louder and quieter than they were."""
    chosen: list[Tensor] = []
    while len(chosen) < _SIZE:
        wave = rng.choice(waves)
        if len(wave) > _CROP:
            start = rng.randrange(len(wave) - _CROP)
            chosen.append(wave[start : start + _CROP] * rng.uniform(0.4, 1.6))
    return torch.stack(chosen)


def train(training: Training, waves: list[Tensor], run: runs.Run) -> None:
    """Step until the run is over, and save."""
    bf16, log, saved = runs.has_bf16(training.device), runs.Log(training.out / "log.csv"), run.minutes
    rng = random.Random(f"{training.seed}/{training.step}")
    while run.goes_on():
        loss = training.advance(crops(waves, rng), run.progress, bf16=bf16)
        log.add(training.step, loss, run)
        if run.minutes - saved > _SAVE_EVERY:
            training.save(run.progress)
            saved = run.minutes
    training.save(run.progress)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m training.vocoder", description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, default=25)
    parser.add_argument("--dim", type=int, default=192)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    waves = [at_model_rate(wave.numpy()).to(device) for wave in packed.load(args.data).waves]
    training = Training(args.out, config_of(args.dim, args.layers), device, args.seed)
    done = training.resume() if (args.out / "state.pt").is_file() else 0.0
    print(f"{len(waves)} waves on {device}, step {training.step}")
    run = runs.Run(args.minutes, time.monotonic, done)
    run.stop_on_signals()
    train(training, waves, run)
    sys.exit(STOPPED if run.stopped else 0)


if __name__ == "__main__":
    main()
