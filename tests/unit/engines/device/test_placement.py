"""What is set where a device is chosen, and how weights are kept beside it."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.overrides import TorchFunctionMode

from engines.device.placement import Weights, choose_device, host_copy


@pytest.fixture(autouse=True)
def _attention_as_it_was() -> Iterator[None]:
    before = torch.backends.cuda.cudnn_sdp_enabled()  # type: ignore[no-untyped-call]  # torch's own
    yield
    torch.backends.cuda.enable_cudnn_sdp(before)


def test_attention_on_a_gpu_makes_no_plans(monkeypatch: pytest.MonkeyPatch) -> None:
    """On Hopper and Blackwell cuDNN would plan anew for every length of speech: 23 to 440 ms each."""
    torch.backends.cuda.enable_cudnn_sdp(True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)

    assert choose_device("cuda:1") == "cuda:1"
    assert not torch.backends.cuda.cudnn_sdp_enabled()  # type: ignore[no-untyped-call]  # torch's own


class Asked(TorchFunctionMode):
    """Notes what is asked for by name, and pins nothing: no GPU is there."""

    def __init__(self, *, fails: bool) -> None:
        super().__init__()
        self.pinned: list[bool] = []
        self.fails = fails

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if "pin_memory" in kwargs:
            self.pinned.append(kwargs.pop("pin_memory"))
            if self.fails and self.pinned[-1]:
                raise RuntimeError("CUDA error: out of memory")
        return func(*args, **kwargs)


@pytest.mark.parametrize("fails", [False, True])
def test_weights_of_a_gpu_are_kept_in_pinned_memory(*, fails: bool) -> None:
    """From there they come back at the full rate of the bus; where the machine pins no more, plain memory will do."""
    with FakeTensorMode(), Asked(fails=fails) as asked:
        kept = host_copy(torch.ones(3, device="cuda", dtype=torch.float16))

    assert (kept.device.type, kept.dtype, kept.shape) == ("cpu", torch.float16, (3,))
    assert asked.pinned == [True]


def test_weights_of_a_cpu_are_kept_in_plain_memory() -> None:
    """Pinning would ask for a GPU's driver. The copy is one."""
    part = torch.nn.Linear(2, 2)
    weights = Weights({"part": part}, "cpu", {})
    numbers = part.weight.detach().clone()

    with Asked(fails=True) as asked:
        weights.park()
    weights.resume()

    assert asked.pinned == []
    assert torch.equal(part.weight, numbers)
