"""What the actions are given: every part of the service, built in one place (assembly.build)."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cloning.audio.decoder import AudioDecoder
from cloning.errors import Internal, Interrupted, ServiceError, WorkerUnfit
from cloning.failures import failure_of
from cloning.jobs.conditional_writes import Conditions
from cloning.jobs.store import JobStore
from cloning.ports import Clock, Engines, Models, ObjectStore, Transcriber
from cloning.ports.gpu import Gpu
from cloning.settings import Settings
from cloning.voices.library import VoiceLibrary

log = logging.getLogger(__name__)


class GpuBreaker:
    """Opened by a fatal failure of the GPU, for the life of the process: nothing that it computes can be trusted any more."""

    def __init__(self) -> None:
        self._failure: WorkerUnfit | None = None

    def open(self, failure: WorkerUnfit) -> None:
        """The first failure is the one that counts."""
        if self._failure is None:
            self._failure = failure
            log.error("worker.unfit", extra=failure.details)

    @property
    def failure(self) -> WorkerUnfit | None:
        return self._failure

    def check(self) -> None:
        """Raises WorkerUnfit once it is open, anew for each caller."""
        if self._failure is not None:
            raise WorkerUnfit(self._failure.message, **self._failure.details)


@dataclass(frozen=True)
class Service:
    """
    The parts of the service.

    `fetch_url` brings a public URL's bytes (raises DownloadRefused, and Interrupted once the event is set); `new_id` and `draw_seed` are the only randomness;
    `gpu_memory` tells the bytes of the GPU that are held (None: no GPU is in use); `in_background` does work that no caller waits for.
    """

    settings: Settings
    store: ObjectStore
    conditions: Conditions
    decoder: AudioDecoder
    voices: VoiceLibrary
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
    in_background: Callable[[Callable[[], None]], None] = field(default=lambda work: work())
    breaker: GpuBreaker = field(default_factory=GpuBreaker)

    def failure(self, error: BaseException) -> ServiceError:
        """What the caller is told of an exception; the log has the traceback of what is not one of ours."""
        failure = failure_of(error)
        if failure is None:
            return self.incident(error)
        if failure is not error:
            log.warning("worker.trouble", extra={"code": failure.code, **failure.details}, exc_info=error)
        return failure

    def incident(self, error: BaseException) -> Internal:
        """Log a bug with its traceback and give the caller an id to quote, and nothing else."""
        incident = self.new_id()
        log.error("incident", extra={"incident": incident}, exc_info=error)
        return Internal(f"the service failed; quote incident {incident}", incident=incident)


@dataclass(frozen=True)
class Call:
    """
    One delivery of a request by RunPod: where progress goes, and whether to stop.

    `delivery_id` is RunPod's id. It names the job too, if the request is a generate without a `job_id` of its own.
    """

    delivery_id: str
    send_progress: Callable[[dict[str, Any]], None] = field(default=lambda _: None)
    stopped: threading.Event = field(default_factory=threading.Event)

    def check_stopped(self, job_id: str | None = None) -> None:
        """Raises Interrupted once RunPod has stopped the delivery. The job is named where there is one."""
        if self.stopped.is_set():
            whose = {"job_id": job_id} if job_id else {}
            raise Interrupted("RunPod stopped the job (cancelled, or out of time); deliver it again to go on", **whose)
