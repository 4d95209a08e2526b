"""
The composition root: every part of the service, built from the settings and wired together.

Nothing here touches the bucket, a GPU or a model: those come with the first job.
"""

import logging
import secrets
import uuid
import weakref
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

from cloning.clock import Part, telling, untold
from cloning.errors import CheckpointUnusable, ServiceError
from cloning.jobs.conditional_writes import Conditions
from cloning.jobs.store import JobStore
from cloning.names import EngineName
from cloning.planning.alphabet import Alphabet
from cloning.planning.f5 import WINDOW_S
from cloning.planning.xtts import LANGUAGES
from cloning.ports import Clock, Engine, ObjectStore, Transcriber
from cloning.service import Latch, Service
from cloning.settings import Settings
from cloning.voices.library import VoiceLibrary
from engines.alphabets import f5_knows, vocabulary_at
from engines.device.gpu_thread import GpuThread
from engines.device.lazy import Lazy
from engines.device.placement import free_memory, gpu_memory
from engines.device.prefetch import Early
from engines.device.scheduler import Bounds
from engines.f5.engine import F5Engine, F5Files
from engines.f5.vocoder import vocoder_config
from engines.imports.f5 import importing_f5
from engines.whisper import WhisperTranscriber, check_asr_model
from engines.xtts import XttsEngine, XttsFiles, expect_available, import_xtts
from model_cache.background import Errands, Later, at_once
from model_cache.cache import CheckpointCache, LocalCheckpoint
from model_cache.catalog import Checkpoint
from model_cache.copies.eviction import GB
from model_cache.library import Library
from model_cache.progress import Watch, unwatched
from storage.plain_text import NotText, vocabulary
from worker.audio_decoder import ChildDecoder
from worker.audio_urls import fetch_url

log = logging.getLogger(__name__)


def build(settings: Settings, clock: Clock, scratch: Path) -> Service:
    """Every part of the service, wired; voices in use are kept in `scratch`. Touches neither the bucket nor a GPU."""
    store = make_store(settings)
    conditions = Conditions(store, new_id)
    worker = settings.runpod_pod_id or f"local-{new_id()}"
    max_audio_bytes = int(settings.max_audio_mb * 1e6)
    engines, transcribers, unload = make_models(settings, store)
    decoder = ChildDecoder(clock)
    latch = Latch()
    return Service(
        settings=settings,
        store=store,
        conditions=conditions,
        decoder=decoder,
        voices=VoiceLibrary(store, clock, scratch, decoder, max_audio_bytes=max_audio_bytes),
        jobs=JobStore(store, clock, worker=worker, new_id=new_id, lease_s=settings.lease_s, conditions=conditions),
        engines=engines,
        transcribers=transcribers,
        gpu=GpuThread(
            clock,
            make_bounds(settings),
            latch=latch,
            free=free_memory,
            unload=unload,
            unload_after_s=settings.idle_s,
        ),
        latch=latch,
        fetch_url=lambda url, stopped: fetch_url(
            url, max_bytes=max_audio_bytes, timeout_s=settings.download_timeout_s, stopped=stopped
        ),
        clock=clock,
        new_id=new_id,
        draw_seed=lambda: secrets.randbelow(2**32),
        worker=worker,
        gpu_memory=gpu_memory,
        aside=Errands().do,
    )


def make_bounds(settings: Settings) -> Bounds:
    """The most that is made at once: as many chunks as the setting says, of the length that texts are cut to."""
    chunks = settings.batch_chunks or 1
    return Bounds(chunks, chunks * WINDOW_S, settings.batch_wait_ms / 1000)


def new_id() -> str:
    """Twelve hex digits: of leases, incidents and workers without a name."""
    return uuid.uuid4().hex[:12]


def make_store(settings: Settings) -> ObjectStore:
    """The bucket of the settings, or the folder that stands in for it."""
    if settings.s3_bucket:
        from s3_utils import S3Store

        return S3Store.from_settings(settings)
    from storage.folder_store import FolderStore

    return FolderStore(settings.data_dir)


def make_models(settings: Settings, store: ObjectStore) -> tuple[Lazy[Engine], Lazy[Transcriber], Callable[[], None]]:
    """Engines, recognisers, and what takes all of them off the GPU. With LOW_VRAM one leaves before the other comes."""

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
    transcribers = make_transcribers(settings, without_engine)
    return engines, transcribers, unload


