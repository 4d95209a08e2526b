"""
The remedies for a device's failures, in one table: after which failure which models are unloaded before the next try.

Each remedy is tried once a task. After that the CPU may be used, if the caller allows it; otherwise the failure is the caller's.
Apply a remedy outside of the `except` block: the failed attempt's traceback holds its tensors until the block ends.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from cloning.errors import DeviceMismatch, DeviceUnavailable, GpuOutOfMemory, ServiceError
from cloning.service import Service

log = logging.getLogger(__name__)

CPU = "cpu"
DEVICE_FAILED = (GpuOutOfMemory, DeviceMismatch)
"""Failures of a device that a remedy may help."""
CPU_MAY_HELP = (DeviceUnavailable, GpuOutOfMemory)
"""Failures after which the CPU may do what the deployment's device can't."""


@dataclass(frozen=True)
class Remedy:
    """After `failure`, unload the models of `forget` and try once more; with `frugal` in a way that needs less memory."""

    failure: type[ServiceError]
    forget: Literal["engines", "transcribers"]
    frugal: bool = False

    def apply(self, service: Service) -> None:
        """Free the memory. On the GPU thread only."""
        models = service.engines if self.forget == "engines" else service.transcribers
        models.unload(forget=True)


LOADING = (Remedy(GpuOutOfMemory, "transcribers"),)
SPEAKING = (
    Remedy(DeviceMismatch, "engines"),  # it is loaded from its file again
    Remedy(GpuOutOfMemory, "transcribers"),
    Remedy(GpuOutOfMemory, "transcribers", frugal=True),
)
HEARING = (Remedy(GpuOutOfMemory, "engines"), Remedy(DeviceMismatch, "transcribers"))


class Recovery:
    """The remedies that one task has left. `frugal`: the last one says to save memory."""

    def __init__(self, remedies: Sequence[Remedy], *, can_be_frugal: bool = True, job: str | None = None) -> None:
        self._left = [remedy for remedy in remedies if can_be_frugal or not remedy.frugal]
        self._job = job
        self.frugal = False

    def next(self, failure: ServiceError) -> Remedy | None:
        """The next remedy for that failure, which is logged and counts as used; None if there is none."""
        remedy = next((one for one in self._left if isinstance(failure, one.failure)), None)
        if remedy is not None:
            log_failure(failure, self._job)
            self._left.remove(remedy)
            self.frugal = self.frugal or remedy.frugal
        return remedy


def devices_of(service: Service, *, fallback: bool) -> tuple[str | None, ...]:
    """The devices to try, in order: the deployment's (None), then the CPU if the caller allows it and it is another one."""
    return (None, CPU) if fallback and service.settings.device != CPU else (None,)


def log_failure(failure: ServiceError, job: str | None = None) -> None:
    """Log a device's failure for which there is a remedy, whatever comes of it."""
    whose = {"job": job} if job else {}
    log.warning("device.failed", extra={**whose, "code": failure.code, **failure.details})


@dataclass(frozen=True)
class DeviceUse:
    """The device that the deployment wants and the one that spoke; `reason` is the failure's code and message after a fallback."""

    requested: str
    used: str
    reason: str | None = None

    def to_json(self) -> dict[str, object]:
        """The fields for reply, record, manifest and log."""
        return {
            "device_requested": self.requested,
            "device_used": self.used,
            "device_fallback": self.reason is not None,
            "device_fallback_reason": self.reason,
        }
