"""
Where a model is and must be: the one place that chooses devices, checks them, and takes weights off them and back.

`module.to(device)` moves parameters and buffers and nothing else; a tensor that a module keeps beside them (f5-tts's text cache
is one) stays behind, and the next call fails with "Expected all tensors to be on the same device", or speaks with what is stale.
So whatever is loaded or brought back is looked at, tensor by tensor, before anybody uses it.
"""

import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from cloning.errors import DeviceMismatch, DeviceUnavailable
from engines.device.errors import translated

if TYPE_CHECKING:
    from torch import Tensor, device, dtype, nn

_MOST_NAMED = 3


def choose_device(wanted: str) -> str:
    """
    The torch device for the setting DEVICE: 'auto' is a GPU if there is one. Raises DeviceUnavailable if it isn't there.

    On a GPU attention is kept from cuDNN, which on Hopper and Blackwell would be asked first and plan anew for every length.
    """
    import torch

    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
    elif wanted.startswith("cuda") and int(wanted.partition(":")[2] or 0) >= torch.cuda.device_count():
        raise DeviceUnavailable(
            f"DEVICE is {wanted!r} and this worker has {torch.cuda.device_count() or 'no'} usable GPU; set DEVICE=auto, or fix the GPU",
            field="DEVICE",
        )
    if wanted.startswith("cuda"):
        torch.backends.cuda.enable_cudnn_sdp(False)
    return wanted


def check_placed(parts: "Mapping[str, nn.Module]", wanted: str, dtypes: "Mapping[str, dtype]") -> None:
    """
    Every tensor of the parts is on the device, and every floating one of a part named in `dtypes` has that dtype.

    Looks at parameters, buffers, and tensors that a module keeps beside them, in this thread's `threading.local` too. Raises
    DeviceMismatch with the names of the first that are elsewhere.
    """
    want = _exact(wanted)
    astray = [
        f"{part}.{name} ({tensor.device}, {str(tensor.dtype).removeprefix('torch.')})"
        for part, module in parts.items()
        for name, tensor in tensors_of(module)
        if not _fits(tensor, want, dtypes.get(part))
    ]
    if astray:
        shown = ", ".join(astray[:_MOST_NAMED])
        raise DeviceMismatch(
            f"{len(astray)} tensors of the model are not on {wanted} in the dtype they should have ({shown}): send the job again; "
            "it is a fault of this worker", device=wanted, tensors=astray[:_MOST_NAMED],
        )  # fmt: skip


def tensors_of(module: "nn.Module") -> "Iterator[tuple[str, Tensor]]":
    """Parameters, buffers, and the tensors among a module's other attributes, with their names; a shared one once."""
    yield from module.named_parameters()
    yield from module.named_buffers()
    for path, one in module.named_modules():
        for name, value in vars(one).items():
            if name not in {"_parameters", "_buffers", "_modules"}:
                yield from ((f"{path}.{name}".lstrip("."), tensor) for tensor in _tensors_in(value))


def _tensors_in(value: object) -> "Iterable[Tensor]":
    import torch

    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, threading.local):
        value = value.__dict__
    if isinstance(value, dict):
        value = list(value.values())
    return [one for one in value if isinstance(one, torch.Tensor)] if isinstance(value, list | tuple) else []


def _fits(tensor: "Tensor", want: "device", dtype: "dtype | None") -> bool:
    return tensor.device == want and (dtype is None or not tensor.is_floating_point() or tensor.dtype is dtype)


def _exact(wanted: str) -> "device":
    """'cuda' names whatever GPU is current; a tensor's own device always has its number."""
    import torch

    return torch.empty(0, device=wanted).device


def device_name(device: str) -> str:
    """'cpu', or the GPU with its model's name. Raises WorkerUnfit."""
    import torch

    with translated(device):
        return f"{device} ({torch.cuda.get_device_name(device)})" if device.startswith("cuda") else device