def make_engines(settings: Settings, store: ObjectStore, make_room: Callable[[], None]) -> Lazy[Engine]:
    """Engines by checkpoint name: the checkpoint says whose it is; fetched and repaired by the cache at its first use."""
    errands = Errands()
    cache = make_cache(settings, store, later=errands.add)
    library, accepted = Library(store), settings.xtts_license_accepted

    def check(name: str, *, engine: EngineName = "f5", commercial: bool = False, language: str | None = None) -> None:
        if engine == "xtts":
            expect_available(license_accepted=accepted)
        _check_vocoder(settings, library.check(name, engine=engine, commercial=commercial, language=language))

    def find(name: str) -> Checkpoint:
        checkpoint = library.find(name)
        if checkpoint.engine == "xtts":
            expect_available(license_accepted=accepted)  # before anything is fetched
        return checkpoint

    def alphabet(name: str, _: str | None) -> Alphabet | None:
        try:
            return alphabet_of(find(name))
        except (ServiceError, OSError, NotText):  # told where the checkpoint is needed
            return None

    early = Early(lambda name: cache.local(find(name)))

    def load(name: str, device: str | None, part: Part) -> Engine:
        checkpoint = find(name)
        try:
            with importing_f5(part) if checkpoint.engine == "f5" else nullcontext(), telling(part, "fetch"):
                local = early.take(name)
            engine = load_engine(cache, local, settings, device or settings.device, part)
        finally:
            errands.begin()  # what the cache has to publish, now that nobody waits for this disk and processor
        facts = {"engine": engine.facts.engine, "checkpoint": engine.facts.checkpoint, "device": engine.facts.device}
        log.info("engine.loaded", extra=facts)
        return engine

    def describe(engine: Engine) -> dict[str, object]:
        return {**vars(engine.facts), **engine.memory()}

    return Lazy(
        load,
        check=check,
        describe=describe,
        make_room=make_room,
        free=free_memory,
        ahead=early.ahead,
        alphabet=alphabet,
    )


def alphabet_of(checkpoint: Checkpoint) -> Alphabet | None:
    """
    What F5-TTS reads with this checkpoint, where its vocabulary is on this disk and sure to be its weights'.

    Whether the bucket's weights go with the vocabulary shows when they are here: no text is judged by it before. Raises NotText, OSError.
    """
    if checkpoint.engine != "f5" or checkpoint.in_bucket or not (path := vocabulary_at(checkpoint.vocab)):
        return None
    return Alphabet(checkpoint.name, checkpoint.languages, f5_knows(vocabulary(path)))


def load_engine(
    cache: CheckpointCache, local: LocalCheckpoint, settings: Settings, device: str, part: Part = untold
) -> Engine:
    """The engine whose checkpoint it is, loaded; tells its parts. Raises CheckpointUnusable, and what the hub and the device do."""
    engine: F5Engine | XttsEngine
    if local.checkpoint.engine == "xtts":
        with telling(part, "import"):
            import_xtts()
        with telling(part, "weights"):
            engine = XttsEngine.load(xtts_files(local), device, license_accepted=settings.xtts_license_accepted)
    else:
        with telling(part, "fetch"):
            default = None if settings.vocoder_path or local.vocoder_path else cache.vocoder()
        vocoder = default.vocoder_path if default else settings.vocoder_path
        with telling(part, "weights"):
            engine = F5Engine.load(f5_files(local, vocoder), device, settings.sampler)
    weakref.finalize(engine, local.lease.release)  # no other process evicts the files of an engine that lives
    return engine


def make_cache(
    settings: Settings, store: ObjectStore, watch: Watch = unwatched, later: Later = at_once
) -> CheckpointCache:
    """The checkpoints on this machine, as the settings bound and shape them."""
    limit = settings.model_cache_max_gb
    return CheckpointCache(
        store,
        settings.model_cache_dir,
        max_bytes=None if limit is None else int(limit * GB),
        dtype=settings.checkpoint_dtype,
        watch=watch,
        later=later,
    )


def f5_files(local: LocalCheckpoint, vocoder: Path | None) -> F5Files:
    """What the engine is told of a checkpoint on this disk; a deployment's own vocoder goes before the checkpoint's."""
    return F5Files(
        name=local.checkpoint.name,
        model=local.model_path,
        backbone=local.backbone,
        arch=dict(local.arch),
        vocab=local.vocab_path,
        vocoder=vocoder or local.vocoder_path,
        sha256=local.sha256,
        license=local.checkpoint.license,
        note=local.checkpoint.note,
        languages=local.checkpoint.languages,
    )


def xtts_files(local: LocalCheckpoint) -> XttsFiles:
    """What the engine is told of a checkpoint on this disk. The cache has seen to its vocab.json."""
    return XttsFiles(
        name=local.checkpoint.name,
        model=local.model_path,
        args=local.arch,
        vocab=local.vocab_path or local.model_path.with_name("vocab.json"),
        sha256=local.sha256,
        license=local.checkpoint.license,
        note=local.checkpoint.note,
        languages=local.checkpoint.languages or LANGUAGES,
    )


def make_transcribers(settings: Settings, make_room: Callable[[], None]) -> Lazy[Transcriber]:
    """Whisper, at the first voice without a transcript."""
    return Lazy(
        lambda name, device, _: WhisperTranscriber.load(name, device or settings.device),
        check=_check_recogniser,
        describe=lambda transcriber: {"model": transcriber.model, **transcriber.memory()},
        make_room=make_room,
        free=free_memory,
    )


def _check_recogniser(name: str, **_: object) -> None:
    """The name is the deployment's, never a caller's: whether it can be at all is the question."""
    check_asr_model(name)


def _check_vocoder(settings: Settings, checkpoint: Checkpoint) -> None:
    """The deployment's own vocoder, else one in the checkpoint's folder. Raises CheckpointUnusable."""
    if checkpoint.engine != "f5":
        return
    if settings.vocoder_path:
        try:
            vocoder_config(settings.vocoder_path)
        except CheckpointUnusable as error:
            raise CheckpointUnusable(error.message, **{**error.details, "setting": "VOCODER_PATH"}) from error
    elif checkpoint.in_folder and checkpoint.vocoder:
        vocoder_config(Path(checkpoint.vocoder))
