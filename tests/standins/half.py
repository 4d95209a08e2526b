"""Products in half precision as a GPU makes them, for tests on a CPU: summed up in float32 and rounded once."""

from typing import Any

import torch
from torch import Tensor, float16
from torch.nn import functional
from torch.overrides import TorchFunctionMode

_PRODUCTS: frozenset[Any] = frozenset(
    {
        functional.linear, functional.conv1d, torch.conv1d, torch.matmul, torch.mm, torch.bmm, torch.addmm,
        Tensor.matmul, Tensor.__matmul__, Tensor.mm, Tensor.bmm, Tensor.addmm,
    }
)  # fmt: skip


class Float32Products(TorchFunctionMode):
    """While it is entered, float16 products are computed in float32. A CPU without float16 sums up in float32, too, but takes many times longer."""

    def __torch_function__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func not in _PRODUCTS or not any(map(_is_half, args)):
            return func(*args, **kwargs)
        out: Tensor | None = kwargs.pop("out", None)
        product: Tensor = func(*(one.float() if _is_half(one) else one for one in args), **kwargs)
        return product.half() if out is None else out.copy_(product)


def _is_half(value: object) -> bool:
    return getattr(value, "dtype", None) == float16
