"""The compiled kernels as the solver calls them: tensors in, addresses to the driver."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engines.f5.kernels.compiled import ALIGNMENT, Compiled, Kernel, KernelsUnusable
from engines.f5.kernels.driver import Driver, Grid, cuda_driver

if TYPE_CHECKING:
    from torch import Tensor

    from engines.f5.packed import Rotation


@dataclass(frozen=True)
class _Loaded:
    """A kernel on the device."""

    kernel: Kernel
    function: int


class CompiledKernels:
    """
    The kernels on one device; `stream` says where torch's work goes now.

    Raises ValueError for a tensor that they can't read: they take its address alone.
    """

    def __init__(self, compiled: Compiled, driver: Driver, stream: Callable[[], int]) -> None:
        """Load them. Raises KernelsUnusable."""
        self._driver = driver
        self._stream = stream
        self._dtype = f"torch.{compiled.dtype}"
        self._dim = compiled.dim
        self._loaded: Mapping[str, _Loaded] = {
            name: _Loaded(kernel, driver.function(kernel, code)) for name, (kernel, code) in compiled.kernels.items()
        }

    def rotate(self, qkv: "Tensor", rotation: "Rotation", heads: int) -> None:
        """Rotate queries and keys of the first heads, in place. qkv: [rows, 3, heads, head]."""
        import torch

        cosine, sine = rotation
        if len(cosine) != len(qkv) or len(sine) != len(qkv):
            raise ValueError(f"{len(qkv)} rows have rotary tables of {len(cosine)} and {len(sine)}")
        tables = [_address(one, "torch.float32") for one in (cosine, torch.view_as_real(sine))]
        self._launch("rotate", (len(qkv), 2), [self._rows(qkv, 3), *tables, heads])

    def norm(self, x: "Tensor", scale: "Tensor", shift: "Tensor") -> "Tensor":
        """Give LayerNorm(x) * scale + shift. x: [rows, dim]."""
        import torch

        out = torch.empty_like(x)
        self._launch("norm", (len(x), 1), [self._rows(one) for one in (x, scale, shift, out)])
        return out

    def add_norm(self, x: "Tensor", y: "Tensor", gate: "Tensor", scale: "Tensor", shift: "Tensor") -> "Tensor":
        """Add gate * y to x, in place, and give LayerNorm(x) * scale + shift. x, y: [rows, dim]."""
        import torch

        out = torch.empty_like(x)
        self._launch("add_norm", (len(x), 1), [self._rows(one) for one in (x, y, gate, scale, shift, out)])
        return out

    def _rows(self, tensor: "Tensor", times: int = 1) -> int:
        """The address of rows, or of one, of `times` as many features as the kernels are compiled for."""
        if tensor.shape[tensor.ndim > 1 :].numel() != times * self._dim:
            raise ValueError(f"the kernels are compiled for {self._dim} features, not for {tuple(tensor.shape)}")
        return _address(tensor, self._dtype)

    def _launch(self, name: str, grid: Grid, values: list[int]) -> None:
        loaded = self._loaded[name]
        self._driver.launch(loaded.function, loaded.kernel, grid, self._stream(), values)


def load_kernels(compiled: Compiled, device: str) -> CompiledKernels:
    """Load them onto the device. Raises KernelsUnusable."""
    import torch

    index = torch.empty(0, device=device).device.index  # starts the device, if nothing has
    if index != torch.cuda.current_device():
        raise KernelsUnusable(f"the kernels run on the current GPU only, and {device} is another: set DEVICE=auto")
    return CompiledKernels(compiled, cuda_driver(), lambda: torch.cuda.current_stream(index).cuda_stream)


def _address(tensor: "Tensor", dtype: str) -> int:
    address = tensor.data_ptr()
    if address % ALIGNMENT or not tensor.is_contiguous() or str(tensor.dtype) != dtype:
        raise ValueError(
            f"a kernel reads contiguous {dtype} from multiples of {ALIGNMENT} bytes, not {tensor.dtype} of strides "
            f"{tensor.stride()} at {address}"
        )
    return address
