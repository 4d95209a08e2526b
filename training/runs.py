"""What both trainings need: a run that the clock measures and a signal ends, a moving average, files that are never half."""

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

Clock = Callable[[], float]  # seconds
State = dict[str, Tensor]


class Run:
    """
    So many minutes of the clock, `done` of which (0..1) an earlier process has used.

    `progress` is what the learning rates follow. After `stop` the run goes no further; what is saved then can be resumed.
    """

    def __init__(self, minutes: float, clock: Clock, done: float = 0.0) -> None:
        self._clock, self._seconds = clock, minutes * 60
        self._begun = clock() - done * self._seconds
        self.stopped = False

    @property
    def progress(self) -> float:
        return min(1.0, (self._clock() - self._begun) / self._seconds)

    @property
    def minutes(self) -> float:
        return (self._clock() - self._begun) / 60

    def goes_on(self) -> bool:
        return not self.stopped and self.progress < 1

    def stop(self, *_: object) -> None:
        self.stopped = True

    def stop_on_signals(self) -> None:
        """SIGTERM and SIGINT (Ctrl-C) end the run after its current step."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.stop)


def unfinished(state: dict[str, Any]) -> float:
    """The share of its run that a saved state has behind it; 0 if that run ended, and another begins."""
    done = float(state.get("progress", 1.0))
    return done if done < 1 else 0.0


def copied(live: State) -> State:
    """Where a moving average begins."""
    return {name: tensor.clone() for name, tensor in live.items()}


@torch.no_grad()
def follow(average: State, live: State, step: int, decay: float) -> None:
    """Move the average towards the live weights; faster in the first steps."""
    share = 1 - min(decay, (1 + step) / (10 + step))
    names = [name for name, tensor in live.items() if tensor.is_floating_point()]
    torch._foreach_lerp_([average[name] for name in names], [live[name] for name in names], share)


def halved(state: State) -> State:
    """The floats in 16 bits, on the CPU."""
    return {
        name: (tensor.half() if tensor.is_floating_point() else tensor).cpu().contiguous()
        for name, tensor in state.items()
    }


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` make the file under another name; it appears whole or not at all."""
    staging = path.with_name(f".{path.name}")
    write(staging)
    staging.chmod(0o644)  # safetensors makes it readable by its owner only
    staging.rename(path)


def has_bf16(device: str) -> bool:
    """Whether 16-bit products are fast there."""
    return device == "cuda" or "avx512_bf16" in Path("/proc/cpuinfo").read_text(encoding="utf-8")


class Log:
    """A line for every 50 steps, printed and appended to a CSV file: step, minutes, loss, then what the caller counts."""

    def __init__(self, path: Path, every: int = 50) -> None:
        self._path, self._every, self._recent = path, every, list[Tensor]()

    def add(self, step: int, loss: Tensor, run: Run, counted: float = 0) -> None:
        self._recent.append(loss.detach())
        if step % self._every:
            return
        mean = torch.stack(self._recent).mean().item()
        self._recent.clear()
        print(f"step {step}, {run.minutes:.1f} min, loss {mean:.4f}", flush=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(f"{step},{run.minutes:.2f},{mean:.5f},{counted}\n")
