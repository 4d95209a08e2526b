"""
Several utterances laid end to end without padding, to go through the model at once.

Rows are positions: utterance by utterance, with guidance first the conditioned half, then the unconditioned one. A matrix product's
last bit may depend on the number of rows, and a vectorised function's on where the vectors end: packing changes the rounding.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engines.f5.rotary import Rotation

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Pack:
    """The layout: each utterance's length in frames, and how many sequences of that length it has (2 with guidance)."""

    frames: tuple[int, ...]
    copies: int
    rotation: Rotation
    bounds: "Tensor | None" = None
    """Where each sequence begins, and the end, int32 on the device; None where attention goes through them one by one."""

    @classmethod
    def of(cls, rotations: Sequence[Rotation], copies: int, *, has_bounds: bool = False) -> "Pack":
        """Make the layout for utterances with these rotary tables."""
        import torch

        cosine, sine = (
            torch.cat([table for table in tables for _ in range(copies)]) for tables in zip(*rotations, strict=True)
        )
        frames = tuple(len(cosine) for cosine, _ in rotations)
        return cls(frames, copies, (cosine, sine), _bounds(frames, copies, cosine) if has_bounds else None)

    def parts(self, x: "Tensor") -> "tuple[Tensor, ...]":
        """Each utterance's rows."""
        return x.split_with_sizes([frames * self.copies for frames in self.frames])


def _bounds(frames: Sequence[int], copies: int, like: "Tensor") -> "Tensor":
    """Made on the device: a copy to it would make the host wait."""
    import torch

    lengths = [like.new_full((copies,), one, dtype=torch.int32) for one in frames]
    return torch.nn.functional.pad(torch.cat(lengths).cumsum(0, dtype=torch.int32), (1, 0))
