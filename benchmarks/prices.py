"""
What an hour of speech costs on RunPod's cards: reckoned, not measured. `python -m benchmarks.prices` prints the table of docs/deploy.md.

A step takes the longer of two times: what the card needs for the products and for moving the rest through its memory, and what the
host needs to start the kernels. Operations are counted on the models (tests/unit/engines/f5/test_on_a_gpu.py); the cards' numbers are
their data sheets'; what of the matrix rate such products reach, and the time of a launch, are assumptions. Where others have published a
figure the model is near it: an RTX 3090 at 7 steps 0.026 to 0.028, published 0.030; `benchmarks.gpu` measures.
"""

import sys
from dataclasses import dataclass
from typing import Literal

from benchmarks.arithmetic import FLOP, multiply_adds

ARCH = {"dim": 1024, "depth": 22, "heads": 16, "ff_mult": 2, "text_dim": 512}  # F5TTS_v1_Base
CHUNK_S, REFERENCE_S = 10.0, 5.3
FRAMES = int((CHUNK_S + REFERENCE_S) * 24_000 / 256)
STEPS = (32, 16, 7)
HOUR_S = 3600
Path = Literal["official", "fast"]

_LAUNCH_S, _GAP_S = 6.5e-6, 1.2e-6  # an operation on the host; between two kernels on the card
_OPERATIONS = {"official": 1096, "fast": 701}  # aten operations of a step
_KERNELS = {"official": 980, "fast": 635}
_SYNCS_S = {"official": 0.48e-3, "fast": 0.0}  # four times a step the host waits for the device
PER_CHUNK_S = 0.020  # text, mel and vocoder
_TRAFFIC = {"official": 1.55, "fast": 1.0}
_UNITS = 66  # times that a block's elementwise operations read or write all rows
_CACHED = 2.5  # how much faster than its memory a cache is that holds the rows


@dataclass(frozen=True)
class Card:
    """Data sheet: dense fp16 matrix rate with fp32 sums in TFLOP/s, memory in TB/s, cache in MB. `share`: of that rate, reached. Dollars a second: flex workers."""

    tflops: float
    bandwidth: float
    cache: float
    share: float
    price: float


CARDS = {
    "L4": Card(121, 0.30, 48, 0.50, 0.00019),
    "RTX A5000": Card(111, 0.768, 6, 0.65, 0.00019),
    "RTX 3090": Card(71, 0.936, 6, 0.85, 0.00019),
    "A40": Card(150, 0.696, 6, 0.60, 0.00034),
    "RTX 4090": Card(165, 1.01, 72, 0.80, 0.00031),
    "L40": Card(181, 0.864, 96, 0.75, 0.00053),
    "L40S": Card(362, 0.864, 96, 0.65, 0.00053),
    "A100": Card(312, 2.0, 40, 0.70, 0.00076),
    "H100": Card(989, 3.35, 50, 0.70, 0.00116),
    "H200": Card(989, 4.8, 60, 0.70, 0.00155),
}


def step_s(card: Card, path: Path, frames: int = FRAMES) -> float:
    """Seconds of one step of a chunk with its reference, both halves of guidance."""
    dim, depth = ARCH["dim"], ARCH["depth"]
    products = FLOP * multiply_adds(ARCH, frames) / (card.tflops * 1e12 * card.share)
    rows = 2 * frames * dim * 2  # bytes
    bandwidth = card.bandwidth * 1e12 * (_CACHED if 6 * rows < card.cache * 1e6 else 1)
    modulation = 2 * (6 * depth + 2) * dim * dim if path == "official" else 0  # weights that the fast path reads once
    rest = (depth * _UNITS * rows * _TRAFFIC[path] + modulation) / bandwidth
    on_the_card = products + rest + _KERNELS[path] * _GAP_S
    return max(on_the_card, _OPERATIONS[path] * _LAUNCH_S) + _SYNCS_S[path]


def busy_s(card: Card, path: Path, steps: int) -> float:
    """Seconds of the card for an hour of speech."""
    return HOUR_S / CHUNK_S * (steps * step_s(card, path) + PER_CHUNK_S)


def table() -> str:
    """In Markdown: seconds and dollars."""
    ways: list[tuple[Path, int]] = [(path, steps) for path in ("official", "fast") for steps in STEPS]
    head = ["card", "$ / s", *(f"`{path}` {steps}" for path, steps in ways)]
    rows = [
        [name, f"{card.price:.5f}", *(_cell(card, path, steps) for path, steps in ways)] for name, card in CARDS.items()
    ]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows))


def _cell(card: Card, path: Path, steps: int) -> str:
    seconds = busy_s(card, path, steps)
    return f"{seconds:.0f} s, ${seconds * card.price:.3f}"


if __name__ == "__main__":
    sys.stdout.write(f"{table()}\n")
