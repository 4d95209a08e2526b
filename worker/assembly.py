"""
The composition root: builds every part of the service from the settings and wires them together.

Nothing here touches the bucket, a GPU or a model: the first job does.
"""

import logging
import secrets
import uuid
from collections.abc import Callable
from pathlib import Path

from cloning.dictionaries.library import DictionaryLibrary
from cloning.jobs.conditional_writes import Conditions
from cloning.jobs.store import JobStore
from cloning.planning.f5 import WINDOW_S
from cloning.ports import Clock, ObjectStore, SpeakerModel
from cloning.service import GpuBreaker, Service
from cloning.settings import Settings
from cloning.voices.library import VoiceLibrary
from engines.device.gpu_thread import GpuThread
from engines.device.placement import free_memory, gpu_memory
from engines.device.scheduler import Bounds
from engines.phones.pocketsphinx import Pocketsphinx
from engines.speakers.resemblyzer import Resemblyzer
from engines.speakers.wespeaker import Wespeaker
from model_cache.background import Errands
from worker.audio_decoder import ChildDecoder
from worker.audio_urls import fetch_url
from worker.models import EngineModels, Recognisers

log = logging.getLogger(__name__)


def build(settings: Settings, clock: Clock, scratch: Path) -> Service:
    """Build and wire the service; voices in use are kept in `scratch`. Touches neither the bucket nor a GPU."""
    store = make_store(settings)
    conditions = Conditions(store, new_id)
    worker = settings.runpod_pod_id or f"local-{new_id()}"
    max_audio_bytes = int(settings.max_audio_mb * 1e6)
    engines, transcribers, unload = make_models(settings, store)
    decoder = ChildDecoder(clock)
    breaker = GpuBreaker()
    return Service(
        settings=settings,
        store=store,
        conditions=conditions,
        decoder=decoder,
        voices=VoiceLibrary(store, clock, scratch, decoder, max_audio_bytes=max_audio_bytes),
        dictionaries=DictionaryLibrary(store, clock),
        jobs=JobStore(store, clock, worker=worker, new_id=new_id, lease_s=settings.lease_s, conditions=conditions),
        engines=engines,
        transcribers=transcribers,
        gpu=GpuThread(
            clock,
            make_bounds(settings),
            breaker=breaker,
            free=free_memory,
            unload=unload,
            unload_after_s=settings.idle_s,
        ),
        breaker=breaker,
        fetch_url=lambda url, stopped: fetch_url(
            url, max_bytes=max_audio_bytes, timeout_s=settings.download_timeout_s, stopped=stopped
        ),
        clock=clock,
        new_id=new_id,
        draw_seed=lambda: secrets.randbelow(2**32),
        worker=worker,
        gpu_memory=gpu_memory,
        speaker_model=make_speaker_model(settings, clock),
        phone_model=Pocketsphinx() if settings.phone_check == "pocketsphinx" else None,
        in_background=Errands().do,
    )


def make_bounds(settings: Settings) -> Bounds:
    """The largest batch: as many chunks as the setting allows, of the length that texts are cut to."""
    chunks = settings.batch_chunks or 1
    return Bounds(chunks, chunks * WINDOW_S, settings.batch_wait_ms / 1000)


def new_id() -> str:
    """Twelve hex digits, for leases, incidents and workers without a name."""
    return uuid.uuid4().hex[:12]


def make_store(settings: Settings) -> ObjectStore:
    """Make the store: the settings' bucket, or the folder that stands in for it."""
    if settings.s3_bucket:
        from s3_utils import S3Store

        return S3Store.from_settings(settings)
    from storage.folder_store import FolderStore

    return FolderStore(settings.data_dir)


def make_speaker_model(settings: Settings, clock: Clock) -> SpeakerModel | None:
    """Make the speaker model that the settings name, if any; it loads at its first use."""
    if settings.speaker_model == "wespeaker":
        return Wespeaker(settings.wespeaker_model, clock)
    return Resemblyzer() if settings.speaker_model == "resemblyzer" else None


def make_models(settings: Settings, store: ObjectStore) -> tuple[EngineModels, Recognisers, Callable[[], None]]:
    """Make engines, recognisers, and a function that unloads all of them. With LOW_VRAM one is unloaded before the other loads."""

    def without_recogniser() -> None:
        if settings.low_vram:
            transcribers.unload()

    def without_engine() -> None:
        if settings.low_vram:
            engines.unload()

    def unload() -> None:
        engines.unload()
        transcribers.unload()

    engines = make_engines(settings, store, without_recogniser)
    transcribers = Recognisers(settings, without_engine)
    return engines, transcribers, unload


def make_engines(settings: Settings, store: ObjectStore, make_room: Callable[[], None]) -> EngineModels:
    """Make the engines of this worker."""
    return EngineModels(settings, store, make_room)