class Weights:
    """
    The modules of one model on one device: checked, parked in the machine's own memory, brought back, counted.

    The copy in the machine's memory is made at the first parking and kept, for weights don't change: from then on parking costs
    nothing. While they are away the modules are on torch's `meta` device, which has no numbers: a use that forgot to bring them
    back fails, and can't speak from the wrong device.
    """

    def __init__(self, parts: "Mapping[str, nn.Module]", device: str, dtypes: "Mapping[str, dtype]") -> None:
        """Raises what `check` does."""
        self._parts = dict(parts)
        self.device = device
        self._dtypes = dict(dtypes)
        self._kept: list[Tensor] = []
        self.parked = False
        self.check()
        self.bytes = sum(
            tensor.numel() * tensor.element_size() for module in parts.values() for _, tensor in tensors_of(module)
        )

    @property
    def worth_parking(self) -> bool:
        """On a CPU there is no other memory to go to: dropping the model is the only way to free it."""
        return self.device != "cpu"

    def park(self) -> None:
        """The modules let go of the device's memory."""
        if not self._kept:
            self._kept = [host_copy(tensor.detach()) for tensor in self._places()]
        self.parked = True
        for module in self._parts.values():
            module.to("meta")

    def resume(self) -> None:
        """The modules are on the device again, with their numbers and dtypes. Raises DeviceMismatch, GpuOutOfMemory, WorkerUnfit."""
        import torch

        with translated(self.device), torch.no_grad():
            for module in self._parts.values():
                module.to_empty(device=self.device)
            for tensor, kept in zip(self._places(), self._kept, strict=True):
                tensor.copy_(kept)
        self.check()
        self.parked = False

    def memory(self) -> dict[str, object]:
        """For `health`: where the weights are, and the bytes that they take there. Touches no tensor."""
        on_gpu = self.device != "cpu" and not self.parked
        copy = sum(tensor.numel() * tensor.element_size() for tensor in self._kept)
        return {
            "loaded_on": "host memory" if self.parked else self.device,
            "gpu_bytes": self.bytes if on_gpu else 0,
            "host_bytes": copy + (self.bytes if self.device == "cpu" and not self.parked else 0),
        }

    def check(self) -> None:
        """Raises DeviceMismatch if a tensor is not where, or not what, it should be; WorkerUnfit for a failure that shows only now."""
        with translated(self.device):
            check_placed(self._parts, self.device, self._dtypes)

    def _places(self) -> "Iterator[Tensor]":
        # A tensor that two modules share is two while it is on meta: each place is filled. A module with two names is one place.
        for part in self._parts.values():
            for module in part.modules():
                yield from module.parameters(recurse=False)
                yield from module.buffers(recurse=False)


def host_copy(tensor: "Tensor") -> "Tensor":
    """A copy in the machine's memory, pinned if it comes from a GPU and the machine allows: it goes back several times as fast."""
    import torch

    if tensor.is_cuda:
        with suppress(RuntimeError):  # no more can be pinned; another failure shows in the plain copy too
            return torch.empty_like(tensor, device="cpu", pin_memory=True).copy_(tensor)
    return tensor.to("cpu", copy=True)


def free_memory() -> None:
    """What torch keeps for later goes back to the GPU. Imports no torch and starts no GPU. Raises WorkerUnfit."""
    if (torch := _with_a_gpu()) is not None:
        with translated("cuda"):
            torch.cuda.empty_cache()


def gpu_memory() -> dict[str, int] | None:
    """Bytes of GPU memory that torch holds: in tensors, and set aside. None where no GPU is in use; asks no GPU."""
    if (torch := _with_a_gpu()) is None:
        return None
    return {"allocated_bytes": torch.cuda.memory_allocated(), "reserved_bytes": torch.cuda.memory_reserved()}


def _with_a_gpu() -> Any:
    torch = sys.modules.get("torch")
    cuda = getattr(torch, "cuda", None)  # another thread may be in the middle of the import
    return torch if cuda is not None and getattr(cuda, "is_initialized", bool)() else None
