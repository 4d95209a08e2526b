"""The calls of the CUDA driver that load and launch a kernel, by ctypes: Triton's own launcher would have to be compiled first."""

import ctypes
from collections.abc import Callable, Mapping, Sequence
from ctypes import CFUNCTYPE, POINTER, byref, c_char_p, c_int, c_uint, c_uint64, c_void_p
from typing import Any

from engines.f5.kernels.compiled import Kernel, KernelsUnusable

LIBRARY = "libcuda.so.1"
CALLS: Mapping[str, Any] = {
    "cuModuleLoadData": CFUNCTYPE(c_int, POINTER(c_void_p), c_void_p),
    "cuModuleGetFunction": CFUNCTYPE(c_int, POINTER(c_void_p), c_void_p, c_char_p),
    "cuLaunchKernel": CFUNCTYPE(
        c_int, c_void_p, *[c_uint] * 7, c_void_p, POINTER(c_void_p), POINTER(c_void_p)
    ),  # function; grid, block, bytes of shared memory; stream, parameters, extra
    "cuGetErrorString": CFUNCTYPE(c_int, c_int, POINTER(c_char_p)),
}
_WARP = 32
# What code or a launch can be refused for with no harm to the device: an invalid value, image or context; code for another card, of
# another version, or that would have to be compiled or linked; an invalid handle, no such symbol, out of resources, not supported.
_REFUSALS = {1, 200, 201, 209, 218, 221, 222, 223, 300, 301, 302, 303, 400, 500, 701, 801}

Grid = tuple[int, int]


class Driver:
    """The driver's functions by name, as `CALLS` types them."""

    def __init__(self, calls: Mapping[str, Callable[..., int]]) -> None:
        self._calls = calls

    def function(self, kernel: Kernel, code: bytes) -> int:
        """
        Load the kernel's machine code onto the current device. Raises KernelsUnusable if the driver refuses it.

        Raises RuntimeError that begins with "CUDA error" if memory did not suffice or the device is lost: that says nothing of the code.
        """
        module, function = c_void_p(), c_void_p()
        failed = self._calls["cuModuleLoadData"](byref(module), code) or self._calls["cuModuleGetFunction"](
            byref(function), module, kernel.symbol.encode()
        )
        if failed in _REFUSALS:
            raise KernelsUnusable(f"the driver can't load {kernel.file}: {self._meaning(failed)}")
        if failed:
            raise RuntimeError(f"CUDA error: {self._meaning(failed)} (when {kernel.file} was loaded)")
        return function.value or 0

    def launch(self, function: int, kernel: Kernel, grid: Grid, stream: int, values: Sequence[int]) -> None:
        """
        Start the kernel with these addresses and numbers; what it takes besides, pointers to scratch memory, is null.

        Raises RuntimeError: one that begins with "CUDA error" if the device is lost.
        """
        # The driver reads as many bytes of a place as its parameter has: the low ones of a smaller number come first.
        count = len(kernel.bits)
        words = (c_uint64 * count)(*values)
        start = ctypes.addressof(words)
        parameters = (c_void_p * count)(*range(start, start + ctypes.sizeof(words), ctypes.sizeof(c_uint64)))
        failed = self._calls["cuLaunchKernel"](
            function, *grid, 1, kernel.warps * _WARP, 1, 1, kernel.shared, stream, parameters, None
        )
        if failed in _REFUSALS:
            raise RuntimeError(f"the driver refused to launch {kernel.file}: {self._meaning(failed)}")
        if failed:
            raise RuntimeError(f"CUDA error: {self._meaning(failed)} (at the launch of {kernel.file})")

    def _meaning(self, failed: int) -> str:
        said = c_char_p()
        self._calls["cuGetErrorString"](failed, byref(said))
        return f"{(said.value or b'unknown error').decode()} ({failed})"


def cuda_driver() -> Driver:
    """The machine's own. Raises KernelsUnusable."""
    try:
        library = ctypes.CDLL(LIBRARY)
        return Driver({name: kind((name, library)) for name, kind in CALLS.items()})
    except (OSError, AttributeError) as error:
        raise KernelsUnusable(f"the driver's library {LIBRARY} can't be used: {error}") from error
