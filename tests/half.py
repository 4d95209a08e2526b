"""Products in half precision as a GPU makes them, for tests on a CPU: summed up in float32 and rounded once."""

from typing import TYPE_CHECKING, Any

from torch import float16, ops
from torch.utils._python_dispatch import TorchDispatchMode

if TYPE_CHECKING:
    from torch import Tensor

_ATEN = ops.aten
_PRODUCTS = frozenset(
    {_ATEN.linear, _ATEN.matmul, _ATEN.addmm, _ATEN.mm, _ATEN.bmm, _ATEN.conv1d, _ATEN.convolution}
)  # the composed ones are seen in inference mode, their parts outside of it


class Float32Products(TorchDispatchMode):
    """While it is entered, float16 products are computed in float32. A CPU without float16 sums up in float32, too, but takes many times longer."""

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func.overloadpacket not in _PRODUCTS or not any(map(_is_half, args)):
            return func(*args, **kwargs)
        out: Tensor | None = kwargs.pop("out", None)
        product: Tensor = func.overloadpacket(*(one.float() if _is_half(one) else one for one in args), **kwargs)
        return product.half() if out is None else out.copy_(product)


def _is_half(value: object) -> bool:
    return getattr(value, "dtype", None) == float16
