"""The cheapest way through an attention: at which frame each token of a text begins."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.floating[Any]]

_MEDIAN = 7  # frames


def token_starts(attention: Matrix) -> list[int]:
    """
    The frame at which each token begins, and at last the one where the end token does.

    As OpenAI's word times: each head normalised over the tokens, smoothed by a median over time, the mean of them walked through.
    """
    spread = attention.std(axis=1, keepdims=True)
    normal = (attention - attention.mean(axis=1, keepdims=True)) / np.where(spread > 0, spread, 1)
    return warp(-_smoothed(normal).mean(axis=0))


def _smoothed(heads: Matrix) -> Matrix:
    """A median filter along time, mirrored at the edges; recordings shorter than it stay as they are."""
    half = _MEDIAN // 2
    if heads.shape[-1] <= half:
        return heads
    padded = np.pad(heads, [(0, 0), (0, 0), (half, half)], mode="reflect")
    smooth: Matrix = np.median(np.lib.stride_tricks.sliding_window_view(padded, _MEDIAN, axis=-1), axis=-1)
    return smooth


def warp(cost: Matrix) -> list[int]:
    """
    The column at which each row of the cheapest monotone path begins (dynamic time warping).

    A row's costs are sums along it, so that each row is one pass of numpy: the best way to reach column j is the best entry from the
    row above, plus what lies between.
    """
    rows, columns = cost.shape
    total = np.full((rows + 1, columns + 1), np.inf)
    total[0, 0] = 0
    for row in range(rows):
        along = np.concatenate(([0.0], np.cumsum(cost[row])))
        enter = np.minimum(total[row, 1:], total[row, :-1])
        total[row + 1, 1:] = along[1:] + np.minimum.accumulate(enter - along[:-1])
    return _way_back(total, cost)


def _way_back(total: Matrix, cost: Matrix) -> list[int]:
    row, column = (size - 1 for size in cost.shape)
    starts = [0] * cost.shape[0]
    while row >= 0:
        starts[row] = column
        above = min(total[row, column], total[row, column + 1])
        if column and total[row + 1, column] < above:
            column -= 1
        else:
            column -= int(total[row, column] <= total[row, column + 1])
            row -= 1
    return starts
