"""
The solver's arithmetic against the card's: multiply-adds of the DiT from its numbers, and the rate of plain products.

Counted is the work that depends on the noise and so is done at each step, in both halves of guidance: linear layers, attention, and
the convolutions before the blocks. Work per utterance (text embeddings, mel, vocoder) or per number of steps (time embeddings,
modulations) is left out, and so is everything that only adds or scales, so the achieved rate is never overstated.
"""

from collections.abc import Callable, Mapping
from typing import Any

MELS = 100
HEAD = 64  # f5_tts's DiT builds no other
KERNEL, GROUPS = 31, 16  # of ConvPositionEmbedding (f5_tts/model/modules.py)
FLOP = 2  # of a multiply-add

_SQUARES = {"cuda": (4096, 8192, 16384), "cpu": (256, 512)}
_FLOP_OF_A_BURST = {"cuda": 5e13, "cpu": 1e9}


def multiply_adds(arch: Mapping[str, Any], frames: int, *, halves: int = 2) -> int:
    """
    The multiply-adds of one step for one utterance of so many frames (reference and speech together).

    `arch` is a DiT's as f5_tts configures it (dim, depth, heads, ff_mult, text_dim); `halves` is 1 without guidance.
    """
    dim, inner = arch["dim"], arch["heads"] * HEAD
    projections = 4 * dim * inner  # queries, keys, values, and what attention gives
    feed_forward = 2 * dim * int(dim * arch["ff_mult"])
    attention = 2 * frames * inner  # a row's scores, and their sum of values
    edges = (2 * MELS + arch["text_dim"]) * dim + dim * MELS
    convolutions = 2 * KERNEL * dim * (dim // GROUPS)
    row = arch["depth"] * (projections + feed_forward + attention) + edges + convolutions
    return int(row) * frames * halves


Product = tuple[int, int, int]
"""Rows, inner size and columns of a matrix product."""


def products(device: str, arch: Mapping[str, Any], rows: list[int]) -> list[Product]:
    """The squares that show what the card can do, and the solver's own feed-forward over so many rows."""
    squares = [(size, size, size) for size in _SQUARES[device.partition(":")[0]]]
    return squares + [(count, arch["dim"], int(arch["dim"] * arch["ff_mult"])) for count in rows]


def burst(product: Product, device: str, dtype: Any) -> tuple[Callable[[], object], float]:
    """A function that repeats one product on random numbers, and the floating-point operations of all repeats."""
    import torch

    rows, inner, columns = product
    operations = FLOP * rows * inner * columns
    times = max(1, round(_FLOP_OF_A_BURST[device.partition(":")[0]] / operations))
    a = torch.randn(rows, inner, device=device, dtype=dtype)
    b = torch.randn(inner, columns, device=device, dtype=dtype)
    out = torch.empty(rows, columns, device=device, dtype=dtype)

    def run() -> None:
        for _ in range(times):
            torch.mm(a, b, out=out)

    return run, float(operations * times)


def tflops(operations: float, seconds: float) -> float:
    """10^12 floating-point operations a second."""
    return float(f"{operations / seconds / 1e12:.4g}")


def best_square(rates: Mapping[Product, float]) -> float:
    """The card's rate: the fastest of the squares."""
    return max(rate for (rows, inner, columns), rate in rates.items() if rows == inner == columns)
