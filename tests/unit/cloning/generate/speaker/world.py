"""A service on a stand-in for a GPU that fails as the test says."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch

from cloning.ports import Engine, Parameters, Reference, Samples, keep_going
from cloning.service import Call, Service
from engines.device.errors import translated
from handler import answer
from tests.conftest import with_settings
from tests.standins.fakes import OnDemand, ToneEngine

OUT_OF_MEMORY = "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 8 GiB"
ASTRAY = "Expected all tensors to be on the same device, but found at least two devices, cpu and cuda:0!"
FATAL = "CUDA error: device-side assert triggered"
TEXT = "One sentence to be said here. " * 12  # several chunks


class FailingEngine(ToneEngine):
    """Raises the next of `failures` in each call (None: it succeeds), as torch would; then speaks."""

    def __init__(self, failures: list[Exception | None], device: str) -> None:
        super().__init__()
        self.failures = failures
        self.facts = replace(self.facts, device=device)
        self.calls: list[bool] = []

    def speak(
        self,
        reference: Reference,
        text: str,
        *,
        seed: int,
        parameters: Parameters,
        before_step: Callable[[], None] = keep_going,
        frugal: bool = False,
    ) -> Samples:
        self.calls.append(frugal)
        with translated(self.facts.device):
            if self.failures and (failure := self.failures.pop(0)) is not None:
                raise failure
        return super().speak(reference, text, seed=seed, parameters=parameters, before_step=before_step)


class World:
    """A service on a stand-in for a GPU; `loads` are the devices that engines were loaded for."""

    kind: type[FailingEngine] = FailingEngine

    def __init__(self, service: Service) -> None:
        self.loads: list[str | None] = []
        self.engines: list[FailingEngine] = []
        self.failures: list[Exception | None] = []
        self.load_failures: list[Exception] = []
        self.recogniser_unloads = 0
        self.service = replace(
            with_settings(service, device="cuda"), engines=OnDemand(self._load, lambda engine: dict(vars(engine.facts)))
        )
        object.__setattr__(service.transcribers, "unload", self._unload)

    def _load(self, _: str, device: str | None) -> Engine:
        self.loads.append(device)
        if self.load_failures:
            raise self.load_failures.pop(0)
        failures: list[Exception | None] = [] if device == "cpu" else self.failures
        self.engines.append(self.kind(failures, device or "cuda (a card)"))
        return self.engines[-1]

    def _unload(self, *, forget: bool = False) -> None:
        self.recogniser_unloads += forget

    def generate(self, job: str = "j", **fields: Any) -> dict[str, Any]:
        return answer(self.service, {"text": TEXT, "voice": "anna", **fields}, Call(job))


def oom() -> Exception:
    """The GPU's memory is full."""
    return torch.cuda.OutOfMemoryError(OUT_OF_MEMORY)


def fatal() -> Exception:
    """The GPU can't be used by this process any more."""
    return torch.AcceleratorError(FATAL)


def astray() -> Exception:
    """A part of the model is on another device."""
    return RuntimeError(ASTRAY)
