"""
What a device's failure leads to: memory is made, a model is loaded again, another device speaks if the caller allows it.

Each is tried once and told in the manifest; what is left then is the caller's failure. Everything here runs on the GPU's thread.
A failed attempt is forgotten (its traceback holds its tensors) before the next one begins.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from cloning.errors import DeviceMismatch, DeviceUnavailable, GpuOutOfMemory, ServiceError
from cloning.planning import Chunk
from cloning.ports import Engine, Models, Parameters, Reference, Samples, Value, go_on
from cloning.service import Service
from cloning.synthesis import speak_with

log = logging.getLogger(__name__)

_FALLBACK = "cpu"


@dataclass(frozen=True)
class DeviceUse:
    """Which device the deployment wants and which one spoke; `reason` is the failure's code and words, if they differ by fallback."""

    requested: str
    used: str
    reason: str | None = None

    def to_json(self) -> dict[str, object]:
        """For reply, record, manifest and log."""
        return {
            "device_requested": self.requested,
            "device_used": self.used,
            "device_fallback": self.reason is not None,
            "device_fallback_reason": self.reason,
        }


class Speaker:
    """
    One checkpoint on one device, chunk after chunk.

    Out of memory: what is cached and the speech recogniser go, and the chunk is made again; then once more frugally, if the
    engine knows how. Out of place: the engine is loaded from its file and the chunk made again.
    """

    def __init__(
        self,
        service: Service,
        checkpoint: str,
        device: str | None,
        before_step: Callable[[], None] = go_on,
        *,
        job: str | None = None,
    ) -> None:
        """Loads. `job` is for the log. Raises what `Models.get` raises."""
        self._service = service
        self._before_step = before_step
        self._checkpoint = checkpoint
        self._device = device
        self._job = job
        self.engine = self._loaded()
        self.frugal_chunks = 0

    def speak(self, reference: Reference, chunk: Chunk, parameters: Parameters) -> Samples:
        """The chunk's samples. Raises GpuOutOfMemory, DeviceMismatch, WorkerUnfit if it can't be helped."""
        try:
            return self._with_room(reference, chunk, parameters)
        except DeviceMismatch as failure:
            tell(failure, self._job)
        del self.engine  # or two would share the memory
        self._service.engines.unload(forget=True)
        self.engine = self._loaded()
        return self._with_room(reference, chunk, parameters)

    def _with_room(self, reference: Reference, chunk: Chunk, parameters: Parameters) -> Samples:
        def attempt(*, frugal: bool) -> Samples:
            return speak_with(self.engine, reference, parameters, self._before_step, frugal=frugal)(chunk)

        frugal = self.engine.can_be_frugal
        for _ in range(2 if frugal else 1):
            try:
                return attempt(frugal=False)
            except GpuOutOfMemory as failure:
                tell(failure, self._job)
            self._make_room()
        wave = attempt(frugal=frugal)
        self.frugal_chunks += frugal
        return wave

    def _loaded(self) -> Engine:
        def load() -> Engine:
            return self._service.engines.get(self._checkpoint, device=self._device)

        try:
            return load()
        except GpuOutOfMemory as failure:
            tell(failure, self._job)
        self._make_room()
        return load()

    def _make_room(self) -> None:
        self._service.transcribers.unload(forget=True)


def on_some_device(
    service: Service,
    speak: Callable[[str | None], Value],
    *,
    fallback: bool,
    models: Models[object] | None = None,
    job: str | None = None,
) -> tuple[Value, str | None]:
    """
    What `speak` makes of the deployment's device, or, if that fails and the caller allows it, of the CPU; then also why.

    `models` are those that `speak` uses, unless they are engines; they let go of the device first. The CPU speaks the whole text anew: its noise is another, and a voice must not change in the middle.
    """
    try:
        return speak(None), None
    except (DeviceUnavailable, GpuOutOfMemory) as failure:
        if not fallback or service.settings.device == _FALLBACK:
            raise
        tell(failure, job)
        reason = f"{failure.code}: {failure.message}"
    (models or service.engines).unload(forget=True)
    return speak(_FALLBACK), reason


def tell(failure: ServiceError, job: str | None = None) -> None:
    """A device failed and something is done about it: the log knows, whatever comes of it."""
    whose = {"job": job} if job else {}
    log.warning("device.failed", extra={**whose, "code": failure.code, **failure.details})
