"""What torch says of a device, and what we take it for."""

import pytest
import torch

from cloning.errors import DeviceMismatch, GpuOutOfMemory, ServiceError, WorkerUnfit
from engines.device.errors import failure_of, translated

ADVICE = (
    "\nCUDA kernel errors might be asynchronously reported at some other API call.\nFor debugging consider passing ..."
)
MEANINGS = [
    (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."), GpuOutOfMemory),
    (torch.AcceleratorError("CUDA error: out of memory" + ADVICE), GpuOutOfMemory),
    (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), GpuOutOfMemory),
    (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), GpuOutOfMemory),
    (RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"), GpuOutOfMemory),
    (RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED"), GpuOutOfMemory),
    (RuntimeError("cuFFT error: CUFFT_ALLOC_FAILED"), GpuOutOfMemory),
    (RuntimeError("CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`"), GpuOutOfMemory),
    (RuntimeError("CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasLtCreate(&handle)`"), GpuOutOfMemory),
    (RuntimeError("Triton Error [CUDA]: out of memory"), GpuOutOfMemory),
    (RuntimeError("CUDA driver error: out of memory"), GpuOutOfMemory),
    (torch.AcceleratorError("CUDA error: device-side assert triggered" + ADVICE), WorkerUnfit),
    (RuntimeError("CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasSgemm`"), WorkerUnfit),
    (RuntimeError("Triton Error [CUDA]: an illegal memory access was encountered"), WorkerUnfit),
    (RuntimeError("cuDNN Frontend error: [cudnn_frontend] Error: No execution plans support the graph."), WorkerUnfit),
    (RuntimeError("No available kernel. Aborting execution."), WorkerUnfit),
    (RuntimeError("CUDA error: an illegal memory access was encountered" + ADVICE), WorkerUnfit),
    (RuntimeError("CUDA error: uncorrectable ECC error encountered"), WorkerUnfit),
    (RuntimeError("CUDA error: unspecified launch failure"), WorkerUnfit),
    (RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasSgemm`"), WorkerUnfit),
    (RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR"), WorkerUnfit),
    (RuntimeError("cuFFT error: CUFFT_EXEC_FAILED"), WorkerUnfit),
    (RuntimeError("Expected all tensors to be on the same device, but found at least two devices, cpu and cuda:0!"), DeviceMismatch),
    (RuntimeError("Tensor on device meta is not on the expected device cuda:0!"), DeviceMismatch),
]  # fmt: skip
OTHERS = [
    RuntimeError("Sizes of tensors must match except in dimension 2. Expected size 2106 but got size 4089"),
    RuntimeError("shape '[2, 3]' is invalid for input of size 5"),
    RuntimeError(""),
    torch.AcceleratorError("CUDA error: operation not permitted when stream is capturing" + ADVICE),
    torch.AcceleratorError("CUDA error: operation failed due to a previous error during capture" + ADVICE),
]


@pytest.mark.parametrize(("error", "meaning"), MEANINGS, ids=lambda value: str(value)[:90])
def test_each_failure_of_a_device_has_one_meaning(error: RuntimeError, meaning: type[ServiceError]) -> None:
    """Memory, place, or the end of the process: the caller is told which, and that another try may work."""
    with pytest.raises(meaning) as caught, translated("cuda"):
        raise error

    assert type(caught.value) is meaning
    assert (caught.value.retryable, caught.value.refresh_worker) == (True, True)
    assert caught.value.details["device"] == "cuda"
    assert caught.value.__cause__ is error


@pytest.mark.parametrize("error", OTHERS, ids=lambda error: str(error)[:60])
def test_what_is_not_the_devices_passes(error: RuntimeError) -> None:
    """A bug must not look like a failing GPU, or every worker would be replaced for it."""
    assert failure_of(error, "cuda") is None
    with pytest.raises(RuntimeError) as caught, translated("cuda"):
        raise error

    assert caught.value is error


def test_real_torch_says_what_we_listen_for() -> None:
    """The words are torch's own, on two devices that every machine has."""
    with pytest.raises(DeviceMismatch), translated("cpu"):
        torch.nn.Linear(2, 2, device="meta")(torch.zeros(1, 2))
    with pytest.raises(DeviceMismatch), translated("cpu"):
        torch.nn.Embedding(2, 2, device="meta").to("cpu")


def test_only_the_first_line_reaches_the_caller() -> None:
    """The rest is advice to programmers, at any length."""
    failure = failure_of(RuntimeError("CUDA error: device-side assert triggered" + ADVICE * 50), "cuda:0")

    assert isinstance(failure, WorkerUnfit)
    assert failure.details == {"device": "cuda:0", "kind": "CUDA error: device-side assert triggered"}
    assert "debugging" not in failure.message
