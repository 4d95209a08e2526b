"""What the kernels do, as the solver calls them."""

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor

    from engines.f5.rotary import Rotation


class Kernels(Protocol):
    """The three kernels, on one device, in one precision."""

    def rotate(self, qkv: "Tensor", rotation: "Rotation", heads: int) -> None:
        """Rotate queries and keys of the first heads, in place. qkv: [rows, 3, heads, head]."""

    def norm(self, x: "Tensor", scale: "Tensor", shift: "Tensor") -> "Tensor":
        """Give LayerNorm(x) * scale + shift. x: [rows, dim]."""

    def add_norm(self, x: "Tensor", y: "Tensor", gate: "Tensor", scale: "Tensor", shift: "Tensor") -> "Tensor":
        """Add gate * y to x, in place, and give LayerNorm(x) * scale + shift. x, y: [rows, dim]."""
