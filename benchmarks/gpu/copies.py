"""What copies between the machine and the device reach, in GB/s: how fast weights come, leave and return."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from benchmarks.gpu.bench import Asked, Bench
from benchmarks.machine import MIB
from benchmarks.paths import interleaved

if TYPE_CHECKING:
    from torch import Tensor

_MIB = {True: 512, False: 16}  # on a GPU, on a CPU


def copies(bench: Bench, asked: Asked) -> dict[str, Any]:
    """Of bytes that are copied once; within the device's memory each is read and written. A CPU has no way but that."""
    size = _MIB[bench.is_gpu] * MIB
    spent = interleaved(_ways(bench, size), asked.rounds, bench.meter.now)
    rates = {name: round(size / one["median_s"] / 1e9, 2) for name, one in spent.items()}
    weights = bench.official._weights.bytes  # noqa: SLF001 - nobody else asks
    return {"mib": size // MIB, "weights_mib": weights // MIB, "gb_per_s": rates, "spent": spent}


def _ways(bench: Bench, size: int) -> dict[str, Callable[[], object]]:
    import torch

    one, two, pageable = (torch.zeros(size, dtype=torch.uint8, device=place) for place in (*[bench.device] * 2, "cpu"))
    ways = {"within the device": _copying(one, two)}
    if bench.is_gpu:
        pinned = pageable.pin_memory()
        ways |= {
            "to the device, pinned": _copying(pinned, one),
            "to the device, pageable": _copying(pageable, one),
            "from the device, pinned": _copying(one, pinned),
            "from the device, pageable": _copying(one, pageable),
        }
    return ways


def _copying(source: "Tensor", target: "Tensor") -> Callable[[], object]:
    return lambda: target.copy_(source, non_blocking=True)
