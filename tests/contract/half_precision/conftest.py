"""Engines in half precision, as a GPU has them, a voice for them, and a machine with kernels for its card."""

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
import torch

from cloning.audio.canonical import check_and_make_canonical
from cloning.ports import Reference
from engines.device.placement import Weights
from engines.f5 import choice
from engines.f5.loading import load_model
from tests.conftest import SPOKEN
from tests.contract.half_precision.proved import COMPILED
from tests.kernels import TorchKernels, flash_attention


@pytest.fixture(autouse=True)
def _in_half_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half precision on the CPU, which upstream chooses on a GPU."""

    def weights_of(model: Any, vocoder: Any, device: str) -> Weights:
        return Weights({"model": model, "vocoder": vocoder}, device, {"model": torch.float16, "vocoder": torch.float32})

    monkeypatch.setattr("engines.f5.engine.load_model", lambda *given: load_model(*given).half())
    monkeypatch.setattr("engines.f5.engine.weights_of", weights_of)


@pytest.fixture(scope="module")
def reference(human_wav: bytes, tmp_path_factory: pytest.TempPathFactory) -> Reference:
    canonical, _ = check_and_make_canonical(human_wav)
    path = tmp_path_factory.mktemp("voice") / "reference.wav"
    path.write_bytes(canonical.wav)
    return Reference(path, SPOKEN, hashlib.sha256(canonical.wav).hexdigest(), canonical.duration)


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], None]:
    """A machine with kernels for its card; called with another way to make them, with those."""
    flash_attention(monkeypatch)

    def has(make: Callable[[], Any]) -> None:
        monkeypatch.setattr(choice, "compiled_for", lambda _: COMPILED)
        monkeypatch.setattr(choice, "expect_driver", lambda _: None)
        monkeypatch.setattr(choice, "load_kernels", lambda *_: make())

    has(TorchKernels)
    return has
