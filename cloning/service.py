"""The service that the actions use: all of its parts, built in one place (assembly.build)."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cloning.audio.decoder import AudioDecoder
from cloning.checking.control import ControlCache
from cloning.dictionaries.library import DictionaryLibrary
from cloning.errors import Internal, Interrupted, ServiceError, WorkerUnfit
from cloning.failures import failure_of
from cloning.jobs.conditional_writes import Conditions
from cloning.jobs.store import JobStore
from cloning.ports import Clock, Engines, Models, ObjectStore, PhoneModel, SpeakerModel, Transcriber
from cloning.ports.gpu import Gpu
from cloning.settings import Settings
from cloning.voices.library import VoiceLibrary

log = logging.getLogger(__name__)


class GpuBreaker:
    """A circuit breaker, opened by a fatal failure of the GPU for the life of the process: its results can't be trusted any more."""

    def __init__(self) -> None:
        self._failure: WorkerUnfit | None = None

    def open(self, failure: WorkerUnfit) -> None:
        """Open the breaker; only the first failure counts."""
        if self._failure is None:
            self._failure = failure
            log.error("worker.unfit", extra=failure.details)

    @property
    def failure(self) -> WorkerUnfit | None:
        return self._failure

    def check(self) -> None:
        """Raise a new WorkerUnfit if the breaker is open."""
        if self._failure is not None:
            raise WorkerUnfit(self._failure.message, **self._failure.details)


@dataclass(frozen=True)
class Service:
    """
    The parts of the service.

    `fetch_url` fetches a public URL (raises DownloadRefused, and Interrupted once the event is set); `new_id` and `draw_seed` are
    the only randomness; `gpu_memory` returns the GPU's memory in use (None: no GPU is in use); `in_background` does work that no
    caller waits for; `controls` are what the recogniser made of the voices used last.
    """

    settings: Settings
    store: ObjectStore
    conditions: Conditions
    decoder: AudioDecoder
    voices: VoiceLibrary
    dictionaries: DictionaryLibrary
    jobs: JobStore
    engines: Engines[Any]
    transcribers: Models[Transcriber]
    gpu: Gpu
    fetch_url: Callable[[str, threading.Event], bytes]
    clock: Clock
    new_id: Callable[[], str]
    draw_seed: Callable[[], int]
    worker: str
    gpu_memory: Callable[[], dict[str, int] | None] = field(default=lambda: None)
    speaker_model: SpeakerModel | None = None
    phone_model: PhoneModel | None = None
    in_background: Callable[[Callable[[], None]], None] = field(default=lambda work: work())
    breaker: GpuBreaker = field(default_factory=GpuBreaker)
    controls: ControlCache = field(default_factory=ControlCache)

    def failure(self, error: BaseException) -> ServiceError:
        """The error to report for an exception; an exception that is not ours is logged with its traceback."""
        failure = failure_of(error)
        if failure is None:
            return self.incident(error)
        if failure is not error:
            log.warning("worker.trouble", extra={"code": failure.code, **failure.details}, exc_info=error)
        return failure

    def incident(self, error: BaseException) -> Internal:
        """Log a bug with its traceback; the caller gets only an id to quote."""
        incident = self.new_id()
        log.error("incident", extra={"incident": incident}, exc_info=error)
        return Internal(f"the service failed; quote incident {incident}", incident=incident)


@dataclass(frozen=True)
class Call:
    """
    One delivery of a request by RunPod: where to send progress, and whether to stop.

    `delivery_id` is RunPod's id. It also names the job if the request is a generate without a `job_id`.
    """

    delivery_id: str
    send_progress: Callable[[dict[str, Any]], None] = field(default=lambda _: None)
    stopped: threading.Event = field(default_factory=threading.Event)

    def check_stopped(self, job_id: str | None = None) -> None:
        """Raise Interrupted once RunPod has stopped the delivery. The error names the job, if there is one."""
        if self.stopped.is_set():
            details = {"job_id": job_id} if job_id else {}
            raise Interrupted(
                "RunPod stopped the job (cancelled, or out of time); deliver it again to go on", **details
            )
