"""
What a device's failure means, told apart once: out of memory, out of place, or out of order.

After a fatal CUDA error (a device-side assert, an illegal access, an ECC error) every later call in the process fails or, worse,
does not; only a new process cures it. torch says so by AcceleratorError, older code by a RuntimeError that begins with "CUDA error".
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from traceback import walk_stack, walk_tb

from cloning.errors import DeviceMismatch, GpuOutOfMemory, WorkerUnfit

# The libraries have names of their own for memory that they can't allocate. A cuBLAS handle takes memory too, and nearly always
# fails for want of it. What a capture refuses does the device no harm. Of the rest a kernel did not run, or can't on this card.
_MEMORY = re.compile(
    r"(?:CUDA error|CUDA driver error|Triton Error \[CUDA\]): out of memory|CU(?:BLAS|DNN|FFT)\w*_ALLOC\w*_FAILED"
    r"|CUBLAS_STATUS_NOT_INITIALIZED when calling `cublas\w*Create"
)
_CAPTURE = re.compile(r"CUDA error: operation .*(?:stream is capturing|during capture)")
_FATAL = re.compile(
    r"CUDA error|CUDA driver error|cudaError\w+|CUDA kernel errors|CU(?:BLAS|DNN|SOLVER|FFT)_\w*(?:EXECUTION|EXEC|INTERNAL|MAPPING)\w*"
    r"|cuFFT error|Triton Error \[CUDA\]|cuDNN Frontend error|No available kernel"
)
_MISMATCH = re.compile(
    r"[Ee]xpected all tensors to be on the same device|on the expected device|same device|out of meta tensor"
)
_MOST_SAID = 120


@contextmanager
def translated(device: str) -> Iterator[None]:
    """Raises GpuOutOfMemory, DeviceMismatch or WorkerUnfit for what torch says of the device. Everything else passes."""
    try:
        yield
    except RuntimeError as error:
        if (failure := failure_of(error, device)) is not None:
            raise failure from error
        raise


def failure_of(error: BaseException, device: str) -> GpuOutOfMemory | DeviceMismatch | WorkerUnfit | None:
    """What the error says of the device; None if it is about something else."""
    import torch

    said = str(error)
    if isinstance(error, torch.OutOfMemoryError) or _MEMORY.search(said):
        return GpuOutOfMemory(
            f"the memory of {device} did not suffice; send the job again, or use a larger GPU", device=device
        )
    if _MISMATCH.search(said):
        return DeviceMismatch(
            f"part of the model was not on {device}; send the job again: it is a fault of this worker", device=device
        )
    if _CAPTURE.search(said):
        return None
    if isinstance(error, torch.AcceleratorError) or _FATAL.search(said):
        kind = _kind(said)
        return WorkerUnfit(
            f"{device} failed and this worker can't go on ({kind}); send the job again, and another worker takes it",
            device=device,
            kind=kind,
        )
    return None


def clear_frames(error: BaseException) -> None:
    """Drop what the failure's frames hold, and their callers': tensors. Its traceback still says where it was."""
    for inner, _ in walk_tb(error.__traceback__):
        for frame, _ in walk_stack(inner):
            with suppress(RuntimeError):  # this one still runs
                frame.clear()
    if error.__context__ is not None:
        clear_frames(error.__context__)


def _kind(said: str) -> str:
    """The first line: the rest is advice on debugging."""
    return (said.strip().splitlines() or ["no reason given"])[0][:_MOST_SAID]
