"""Which kernels and libraries torch chooses on this device: without their names no figure can be compared."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks.arithmetic import HEAD
from benchmarks.gpu.bench import Asked, Bench
from benchmarks.gpu.profile import traced

_FRAMES = 1000


def backend(bench: Bench, asked: Asked) -> dict[str, Any]:  # noqa: ARG001 - as every part
    """Attention of the model's shape, as the worker leaves torch and with cuDNN's allowed too; matrix products and convolutions."""
    import torch
    from torch.backends import cudnn

    cuda: Any = torch.backends.cuda  # half of it is untyped
    with cudnn_attention():
        with_cudnn = _attention(bench)
    return {
        "attention": _attention(bench),
        "attention_if_cudnn_allowed": with_cudnn,
        "allowed": {
            "flash": cuda.flash_sdp_enabled(),
            "memory_efficient": cuda.mem_efficient_sdp_enabled(),
            "cudnn": cuda.cudnn_sdp_enabled(),
            "math": cuda.math_sdp_enabled(),
        },
        "cudnn": cudnn.version(),  # type: ignore[no-untyped-call]  # torch's own
        "cudnn_benchmark": cudnn.benchmark,
        "blas": str(cuda.preferred_blas_library()).rpartition(".")[2],
        "tf32": {"products": cuda.matmul.allow_tf32, "convolutions": cudnn.allow_tf32},
        "half_sums_in_half": bool(cuda.matmul.allow_fp16_reduced_precision_reduction),
        "capabilities": list(torch.cuda.get_device_capability()) if bench.is_gpu else None,
    }


@contextmanager
def cudnn_attention() -> Iterator[None]:
    """Within the block torch may choose cuDNN's attention, which the worker turns off."""
    import torch

    cuda: Any = torch.backends.cuda
    before = cuda.cudnn_sdp_enabled()
    cuda.enable_cudnn_sdp(True)
    try:
        yield
    finally:
        cuda.enable_cudnn_sdp(before)


def _attention(bench: Bench) -> dict[str, Any]:
    """Torch's choice among its kinds, and on a GPU the kernels that ran."""
    import torch
    from torch.nn.attention import SDPBackend
    from torch.nn.functional import scaled_dot_product_attention

    dtype = next(bench.model.parameters()).dtype
    query = torch.randn(2, bench.files.arch["heads"], _FRAMES, HEAD, device=bench.device, dtype=dtype)
    chosen = SDPBackend(torch._fused_sdp_choice(query, query, query)).name  # noqa: SLF001 - there is no public way
    kernels = traced(lambda: scaled_dot_product_attention(query, query, query)).by_kernel if bench.is_gpu else {}
    return {"chosen": chosen, "kernels": [name[:100] for name in kernels]}
