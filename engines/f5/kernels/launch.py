"""The compiled kernels as the solver calls them: tensors in, addresses to the driver."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from engines.f5.kernels.compiled import ALIGNMENT, HEAD, Compiled, Kernel, KernelsUnusable
from engines.f5.kernels.driver import Driver, Grid, cuda_driver

if TYPE_CHECKING:
    from torch import Tensor, dtype

    from engines.f5.rotary import Rotation


# The sizes of what a launch hands over, in bits: addresses, and for the rotation the number of heads.
_VALUES = {"rotate": (64, 64, 64, 32), "norm": (64,) * 4, "add_norm": (64,) * 6}
_ADDRESS = 64


class CompiledKernels:
    """
    The kernels on one device; `stream` says where torch's work goes now.

    Raises ValueError for a tensor that they can't read: they take its address alone.
    """

    def __init__(self, compiled: Compiled, driver: Driver, stream: Callable[[], int]) -> None:
        """Load them. Raises KernelsUnusable."""
        import torch

        self._driver = driver
        self._stream = stream
        self._dtype: torch.dtype = getattr(torch, compiled.dtype)
        self._tables = (torch.float32, torch.complex64)
        self._dim = compiled.dim
        self._loaded = {
            name: (driver.function(_fitting(kernel), code), kernel) for name, (kernel, code) in compiled.kernels.items()
        }

    def rotate(self, qkv: "Tensor", rotation: "Rotation", heads: int) -> None:
        """Rotate queries and keys of the first heads, in place. qkv: [rows, 3, heads, head]."""
        cosine, sine = rotation
        if len(cosine) != len(qkv) or len(sine) != len(qkv):
            raise ValueError(f"{len(qkv)} rows have rotary tables of {len(cosine)} and {len(sine)}")
        if heads * HEAD > self._dim:
            raise ValueError(f"{self._dim} features have no {heads} heads of {HEAD}")
        rows = _address(qkv, self._dtype)  # of itself: to flatten it may copy it
        self._rows(qkv.flatten(2))
        tables = [_address(one, dtype) for one, dtype in zip(rotation, self._tables, strict=True)]
        self._launch("rotate", (len(qkv), 2), [rows, *tables, heads])

    def norm(self, x: "Tensor", scale: "Tensor", shift: "Tensor") -> "Tensor":
        """Give LayerNorm(x) * scale + shift. x: [rows, dim]."""
        import torch

        out = torch.empty_like(x)
        self._launch("norm", (len(x), 1), self._addresses(x, scale, shift, out))
        return out

    def add_norm(self, x: "Tensor", y: "Tensor", gate: "Tensor", scale: "Tensor", shift: "Tensor") -> "Tensor":
        """Add gate * y to x, in place, and give LayerNorm(x) * scale + shift. x, y: [rows, dim]."""
        import torch

        out = torch.empty_like(x)
        self._launch("add_norm", (len(x), 1), self._addresses(x, y, gate, scale, shift, out))
        return out

    def _addresses(self, *tensors: "Tensor") -> list[int]:
        return [_address(self._rows(one), self._dtype) for one in tensors]

    def _rows(self, tensor: "Tensor") -> "Tensor":
        if tensor.shape[-1] != self._dim:
            raise ValueError(f"the kernels are compiled for {self._dim} features, not for {tuple(tensor.shape)}")
        return tensor

    def _launch(self, name: str, grid: Grid, values: list[int]) -> None:
        function, kernel = self._loaded[name]
        self._driver.launch(function, kernel, grid, self._stream(), values)


def load_kernels(compiled: Compiled, device: str) -> CompiledKernels:
    """Load them onto the device. Raises KernelsUnusable, and RuntimeError for a device that is full or lost."""
    import torch

    index, driver = _current(device), cuda_driver()
    return CompiledKernels(compiled, driver, lambda: torch.cuda.current_stream(index).cuda_stream)


def expect_driver(device: str) -> None:
    """What a launch on this device needs is here. Loads no code. Raises KernelsUnusable, and RuntimeError as above."""
    _current(device)
    cuda_driver()


def _current(device: str) -> int:
    """The number of the device, which is this thread's GPU for torch and the driver alike. Raises KernelsUnusable."""
    import torch

    # torch's context becomes the thread's own with the first thing that is done in it; an empty tensor does nothing.
    index: int = torch.zeros(1, device=device).device.index
    if index != torch.cuda.current_device():
        raise KernelsUnusable(f"the kernels run on the current GPU only, and {device} is another: set DEVICE=auto")
    return index


def _fitting(kernel: Kernel) -> Kernel:
    """The kernel, if it takes what a launch hands over, and after that pointers alone. Raises KernelsUnusable."""
    values = _VALUES[kernel.name]
    if kernel.bits[: len(values)] != values or set(kernel.bits[len(values) :]) - {_ADDRESS}:
        raise KernelsUnusable(f"{kernel.file} takes parameters of {kernel.bits} bits, and a launch has {values}")
    return kernel


def _address(tensor: "Tensor", dtype: "dtype") -> int:
    address = tensor.data_ptr()
    if address % ALIGNMENT or tensor.dtype is not dtype or not tensor.is_contiguous():
        raise ValueError(
            f"a kernel reads contiguous {dtype} from multiples of {ALIGNMENT} bytes, not {tensor.dtype} of strides "
            f"{tensor.stride()} at {address}"
        )
    return address
