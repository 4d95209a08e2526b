"""What the actions are given: every part of the service, built in one place (handler.build)."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cloning.conditions import Conditions
from cloning.errors import Internal
from cloning.jobs import JobStore
from cloning.ports import Clock, Engine, GpuOwner, Models, ObjectStore, Transcriber
from cloning.settings import Settings
from cloning.voices import VoiceLibrary

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Service:
    """
    The parts of the service.

    `fetch_url` brings a public URL's bytes (raises DownloadRefused); `new_id` and `draw_seed` are the only randomness.
    """

    settings: Settings
    store: ObjectStore
    conditions: Conditions
    voices: VoiceLibrary
    jobs: JobStore
    engines: Models[Engine]
    transcribers: Models[Transcriber]
    gpu: GpuOwner
    fetch_url: Callable[[str], bytes]
    clock: Clock
    new_id: Callable[[], str]
    draw_seed: Callable[[], int]
    worker: str

    def incident(self, error: BaseException) -> Internal:
        """Log a bug with its traceback and give the caller an id to quote, and nothing else."""
        incident = self.new_id()
        log.error("incident", extra={"incident": incident}, exc_info=error)
        return Internal(f"the service failed; quote incident {incident}", incident=incident)


@dataclass(frozen=True)
class Call:
    """One delivery of a job: RunPod's id, where progress goes, and whether to stop."""

    job_id: str
    send_progress: Callable[[dict[str, Any]], None] = field(default=lambda _: None)
    stopped: threading.Event = field(default_factory=threading.Event)
